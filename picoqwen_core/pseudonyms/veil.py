"""A request as another server may see it, and its answer as the house does: text, calls, schemas."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from picoqwen_core.messages import ChatDelta, ChatRequest, Message, ToolCall, ToolSpec
from picoqwen_core.pseudonyms.codes import Codes
from picoqwen_core.pseudonyms.names import names_of

type Chat = Callable[[ChatRequest], AsyncGenerator[ChatDelta]]

NOTE = (
    "Names of this home are written as codes, such as area1 or Light2. Write a code exactly as it stands, in "
    "calls and in answers. Letters behind its number are an ending; v2 marks another form of the same word."
)
# Tools that every Home Assistant has; others may be the home's own scripts.
_PUBLIC_TOOL = re.compile(r"(?:Hass|Get)[A-Z]\w*|auto|none|required")
_SCHEMA_WORDS = frozenset({"type", "format", "$ref", "$schema"})
_KEYED = frozenset({"properties", "$defs", "definitions"})
# Kinds of devices, which are told, though a device may have the same name.
_KINDS = frozenset({"domain", "device_class"})
# Arguments that are names and nothing else.
_NAMED = frozenset({"name", "area", "floor"})
_KIND = re.compile(r"[a-z_]+")
_KIND_LINE = re.compile(
    r"(^[ \t]*(?:-[ \t]*)?(?:domain|device_class)[ \t]*:[ \t]*[a-z_]+[ \t]*$)", re.MULTILINE
)


def knows_names(request: ChatRequest) -> bool:
    """Whether there is any name to be replaced."""
    return next(names_of(request), None) is not None


async def with_pseudonyms(request: ChatRequest, chat: Chat) -> AsyncGenerator[ChatDelta]:
    """The answer of somebody who is told codes instead of names."""
    # A large home takes tens of milliseconds.
    veil, hidden = await asyncio.to_thread(_hidden, request)
    async with aclosing(veil.show_answer(chat(hidden))) as deltas:
        async for delta in deltas:
            yield delta


def _hidden(request: ChatRequest) -> tuple["Veil", ChatRequest]:
    veil = Veil(request)
    return veil, veil.hide_request(request)


class Veil:
    """The codes of one request, put on and taken off."""

    def __init__(self, request: ChatRequest) -> None:
        self.codes = Codes(names_of(request), str(request))

    def hide_request(self, request: ChatRequest) -> ChatRequest:
        """What may be told of a request; the structured home is left out."""
        wanted = request.response_format
        hidden = replace(
            request,
            home=None,
            messages=tuple(self._message(each) for each in request.messages),
            tools=tuple(self._tool(each) for each in request.tools),
            tool_choice=self._tool_name(request.tool_choice),
            stop=tuple(map(self.codes.hide, request.stop)),
            response_format=wanted and replace(wanted, schema=self._schema(wanted.schema)),
        )
        return replace(hidden, messages=_noted(hidden.messages)) if self.codes.used else hidden

    async def show_answer(self, deltas: AsyncGenerator[ChatDelta]) -> AsyncGenerator[ChatDelta]:
        """The answer with names; the beginning of what may be a code waits for its end."""
        content = reasoning = ""
        async with aclosing(deltas):
            async for delta in deltas:
                more = not (delta.finish_reason or delta.tool_call)
                said, content = self._certain(content + delta.content, more)
                thought, reasoning = self._certain(reasoning + delta.reasoning, more)
                call = delta.tool_call and self._shown_call(delta.tool_call)
                # The last piece says why it ends; what is said comes before it.
                if delta.finish_reason and (said or thought):
                    yield ChatDelta(content=said, reasoning=thought)
                    said = thought = ""
                if said or thought or not (delta.content or delta.reasoning) or not more:
                    yield replace(delta, content=said, reasoning=thought, tool_call=call)

    def _certain(self, text: str, more: bool) -> tuple[str, str]:
        certain, held = self.codes.split(text) if more else (text, "")
        return self.codes.show(certain), held

    def _text(self, text: str) -> str:
        """Lines that tell a kind stay."""
        parts = _KIND_LINE.split(text)
        return "".join(part if number % 2 else self.codes.hide(part) for number, part in enumerate(parts))

    def _message(self, message: Message) -> Message:
        content = message.content
        try:
            # JSON may write letters as numbers, in which no name would be found.
            inside = json.loads(content) if content.lstrip()[:1] in ("{", "[", '"') else None
        except (ValueError, RecursionError):
            inside = None
        told = self._text(content) if inside is None else json.dumps(self._value(inside), ensure_ascii=False)
        calls = tuple(
            ToolCall(self.codes.hide(each.id), self._tool_name(each.name), self._value(each.arguments))
            for each in message.tool_calls
        )
        answered = message.tool_call_id and self.codes.hide(message.tool_call_id)
        named = message.name and self._tool_name(message.name)
        return Message(message.role, told, tool_calls=calls, tool_call_id=answered, name=named)

    def _tool(self, tool: ToolSpec) -> ToolSpec:
        described = self.codes.hide(tool.description)
        return ToolSpec(self._tool_name(tool.name), described, self._schema(tool.parameters))

    def _tool_name(self, name: str) -> str:
        return name if _PUBLIC_TOOL.fullmatch(name) else self.codes.hide(name)

    def _schema(self, value: Any, of: str = "") -> Any:
        """A schema's own words stay, and kinds; names of properties and all other texts may tell."""
        if isinstance(value, Mapping):
            return {key: self._keyword(key, item, of) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._schema(each, of) for each in value]
        if not isinstance(value, str) or (of in _KINDS and _KIND.fullmatch(value)):
            return value
        return self.codes.hide(value)

    def _keyword(self, key: str, item: Any, of: str) -> Any:
        if key in _SCHEMA_WORDS and not isinstance(item, Mapping):
            return item
        if key in _KEYED and isinstance(item, Mapping):
            return {self._key(name): self._schema(each, name) for name, each in item.items()}
        if key == "required" and isinstance(item, list | tuple):
            return [self._key(each) if isinstance(each, str) else each for each in item]
        return self._schema(item, of)

    def _key(self, name: str) -> str:
        return name if name in _KINDS else self.codes.hide(name)

    def _value(self, value: Any, of: str = "") -> Any:
        if isinstance(value, Mapping):
            return {self._key(str(key)): self._value(item, key) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, of) for item in value]
        if not isinstance(value, str) or (of in _KINDS and _KIND.fullmatch(value)):
            return value
        return self._text(value)

    def _shown_call(self, call: ToolCall) -> ToolCall:
        show = self.codes.show
        return ToolCall(show(call.id), show(call.name), self._shown_value(call.arguments))

    def _shown_value(self, value: Any, of: str = "") -> Any:
        if isinstance(value, Mapping):
            return {
                self.codes.show(str(key)): self._shown_value(item, str(key)) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._shown_value(item, of) for item in value]
        if not isinstance(value, str):
            return value
        return self.codes.show_name(value) if of in _NAMED else self.codes.show(value)


def _noted(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The conversation with what codes are said first; templates want one system message, and that first."""
    if messages and messages[0].role == "system":
        first = replace(messages[0], content=f"{messages[0].content}\n\n{NOTE}")
        return (first, *messages[1:])
    return (Message("system", NOTE), *messages)
