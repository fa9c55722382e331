"""The agent loop: a model calls tools until it has answered, a limit is hit, or the user must be asked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from picoqwen_core.agents.quoting import quoted
from picoqwen_core.agents.run import ConfirmationNeeded, Run
from picoqwen_core.agents.tool import ToolResult
from picoqwen_core.errors import LimitReached
from picoqwen_core.messages import ChatRequest, Message, ToolCall

_SAME_CALLS = 2
_STOPPED = "[Stopped: {}.]"
_QUESTION = "May I call {name} with {arguments}? {reason}. Nothing is done until you confirm it."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation ended; with state "confirm", `call` waits for the user after `messages`."""

    text: str
    state: Literal["done", "limited", "confirm"]
    messages: tuple[Message, ...] = ()
    call: ToolCall | None = None
    question: str = ""


async def converse(run: Run, request: ChatRequest, first: Sequence[ToolCall] = ()) -> Outcome:
    """Answer a request whose tools are the server's.

    first: calls of the last message that are still to be made. Raises the provider's errors.
    """
    made: dict[str, int] = {}
    offered = [spec.name for spec in request.tools]
    text, calls = "", tuple(first)
    try:
        while True:
            for index, call in enumerate(calls):
                key = f"{call.name} {call.arguments}"
                made[key] = made.get(key, 0) + 1
                try:
                    message = await _called(run, call, offered, repeated=made[key] > _SAME_CALLS)
                except ConfirmationNeeded as err:
                    return _asked(request, text, call, err, calls[index + 1 :])
                request = replace(request, messages=(*request.messages, message))
            answer = await run.llm.ask(request, run.emit)
            text += answer.content
            run.step("model", calls=[call.name for call in answer.calls])
            if not answer.calls:
                return Outcome(text, "done", request.messages)
            calls = answer.calls
            said = Message("assistant", answer.content, tool_calls=calls)
            request = replace(request, messages=(*request.messages, said))
    except LimitReached as err:
        run.limit(err.limit, str(err))
        note = _STOPPED.format(err)
        run.emit({"type": "delta", "text": f"\n{note}" if text else note})
        return Outcome(f"{text}\n{note}".strip(), "limited", request.messages)


def result_message(call: ToolCall, result: ToolResult) -> Message:
    """A tool's result as the model reads it."""
    text = quoted(result.text, call.name) if result.untrusted else result.text
    return Message("tool", text, tool_call_id=call.id, name=call.name)


async def _called(run: Run, call: ToolCall, offered: Collection[str], *, repeated: bool) -> Message:
    """The message with what came of a call. Small models repeat themselves: not for ever."""
    if repeated:
        text = "This same call was made before; use its result or answer now."
        return Message("tool", text, tool_call_id=call.id, name=call.name)
    return result_message(call, await run.call(call.name, call.arguments, offered))


def _asked(
    request: ChatRequest, text: str, call: ToolCall, why: ConfirmationNeeded, dropped: Sequence[ToolCall]
) -> Outcome:
    """The question in the server's own words; the model has no say in them. Later calls are not made."""
    messages = [*request.messages]
    for other in dropped:
        note = "not called: another call waits for the user"
        messages.append(Message("tool", note, tool_call_id=other.id, name=other.name))
    shown = ", ".join(f"{key} = {str(value)[:100]!r}" for key, value in call.arguments.items()) or "no values"
    question = _QUESTION.format(name=call.name, arguments=shown, reason=why.reason)
    gap = "\n\n" if text else ""
    return Outcome(text + gap + question, "confirm", tuple(messages), call, gap + question)
