"""Requests as they come in: validated once here, then plain dataclasses."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import voluptuous as vol
from aiohttp import web

from picoqwen_core.errors import RequestError
from picoqwen_core.messages import (
    ChatRequest,
    GenerateRequest,
    HomeArea,
    HomeContext,
    HomeEntity,
    HomeFloor,
    Message,
    SamplingParams,
    ToolCall,
    ToolSpec,
)

MAX_MESSAGES, MAX_TOOLS, MAX_ENTITIES = 1000, 512, 5000
_TOOL_NAME = re.compile(r"[\w.:-]{1,128}\Z")


def _number(low: float, high: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise vol.Invalid(f"must be a number from {low:g} to {high:g}, got {value!r}")
        return value

    return check


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise vol.Invalid(f"must be a whole number from {low} to {high}, got {value!r}")
        return value

    return check


def _text(value: Any) -> str:
    """A string, or OpenAI's content parts as far as they are text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise vol.Invalid(f"must be a string or a list of parts, got {type(value).__name__}")
    parts = []
    for part in value:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise vol.Invalid(f"only text parts are supported, got {kind!r}")
        parts.append(part["text"])
    return "".join(parts)


def _stops(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or len(values) > 16 or not all(isinstance(v, str) and v for v in values):
        raise vol.Invalid("must be a string or a list of at most 16 non-empty strings")
    return tuple(values)


def _arguments(value: Any) -> Mapping[str, Any]:
    """OpenAI sends a call's arguments as a JSON string."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError as err:
            raise vol.Invalid(f"must be JSON: {err}") from err
    if not isinstance(value, dict):
        raise vol.Invalid(f"must be an object, got {type(value).__name__}")
    return value


def _nullable(schema: Any) -> Callable[[Any], Any]:
    """null, or what the schema takes; unlike vol.Any it keeps the schema's own message."""
    validate = vol.Schema(schema)

    def check(value: Any) -> Any:
        return None if value is None else validate(value)

    return check


_TOOL_CALL = vol.Schema(
    {
        vol.Required("function"): vol.Schema(
            {vol.Required("name"): str, vol.Optional("arguments", default="{}"): _arguments},
            extra=vol.REMOVE_EXTRA,
        ),
        vol.Optional("id", default=""): str,
    },
    extra=vol.REMOVE_EXTRA,
)
_MESSAGE = vol.Schema(
    {
        vol.Required("role"): vol.In(("system", "developer", "user", "assistant", "tool")),
        vol.Optional("content", default=""): _text,
        vol.Optional("reasoning_content", default=""): vol.Any(None, str),
        vol.Optional("tool_calls", default=list): _nullable([_TOOL_CALL]),
        vol.Optional("tool_call_id", default=None): _nullable(str),
        vol.Optional("name", default=None): _nullable(str),
    },
    extra=vol.REMOVE_EXTRA,
)
_TOOL = vol.Schema(
    {
        vol.Required("type"): "function",
        vol.Required("function"): vol.Schema(
            {
                vol.Required("name"): vol.All(str, vol.Match(_TOOL_NAME)),
                vol.Optional("description", default=""): vol.Any(None, str),
                vol.Optional("parameters", default=dict): _nullable(dict),
            },
            extra=vol.REMOVE_EXTRA,
        ),
    },
    extra=vol.REMOVE_EXTRA,
)
_PLACE: dict[Any, Any] = {
    vol.Required("id"): str,
    vol.Required("name"): str,
    vol.Optional("aliases", default=list): [str],
}
_HOME = vol.Schema(
    {
        vol.Optional("entities", default=list): vol.All(
            [
                vol.Schema(
                    {
                        **_PLACE,
                        vol.Required("state"): str,
                        vol.Required("domain"): str,
                        vol.Optional("area", default=None): _nullable(str),
                        vol.Optional("device_class", default=None): _nullable(str),
                        vol.Optional("unit", default=None): _nullable(str),
                        vol.Optional("attributes", default=dict): dict,
                    },
                    extra=vol.REMOVE_EXTRA,
                )
            ],
            vol.Length(max=MAX_ENTITIES),
        ),
        vol.Optional("areas", default=list): [
            vol.Schema(
                {**_PLACE, vol.Optional("floor", default=None): _nullable(str)}, extra=vol.REMOVE_EXTRA
            )
        ],
        vol.Optional("floors", default=list): [vol.Schema(_PLACE, extra=vol.REMOVE_EXTRA)],
        vol.Optional("area", default=None): _nullable(str),
        vol.Optional("language", default="en"): str,
        vol.Optional("now", default=None): _nullable(str),
    },
    extra=vol.REMOVE_EXTRA,
)
_COMMON: dict[Any, Any] = {
    vol.Optional("model", default=None): _nullable(str),
    vol.Optional("stream", default=False): _nullable(bool),
    vol.Optional("stop", default=tuple): _stops,
    vol.Optional("max_tokens", default=None): _nullable(_integer(1, 1 << 20)),
    vol.Optional("max_completion_tokens", default=None): _nullable(_integer(1, 1 << 20)),
    vol.Optional("temperature", default=None): _nullable(_number(0, 5)),
    vol.Optional("top_p", default=None): _nullable(_number(1e-6, 1)),
    vol.Optional("top_k", default=None): _nullable(_integer(0, 1 << 20)),
    vol.Optional("min_p", default=None): _nullable(_number(0, 1)),
    vol.Optional("repetition_penalty", default=None): _nullable(_number(0.1, 10)),
    vol.Optional("presence_penalty", default=None): _nullable(_number(-2, 2)),
    vol.Optional("frequency_penalty", default=None): _nullable(_number(-2, 2)),
    vol.Optional("seed", default=None): _nullable(_integer(0, (1 << 63) - 1)),
}
_CHAT = vol.Schema(
    {
        **_COMMON,
        vol.Required("messages"): vol.All([_MESSAGE], vol.Length(min=1, max=MAX_MESSAGES)),
        vol.Optional("tools", default=list): _nullable(vol.All([_TOOL], vol.Length(max=MAX_TOOLS))),
        vol.Optional("tool_choice", default="auto"): vol.In(("auto", "none")),
        vol.Optional("enable_thinking", default=None): _nullable(bool),
        vol.Optional("stream_options", default=dict): _nullable(dict),
        vol.Optional("home", default=None): _nullable(_HOME),
    },
    extra=vol.REMOVE_EXTRA,
)
_GENERATE = vol.Schema({**_COMMON, vol.Required("prompt"): str}, extra=vol.REMOVE_EXTRA)


async def read_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises RequestError when it is none."""
    try:
        body = await request.json()
    except (ValueError, UnicodeDecodeError) as err:
        raise RequestError(f"the body is not JSON: {err}") from err
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, got {type(body).__name__}")
    return body


def _validated(schema: vol.Schema, body: dict[str, Any]) -> dict[str, Any]:
    try:
        data: dict[str, Any] = schema(body)
    except vol.MultipleInvalid as err:
        first = err.errors[0]
        path = ".".join(str(part) for part in first.path)
        raise RequestError(f"{path}: {first.msg}" if path else first.msg) from err
    return data


def chat_request(body: dict[str, Any]) -> ChatRequest:
    """A chat request. Raises RequestError naming the field and what is wrong with it."""
    data = _validated(_CHAT, body)
    return ChatRequest(
        messages=tuple(_message(message) for message in data["messages"]),
        model=data["model"],
        tools=() if data["tool_choice"] == "none" else tuple(_tool(tool) for tool in data["tools"] or ()),
        sampling=_sampling(data),
        max_tokens=data["max_completion_tokens"] or data["max_tokens"],
        stop=data["stop"],
        thinking=data["enable_thinking"],
        home=_home(data["home"]) if data["home"] is not None else None,
    )


def generate_request(body: dict[str, Any]) -> GenerateRequest:
    """A request to continue raw text. Raises RequestError naming the field and what is wrong with it."""
    data = _validated(_GENERATE, body)
    return GenerateRequest(
        prompt=data["prompt"],
        model=data["model"],
        sampling=_sampling(data),
        max_tokens=data["max_completion_tokens"] or data["max_tokens"],
        stop=data["stop"],
    )


def _message(data: dict[str, Any]) -> Message:
    calls = (
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in data["tool_calls"] or ()
    )
    return Message(
        role="system" if data["role"] == "developer" else data["role"],
        content=data["content"],
        reasoning=data["reasoning_content"] or "",
        tool_calls=tuple(calls),
        tool_call_id=data["tool_call_id"],
        name=data["name"],
    )


def _tool(data: dict[str, Any]) -> ToolSpec:
    function = data["function"]
    return ToolSpec(function["name"], function["description"] or "", function["parameters"] or {})


def _sampling(data: dict[str, Any]) -> SamplingParams:
    given = {name: data[name] for name in SamplingParams.__dataclass_fields__ if data.get(name) is not None}
    return SamplingParams(**given)


def _home(data: dict[str, Any]) -> HomeContext:
    def aliases(item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "aliases": tuple(item["aliases"])}

    return HomeContext(
        entities=tuple(HomeEntity(**aliases(entity)) for entity in data["entities"]),
        areas=tuple(HomeArea(**aliases(area)) for area in data["areas"]),
        floors=tuple(HomeFloor(**aliases(floor)) for floor in data["floors"]),
        area=data["area"],
        language=data["language"],
        now=data["now"],
    )
