"""Between our vocabulary and Anthropic's messages format, both ways; nothing here talks to anybody."""

import json
import re
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

_DEFAULTS = SamplingParams()
_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
# Less is refused. A thought counts as written tokens, and what is said needs room too.
_LEAST_BUDGET = 1024
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")
_OPENING = "(The conversation begins.)"


def accepts(wanted: ResponseFormat | None) -> bool:
    """Whether Anthropic's format can ask for that form of an answer; JSON of any kind it cannot."""
    return wanted is None or (wanted.type == "json" and wanted.schema not in ({}, {"type": "object"}))


def body_of(request: ChatRequest, model: str, max_tokens: int) -> dict[str, Any]:
    """The arguments of a streamed message.

    What the caller did not set is left out, because models differ in what they accept. The structured home
    and earlier thoughts never go along.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": _turns(request),
        "max_tokens": max_tokens,
        "stream": True,
    }
    system = [each.content for each in request.messages if each.role == "system" and each.content.strip()]
    if system:
        body["system"] = "\n\n".join(system)
    # Nothing but white space is refused.
    if stop := [each for each in request.stop if each.strip()]:
        body["stop_sequences"] = stop
    if request.tools:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": {"type": "object", **tool.parameters},
            }
            for tool in request.tools
        ]
        body["tool_choice"] = _choice(request)
    if request.response_format is not None:
        wanted = {"type": "json_schema", "schema": dict(request.response_format.schema)}
        body["output_config"] = {"format": wanted}
    thinking = _thinking(request, max_tokens)
    # While it thinks, no other sampling than its own is allowed.
    return body | (_sampling(request.sampling) if thinking is None else {"thinking": thinking})


class AnswerReader:
    """Makes deltas of the events of one answer; calls are passed on when all of the answer is there."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        # Characters of text, reasoning and calls.
        self.written = 0
        self._ended = False
        self._counts: dict[str, int] = {}
        self._calls: dict[int, dict[str, str]] = {}

    @property
    def usage(self) -> Usage | None:
        """What the server counted; None where it did not."""
        if not self._counts:
            return None
        cached = self._counts.get("cache_read_input_tokens", 0)
        # Anthropic counts what is read from a cache, or written to one, beside the input.
        read = self._counts.get("input_tokens", 0) + self._counts.get("cache_creation_input_tokens", 0)
        return Usage(read + cached, self._counts.get("output_tokens", 0), cached)

    def read(self, event: Mapping[str, Any]) -> list[ChatDelta]:
        """What one event adds; unknown ones add nothing, as the format asks. Raises ProviderError."""
        match event.get("type"):
            case "message_start":
                self._count(_object(event, "message").get("usage"))
            case "content_block_start":
                return self._begin(event)
            case "content_block_delta":
                return self._go_on(event)
            case "message_delta":
                self._count(event.get("usage"))
                if reason := _text(_object(event, "delta"), "stop_reason"):
                    self.reason = _REASONS.get(reason, "stop")
            case "message_stop":
                self._ended = True
            case None:
                _garbage(event)
        return []

    def cut(self) -> None:
        """End an answer that does not end by itself. Raises ProviderError where nothing of it is of use."""
        if self._calls or not self.written:
            raise ProviderError("it does not stop sending, and gave no answer")
        self.reason, self._ended = "length", True

    def end(self) -> list[ChatDelta]:
        """The calls. Raises ProviderError where the answer broke off or a call cannot be read."""
        if self.reason is None or not self._ended:
            raise ProviderError("the answer broke off")
        # Cut by max_tokens, a call is not whole and must not be made.
        if self.reason == "length":
            return []
        return [ChatDelta(tool_call=_call(call)) for _, call in sorted(self._calls.items())]

    def _begin(self, event: Mapping[str, Any]) -> list[ChatDelta]:
        block = _object(event, "content_block")
        if block.get("type") == "tool_use":
            given = block.get("input")
            self._calls[_index(event)] = {
                "id": _text(block, "id"),
                "name": _text(block, "name"),
                "arguments": "",
                "whole": json.dumps(given if isinstance(given, dict) else {}),
            }
        return self._said(block)

    def _go_on(self, event: Mapping[str, Any]) -> list[ChatDelta]:
        delta = _object(event, "delta")
        if delta.get("type") == "input_json_delta":
            # Blocks of tools that the server has itself are not ours to call.
            if (call := self._calls.get(_index(event))) is not None:
                call["arguments"] += _text(delta, "partial_json")
            self.written += len(_text(delta, "partial_json"))
            return []
        return self._said(delta)

    def _said(self, part: Mapping[str, Any]) -> list[ChatDelta]:
        content, reasoning = _text(part, "text"), _text(part, "thinking")
        self.written += len(content) + len(reasoning)
        return [ChatDelta(content=content, reasoning=reasoning)] if content or reasoning else []

    def _count(self, usage: Any) -> None:
        """Counts are totals so far, not additions."""
        for name, count in usage.items() if isinstance(usage, dict) else ():
            if isinstance(count, int) and count >= 0:
                self._counts[name] = count


