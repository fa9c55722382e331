"""A model's text as it streams, taken apart: reasoning, content, tool calls, and where to stop.

Half a tag may be the end of what has arrived so far, so text that could still become a tag is held
back until it is clear. What is no valid tool call comes out as content; only one that the end of the answer
cuts in two is dropped, because half a call is neither of use nor to be read aloud.
"""

import json
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from picoqwen_core.messages import ChatDelta, ToolCall

_THINK, _THINK_END = "<think>", "</think>"
_CALL, _CALL_END = "<tool_call>", "</tool_call>"

_MOST_DIGITS = 4000

type _Mode = Literal["start", "reasoning", "content", "call", "formatted"]

# The tags that end each mode. <think> counts only before any content: later it is a word like any other.
_TAGS: dict[_Mode, tuple[str, ...]] = {
    "start": (_THINK, _CALL),
    "reasoning": (_THINK_END,),
    "content": (_CALL,),
    "call": (_CALL_END,),
    "formatted": (),
}
_NEXT_MODE: dict[str, _Mode] = {
    _THINK: "reasoning",
    _THINK_END: "content",
    _CALL: "call",
    _CALL_END: "content",
}


def new_call_id() -> str:
    """An id for a tool call, unique over conversations."""
    return f"call_{secrets.token_hex(12)}"


class OutputParser:
    """Splits Qwen3's output into deltas; the same deltas' sum for any way of cutting the text into pieces.

    White space beside a tag belongs to the tag and is dropped.
    """

    def __init__(
        self, *, thinking: bool, formatted: bool = False, new_id: Callable[[], str] = new_call_id
    ) -> None:
        """thinking: whether the prompt has already opened <think>, so that the output starts inside it.

        formatted: whether content is of a format of the caller, in which a tag is text like any other.
        """
        self._content_mode: _Mode = "formatted" if formatted else "content"
        self._mode: _Mode = "reasoning" if thinking else "start"
        self._new_id = new_id
        self._buffer = ""
        self._beside_tag = thinking
        # White space before the tool call that is being read; it comes back if that is no valid call.
        self._gap = ""
        self.tool_calls = 0

    def feed(self, text: str) -> list[ChatDelta]:
        """The deltas that this text makes certain."""
        self._buffer += text
        return list(self._drain())

    def finish(self, *, cut: bool = False) -> list[ChatDelta]:
        """The rest, once no more text will come; cut: the model would have gone on."""
        deltas = list(self._drain())
        if self._mode == "call":
            deltas += [] if cut else self._call(self._buffer, closing="")
        elif rest := self._buffer.lstrip() if self._beside_tag else self._buffer:
            deltas.append(self._text(rest))
        self._buffer = ""
        return deltas

    def _drain(self) -> Iterator[ChatDelta]:
        """Consume every whole tag, then as much text as cannot be the start of one."""
        while (found := _first_tag(self._buffer, _TAGS[self._mode])) is not None:
            place, tag = found
            before, self._buffer = self._buffer[:place], self._buffer[place + len(tag) :]
            yield from self._section_end(before, tag)
        if self._mode != "call":
            yield from self._settled_text()

    def _section_end(self, before: str, tag: str) -> Iterator[ChatDelta]:
        formatted = self._content_mode == "formatted" and self._mode != "reasoning"
        if before.strip() and (tag == _THINK or (tag == _CALL and formatted)):
            # Content came first, so this tag is quoted: not thought, not called.
            self._mode, self._beside_tag = self._content_mode, False
            yield ChatDelta(content=before + tag)
            return
        self._beside_tag, beside_tag = True, self._beside_tag
        if tag == _CALL_END:
            yield from self._call(before, closing=tag)
        else:
            text = before.lstrip() if beside_tag else before
            self._gap = text[len(text.rstrip()) :]
            if text := text.rstrip():
                yield self._text(text)
        self._mode = _NEXT_MODE[tag]

    def _settled_text(self) -> Iterator[ChatDelta]:
        # White space at the end waits too: it is dropped if a tag follows.
        end = len(self._buffer) - _held_back(self._buffer, _TAGS[self._mode])
        text = self._buffer[:end].rstrip()
        self._buffer = self._buffer[len(text) :]
        if text := text.lstrip() if self._beside_tag else text:
            self._beside_tag = False
            yield self._text(text)

    def _text(self, text: str) -> ChatDelta:
        if self._mode == "reasoning":
            return ChatDelta(reasoning=text)
        self._mode = self._content_mode
        return ChatDelta(content=text)

    def _call(self, body: str, closing: str) -> list[ChatDelta]:
        function = _parse_call(body)
        if function is None:
            self._beside_tag = False
            return [ChatDelta(content=self._gap + _CALL + body + closing)]
        self.tool_calls += 1
        return [ChatDelta(tool_call=ToolCall(self._new_id(), *function))]


class StopStrings:
    """Ends a stream of text before the first of some strings, which may arrive in pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._buffer = ""
        self.hit = False

    def feed(self, text: str) -> str:
        """The text that is certain to come before any stop string; nothing after one was hit."""
        if self.hit:
            return ""
        self._buffer += text
        if (found := _first_tag(self._buffer, self._stops)) is not None:
            self.hit = True
            return self._buffer[: found[0]]
        kept = _held_back(self._buffer, self._stops)
        end = len(self._buffer) - kept
        text, self._buffer = self._buffer[:end], self._buffer[end:]
        return text

    def finish(self) -> str:
        """What was held back, once no more text will come."""
        rest, self._buffer = ("" if self.hit else self._buffer), ""
        return rest


def _first_tag(text: str, tags: Sequence[str]) -> tuple[int, str] | None:
    """Where the first of the tags stands; at the same place, the longest."""
    found = [(place, -len(tag), tag) for tag in tags if (place := text.find(tag)) >= 0]
    if not found:
        return None
    place, _, tag = min(found)
    return place, tag


def _held_back(text: str, tags: Sequence[str]) -> int:
    """How many characters at the end could be the beginning of a tag."""
    longest = max(map(len, tags), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(tag.startswith(text[-length:]) for tag in tags):
            return length
    return 0


def _parse_call(body: str) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments of a call, or None when this is not one."""
    try:
        call = json.loads(body, parse_float=_finite, parse_int=_whole)
        arguments = call.get("arguments", {})
        # Some fine-tunes write the arguments as a string of JSON, as OpenAI's API has them.
        if isinstance(arguments, str):
            arguments = json.loads(arguments, parse_float=_finite, parse_int=_whole)
        name = call.get("name")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not (isinstance(name, str) and name and isinstance(arguments, dict)):
        return None
    return name, arguments


def _whole(digits: str) -> int:
    """A whole number; one of more digits than Python reads is as large as those it does."""
    return int(digits[:_MOST_DIGITS])


def _finite(digits: str) -> float:
    """A number such as 1e999 as the largest there is: JSON has no word for infinity to hand on."""
    return max(-sys.float_info.max, min(sys.float_info.max, float(digits)))
