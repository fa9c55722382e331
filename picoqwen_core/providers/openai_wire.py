"""Between our vocabulary and OpenAI's chat format, both ways; nothing here talks to anybody."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from picoqwen_core.errors import ProviderError, shown
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    FinishReason,
    Message,
    ResponseFormat,
    SamplingParams,
    ToolCall,
    Usage,
)
from picoqwen_core.raw_text import as_text

_DEFAULTS = SamplingParams()
# The last two are not OpenAI's, who would refuse the request; servers of a household know them.
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")
_OWN_SAMPLING = ("top_k", "min_p", "repetition_penalty")
_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "stop",
}
_PLAIN_CHOICES = ("auto", "none", "required")


def accepts(wanted: ResponseFormat | None) -> bool:
    """Whether OpenAI's format can ask for that form of an answer."""
    return wanted is None or wanted.type == "json"


def body_of(request: ChatRequest, model: str, max_tokens: int, *, own: bool) -> dict[str, Any]:
    """The arguments of a streamed completion; own: whether the server knows more than OpenAI's fields.

    What the caller did not set is left out, because models differ in what they accept. The structured home
    and earlier thoughts never go along.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(each) for each in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        # OpenAI's newer models refuse the old name, other servers do not know the new one.
        "max_tokens" if own else "max_completion_tokens": max_tokens,
    }
    body |= _set(request.sampling, _SAMPLING)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools and request.tool_choice != "none":
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
            }
            for t in request.tools
        ]
        if request.tool_choice != "auto":
            body["tool_choice"] = _choice(request.tool_choice)
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.response_format is not None:
        body["response_format"] = _format(request.response_format)
    if own:
        more = _set(request.sampling, _OWN_SAMPLING)
        if request.thinking is not None:
            more |= {
                "enable_thinking": request.thinking,
                "chat_template_kwargs": {"enable_thinking": request.thinking},
            }
        if request.continues:
            # vLLM's names, which llama.cpp's server takes too.
            more |= {"continue_final_message": True, "add_generation_prompt": False}
        if request.thinking_budget is not None:
            more["thinking_budget"] = request.thinking_budget
        body |= {"extra_body": more} if more else {}
    return body


def text_body_of(request: ChatRequest, model: str, max_tokens: int, *, own: bool) -> dict[str, Any]:
    """The arguments of a streamed continuation of raw text, by the older interface."""
    body: dict[str, Any] = {
        "model": model,
        "prompt": as_text(request).prompt,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": max_tokens,
    }
    body |= _set(request.sampling, _SAMPLING)
    if request.stop:
        body["stop"] = list(request.stop)
    more = _set(request.sampling, _OWN_SAMPLING) if own else {}
    return body | ({"extra_body": more} if more else {})


class AnswerReader:
    """Makes deltas of the chunks of one answer; a call is passed on when all of it is there."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self.usage: Usage | None = None
        # Characters of text, reasoning and calls.
        self.written = 0
        self._calls: dict[int, dict[str, str]] = {}

    def read(self, chunk: Mapping[str, Any]) -> list[ChatDelta]:
        """What one chunk adds. Raises ProviderError for what is none."""
        if usage := chunk.get("usage"):
            self.usage = _usage(usage)
        choices = chunk.get("choices")
        if not choices:
            return []
        choice = choices[0] if isinstance(choices, list) and isinstance(choices[0], dict) else _garbage(chunk)
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            _garbage(chunk)
        for call in delta.get("tool_calls") or ():
            self._take(call)
        if reason := choice.get("finish_reason"):
            self.reason = _REASONS.get(reason, "stop")
        # The older interface has the text beside no delta.
        content = _text(delta, "content") or _text(choice, "text")
        reasoning = _text(delta, "reasoning_content") or _text(delta, "reasoning")
        self.written += len(content) + len(reasoning)
        return [ChatDelta(content=content, reasoning=reasoning)] if content or reasoning else []

    def cut(self) -> None:
        """End an answer that does not end by itself. Raises ProviderError where nothing of it is of use."""
        if self._calls or not self.written:
            raise ProviderError("it does not stop sending, and gave no answer")
        self.reason = "length"

    def end(self) -> list[ChatDelta]:
        """The calls. Raises ProviderError where the answer broke off or a call cannot be read."""
        if self.reason is None:
            raise ProviderError("the answer broke off")
        # Cut by max_tokens, a call is not whole and must not be made.
        if self.reason == "length":
            return []
        return [ChatDelta(tool_call=_call(call, index)) for index, call in sorted(self._calls.items())]

    def _take(self, piece: Any) -> None:
        function = piece.get("function") if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            _garbage(piece)
        index = piece.get("index")
        # Some servers send whole calls and count none of them.
        key = index if isinstance(index, int) else len(self._calls)
        call = self._calls.setdefault(key, {"id": "", "name": "", "arguments": ""})
        call["id"] = call["id"] or _text(piece, "id")
        call["name"] = call["name"] or _text(function, "name")
        call["arguments"] += _text(function, "arguments")
        self.written += len(_text(function, "arguments"))


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.content}
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(call.arguments, ensure_ascii=False),
                },
            }
            for call in message.tool_calls
        ]
    return made


def _set(sampling: SamplingParams, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(sampling, name) for name in names}
    return {name: value for name, value in values.items() if value != getattr(_DEFAULTS, name)}


def _choice(choice: str) -> Any:
    return choice if choice in _PLAIN_CHOICES else {"type": "function", "function": {"name": choice}}


def _format(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.schema in ({}, {"type": "object"}):
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.schema}}


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    counts = [usage.get("prompt_tokens"), usage.get("completion_tokens"), cached]
    read, written, known = (count if isinstance(count, int) and count > 0 else 0 for count in counts)
    return Usage(read, written, known)


def _call(call: Mapping[str, str], index: int) -> ToolCall:
    try:
        arguments = json.loads(call["arguments"] or "{}")
    except ValueError as err:
        raise ProviderError(f"the call of {call['name']!r} cannot be read") from err
    if not call["name"] or not isinstance(arguments, dict):
        raise ProviderError(f"the call of {call['name']!r} has no name, or no object as arguments")
    return ToolCall(call["id"] or f"call_{index}", call["name"], arguments)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _garbage(value: Any) -> NoReturn:
    raise ProviderError(f"it sent what is no piece of an answer: {shown(value)}")
