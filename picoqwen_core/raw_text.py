"""Raw text to be gone on with, in the form of a conversation of one message, and back.

Whoever routes knows conversations only; with this one way of choosing, of failing over and of paying serves
both. Where a server goes on with no raw text, it is asked to in a conversation.
"""

from dataclasses import replace

from picoqwen_core.messages import ChatRequest, GenerateRequest, Message

INSTRUCTION = (
    "Go on with the text that the user sends, from its last character. Write what comes next and nothing "
    "else: do not repeat the text, do not speak of it, and do not answer it."
)


def as_chat(request: GenerateRequest) -> ChatRequest:
    """The same wish as a conversation that is marked as raw text."""
    return ChatRequest(
        (Message("user", request.prompt),),
        model=request.model,
        sampling=request.sampling,
        max_tokens=request.max_tokens,
        stop=request.stop,
        response_format=request.response_format,
        priority=request.priority,
        routing=request.routing,
        logprobs=request.logprobs,
        raw=True,
    )


def as_text(request: ChatRequest) -> GenerateRequest:
    """The text of a conversation that is marked as raw text; what was put before it comes before it."""
    return GenerateRequest(
        "\n\n".join(each.content for each in request.messages),
        model=request.model,
        sampling=request.sampling,
        max_tokens=request.max_tokens,
        stop=request.stop,
        response_format=request.response_format,
        priority=request.priority,
        logprobs=request.logprobs,
    )


def asked_for(request: ChatRequest) -> ChatRequest:
    """A conversation in which a model is asked to go on with the text."""
    told = [each.content for each in request.messages if each.role == "system"]
    rest = (each for each in request.messages if each.role != "system")
    system = Message("system", "\n\n".join([*told, INSTRUCTION]))
    return replace(request, messages=(system, *rest), thinking=False, raw=False)
