"""Turns a chat log into requests to the server, and its answers back into the chat log."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from typing import Any

import probatio
from homeassistant.components import conversation
from homeassistant.config_entries import ConfigSubentry
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import llm
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.json import json_dumps

from . import PicoQwenConfigEntry
from .client import PicoQwenError
from .const import CONF_MAX_HISTORY, DEFAULT_MAX_HISTORY, DOMAIN

# A model that calls tools for ever is stopped here.
MAX_TOOL_ITERATIONS = 10


class PicoQwenEntity(Entity):
    """An agent of a server; its device stands for the service."""

    _attr_has_entity_name = True
    _attr_name = None

    def __init__(self, entry: PicoQwenConfigEntry, subentry: ConfigSubentry) -> None:
        """Take the options of one subentry."""
        self.entry = entry
        self.subentry = subentry
        self._attr_unique_id = subentry.subentry_id
        self._attr_device_info = dr.DeviceInfo(
            identifiers={(DOMAIN, subentry.subentry_id)},
            name=subentry.title,
            manufacturer="Pico-Qwen",
            entry_type=dr.DeviceEntryType.SERVICE,
        )

    async def _async_answer(self, chat_log: conversation.ChatLog, home: Callable[[], dict[str, Any]]) -> None:
        """Let the model answer and use tools until it has nothing left to call.

        home: makes the home's state anew for each round. Raises PicoQwenError for what the server does, and
        HomeAssistantError when the model does not come to an end.
        """
        tools = _tools(chat_log.llm_api)
        most = int(self.subentry.data.get(CONF_MAX_HISTORY, DEFAULT_MAX_HISTORY))
        for _ in range(MAX_TOOL_ITERATIONS):
            body = {"messages": _messages(chat_log, most), "tools": tools, "home": home()}
            # Closed at once when something goes wrong, so that the server stops working for nobody.
            async with aclosing(self.entry.runtime_data.chat(body)) as stream:
                deltas = _deltas(stream, can_call=bool(tools))
                async for _content in chat_log.async_add_delta_content_stream(self.entity_id, deltas):
                    pass
            if not chat_log.unresponded_tool_results:
                return
        raise HomeAssistantError(f"no answer after {MAX_TOOL_ITERATIONS} rounds of tool calls")


def _tools(api: llm.APIInstance | None) -> list[dict[str, Any]]:
    """Home Assistant's tools in OpenAI's form."""
    return [_tool(tool, api.custom_serializer) for tool in api.tools] if api else []


def _tool(tool: llm.Tool, custom_serializer: Callable[[Any], Any] | None) -> dict[str, Any]:
    parameters = probatio.to_openapi(
        tool.parameters, custom_serializer=custom_serializer, openapi_version="3.1.0"
    )
    function = {"name": tool.name, "description": tool.description or "", "parameters": parameters}
    return {"type": "function", "function": function}


def _messages(chat_log: conversation.ChatLog, most: int) -> list[dict[str, Any]]:
    """The conversation, without turns older than the last `most`."""
    contents = list(chat_log.content)
    users = [index for index, content in enumerate(contents) if isinstance(content, conversation.UserContent)]
    if len(users) > most + 1:
        system = [content for content in contents[:1] if isinstance(content, conversation.SystemContent)]
        contents = [*system, *contents[users[-most - 1] :]]
    return [_message(content) for content in contents]


def _message(content: conversation.Content) -> dict[str, Any]:
    if isinstance(content, conversation.ToolResultContent):
        result = {"data": content.result.data, "error": content.result.error}
        return {
            "role": "tool",
            "tool_call_id": content.tool_call_id,
            "name": content.tool_name,
            "content": json_dumps(result),
        }
    message: dict[str, Any] = {"role": content.role, "content": content.content or ""}
    if isinstance(content, conversation.AssistantContent) and content.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.tool_name, "arguments": json_dumps(call.tool_args)},
            }
            for call in content.tool_calls
        ]
    return message


async def _deltas(
    stream: AsyncIterable[dict[str, Any]], *, can_call: bool
) -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
    """The server's deltas as the chat log wants them. Raises PicoQwenError for a call that cannot be made."""
    yield {"role": "assistant"}
    async for delta in stream:
        made: conversation.AssistantContentDeltaDict = {}
        if delta.get("content"):
            made["content"] = delta["content"]
        if delta.get("reasoning_content"):
            made["thinking_content"] = delta["reasoning_content"]
        if delta.get("tool_calls"):
            if not can_call:
                raise PicoQwenError("the model called a tool, but was offered none")
            made["tool_calls"] = [_tool_input(call) for call in delta["tool_calls"]]
        if made:
            yield made


def _tool_input(call: dict[str, Any]) -> llm.ToolInput:
    """A call as Home Assistant takes it. Raises PicoQwenError when the model wrote none that can be read."""
    try:
        function = call["function"]
        name, arguments = function["name"], json.loads(function.get("arguments") or "{}")
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise PicoQwenError(f"the model's tool call cannot be read: {call!r:.300}") from err
    if not isinstance(arguments, dict):
        raise PicoQwenError(f"the model's call of {name} has no object as arguments: {arguments!r:.200}")
    return llm.ToolInput(tool_name=name, tool_args=arguments)
