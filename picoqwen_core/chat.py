"""A conversation as the prompt text that a model was trained on, by its own chat template.

The template is a program inside a model file from the internet, so it runs in Jinja's sandbox and
sees plain strings, numbers, lists and dicts only.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, Self

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from picoqwen_core.errors import CheckpointError, RequestError, shown
from picoqwen_core.messages import ChatRequest, Message, ToolCall, ToolSpec

# Templates of models that always think end their prompts so.
_OPEN_THOUGHT = "<think>"
TEMPLATE_KEY = "tokenizer.chat_template"
# Qwen3's has 4,000.
MAX_CHARACTERS = 200_000


class ChatTemplate:
    """The compiled template of one model."""

    def __init__(self, source: str, special_tokens: Mapping[str, str] | None = None) -> None:
        """special_tokens: variables such as bos_token that a template may write.

        CheckpointError for a template that is not valid Jinja.
        """
        self._special_tokens = dict(special_tokens or {})
        if len(source) > MAX_CHARACTERS:
            raise CheckpointError(f"the chat template has {len(source)} characters; no model's is so long")
        try:
            self._template = _environment().from_string(source)
        # What is nested too deeply for Jinja's parser, or for Python's, is no TemplateError.
        except (jinja2.TemplateError, SyntaxError, ValueError, RecursionError, MemoryError) as err:
            raise CheckpointError(f"the chat template cannot be read: {str(err)[:200]}") from err

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """The template of a GGUF file; CheckpointError when it has none."""
        source = metadata.get(TEMPLATE_KEY)
        if not isinstance(source, str):
            raise CheckpointError(f"the model has no chat template: {TEMPLATE_KEY} is {shown(source)}")
        return cls(source, _special_tokens(metadata))

    def chat_prompt(self, request: ChatRequest, messages: Sequence[Message]) -> str:
        """The prompt of a request for these of its messages; RequestError as render()."""
        if not request.continues:
            return self.render(messages, request.tools, thinking=request.thinking)
        # What is gone on with stands behind the mark of a turn, where the model's own words would.
        *before, begun = messages
        prompt = self.render(before, request.tools, thinking=False)
        if prompt.rstrip().endswith(_OPEN_THOUGHT):
            prompt = f"{prompt.rstrip()}\n\n</think>\n\n"
        return prompt + begun.content

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        *,
        thinking: bool | None = None,
        add_generation_prompt: bool = True,
    ) -> str:
        """The prompt; `thinking` None leaves the choice to the template.

        RequestError when the template refuses the conversation, with its own words.
        """
        # Templates ask whether the variable exists, so None must not define it.
        choices = {} if thinking is None else {"enable_thinking": thinking}
        try:
            return self._template.render(
                messages=[_message(message) for message in messages],
                tools=[_tool(tool) for tool in tools] or None,
                add_generation_prompt=add_generation_prompt,
                **self._special_tokens,
                **choices,
            )
        # A template's mistakes surface as whatever Python error its expression meets.
        except (
            jinja2.TemplateError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            ArithmeticError,
        ) as err:
            raise RequestError(f"the model's chat template refuses these messages: {err}") from err


def _environment() -> ImmutableSandboxedEnvironment:
    """The environment that chat templates are written for.

    Nothing is computed while a template is compiled, neither by the optimizer nor for output, where a
    function that asks for the context prevents it: 9**9**9 would never come to an end.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"],
        optimized=False,
        finalize=_as_it_is,
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


@jinja2.pass_context
def _as_it_is(_context: Any, value: Any) -> Any:
    return value


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter escapes HTML and sorts keys, which models were not trained on."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    """The local time: models are told the date of the place they run in."""
    return datetime.now().astimezone().strftime(pattern)


def _special_tokens(metadata: Mapping[str, Any]) -> dict[str, str]:
    tokens = metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list):
        return {}
    ids = {
        "bos_token": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token": metadata.get("tokenizer.ggml.padding_token_id"),
    }
    return {
        name: tokens[index]
        for name, index in ids.items()
        if isinstance(index, int) and 0 <= index < len(tokens)
    }


def _message(message: Message) -> dict[str, Any]:
    """A message in the shape that templates expect: OpenAI's, with reasoning_content."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        fields["reasoning_content"] = message.reasoning
    if message.tool_calls:
        fields["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        fields["name"] = message.name
    return fields


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _plain(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    return {"type": "function", "function": {**function, "parameters": _plain(tool.parameters)}}


def _plain(value: Any) -> Any:
    """Mappings as dicts, all the way down: tojson takes no other kind."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
