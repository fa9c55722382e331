"""Between Home Assistant's chat log and the server's chat format; nothing here talks to anybody."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Any

import probatio
from homeassistant.components import conversation
from homeassistant.helpers import llm
from homeassistant.helpers.json import json_dumps

from .errors import PicoQwenError
from .measure import Meter


def tools_of(api: llm.APIInstance | None) -> list[dict[str, Any]]:
    """Home Assistant's tools in OpenAI's form."""
    return [_tool(tool, api.custom_serializer) for tool in api.tools] if api else []


def schema_of(structure: probatio.Schema, api: llm.APIInstance | None) -> dict[str, Any]:
    """The JSON schema of an AI task's structure; fields that it does not name are left out of the answer."""
    schema: dict[str, Any] = probatio.to_openapi(
        structure,
        custom_serializer=api.custom_serializer if api else llm.selector_serializer,
        openapi_version="3.1.0",
    )
    if schema.get("type") == "object":
        schema["additionalProperties"] = False
    return schema


def messages_of(chat_log: conversation.ChatLog, most: int) -> list[dict[str, Any]]:
    """The conversation, without turns older than the last `most`."""
    contents = list(chat_log.content)
    users = [index for index, content in enumerate(contents) if isinstance(content, conversation.UserContent)]
    if len(users) > most + 1:
        system = [content for content in contents[:1] if isinstance(content, conversation.SystemContent)]
        contents = [*system, *contents[users[-most - 1] :]]
    return [_message(content) for content in contents]


async def log_deltas(
    stream: AsyncIterable[dict[str, Any]], meter: Meter, *, can_call: bool
) -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
    """The server's deltas as the chat log wants them. Raises PicoQwenError for a call that cannot be made."""
    yield {"role": "assistant"}
    async for delta in stream:
        meter.see(delta)
        made: conversation.AssistantContentDeltaDict = {}
        if delta.get("content"):
            made["content"] = delta["content"]
        if delta.get("reasoning_content"):
            made["thinking_content"] = delta["reasoning_content"]
        if delta.get("tool_calls"):
            if not can_call:
                raise PicoQwenError("the model called a tool, but was offered none")
            made["tool_calls"] = [tool_input_of(call) for call in delta["tool_calls"]]
        if made:
            yield made


def tool_input_of(call: dict[str, Any]) -> llm.ToolInput:
    """A call as Home Assistant takes it. Raises PicoQwenError when the model wrote none that can be read."""
    try:
        function = call["function"]
        name, arguments = function["name"], json.loads(function.get("arguments") or "{}")
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise PicoQwenError(f"the model's tool call cannot be read: {call!r:.300}") from err
    if not isinstance(arguments, dict):
        raise PicoQwenError(f"the model's call of {name} has no object as arguments: {arguments!r:.200}")
    if isinstance(number := call.get("id"), str) and number:
        # Kept, so that the server knows again which of its models made the call.
        return llm.ToolInput(tool_name=name, tool_args=arguments, id=number)
    return llm.ToolInput(tool_name=name, tool_args=arguments)


def _tool(tool: llm.Tool, custom_serializer: Callable[[Any], Any] | None) -> dict[str, Any]:
    parameters = probatio.to_openapi(
        tool.parameters, custom_serializer=custom_serializer, openapi_version="3.1.0"
    )
    function = {"name": tool.name, "description": tool.description or "", "parameters": parameters}
    return {"type": "function", "function": function}


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