def _turns(request: ChatRequest) -> list[dict[str, Any]]:
    """Turns of user and assistant one after the other: the results of calls are said by the user."""
    turns: list[dict[str, Any]] = []
    for message in request.messages:
        blocks = [] if message.role == "system" else _blocks(message)
        role = "assistant" if message.role == "assistant" else "user"
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(blocks)
        else:
            turns.append({"role": role, "content": blocks})
    if not turns or turns[0]["role"] != "user":
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": _OPENING}]})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    """The parts of a message; text of white space alone is refused and left out."""
    if message.role == "tool":
        answered = {"type": "tool_result", "tool_use_id": _id(message.tool_call_id)}
        return [answered | ({"content": message.content} if message.content.strip() else {})]
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []
    calls = [
        {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": dict(call.arguments)}
        for call in message.tool_calls
    ]
    return [*text, *calls]


def _choice(request: ChatRequest) -> dict[str, Any]:
    kind = _CHOICES.get(request.tool_choice)
    choice: dict[str, Any] = {"type": kind} if kind else {"type": "tool", "name": request.tool_choice}
    if not request.parallel_tool_calls and kind != "none":
        choice["disable_parallel_tool_use"] = True
    return choice


def _thinking(request: ChatRequest, max_tokens: int) -> dict[str, Any] | None:
    """A thought takes at most half of what may be written.

    None where none is wanted or allowed: a call that must be made forbids it, and the results of calls come
    with signed thoughts or without any; signatures are not kept.
    """
    forced = bool(request.tools) and request.tool_choice not in ("auto", "none")
    if not request.thinking or forced or request.messages[-1].role != "user":
        return None
    budget = min(request.thinking_budget or max_tokens // 2, max_tokens // 2)
    return {"type": "enabled", "budget_tokens": budget} if budget >= _LEAST_BUDGET else None


def _sampling(sampling: SamplingParams) -> dict[str, Any]:
    """Only one of temperature and top_p, as newer models want it; the first ends at 1 here."""
    set_: dict[str, Any] = {}
    if sampling.temperature != _DEFAULTS.temperature:
        set_["temperature"] = min(sampling.temperature, 1.0)
    elif sampling.top_p != _DEFAULTS.top_p:
        set_["top_p"] = sampling.top_p
    if sampling.top_k not in (_DEFAULTS.top_k, 0):
        set_["top_k"] = sampling.top_k
    return set_


def _id(given: str | None) -> str:
    return _BAD_ID.sub("_", given or "") or "call"


def _call(call: Mapping[str, str]) -> ToolCall:
    try:
        arguments = json.loads(call["arguments"] or call["whole"])
    except ValueError as err:
        raise ProviderError(f"the call of {call['name']!r} cannot be read") from err
    if not call["name"] or not call["id"] or not isinstance(arguments, dict):
        raise ProviderError(f"the call of {call['name']!r} has no name or id, or no object as arguments")
    return ToolCall(call["id"], call["name"], arguments)


def _index(event: Mapping[str, Any]) -> int:
    found = event.get("index")
    return found if isinstance(found, int) else _garbage(event)


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else _garbage(value)


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _garbage(value: Any) -> NoReturn:
    raise ProviderError(f"it sent what is no piece of an answer: {shown(value)}")
