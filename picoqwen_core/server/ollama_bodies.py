"""Bodies of requests in Ollama's form: their checks, and the same in OpenAI's form."""

from typing import Any

import voluptuous as vol

from picoqwen_core.errors import RequestError
from picoqwen_core.server.fields import boolean, described, mapping, nullable, shown, string

# Ollama's names of what OpenAI calls otherwise.
_OPTIONS = {
    **{name: name for name in ("temperature", "top_k", "top_p", "min_p", "seed", "stop")},
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
    "repeat_penalty": "repetition_penalty",
}
NAMED = vol.Schema(
    {
        vol.Optional("model", default=None): nullable(string),
        vol.Optional("name", default=None): nullable(string),
        vol.Optional("stream", default=True): nullable(boolean),
    },
    extra=vol.REMOVE_EXTRA,
)


def _open(**schema: Any) -> Any:
    """Anything here: what it means, and what is wrong with it, is said where it is read."""
    return described(lambda value: value, **schema)


_COMMON: dict[Any, Any] = {
    vol.Optional("model"): nullable(string),
    vol.Optional("stream", default=True): nullable(boolean),
    vol.Optional("options"): nullable(mapping),
    vol.Optional("format"): _open(type=["string", "object", "null"]),
    vol.Optional("think"): _open(type=["boolean", "string", "null"]),
    vol.Optional("keep_alive"): _open(type=["number", "string", "null"]),
}
CHAT = vol.Schema(
    {
        **_COMMON,
        vol.Optional("messages"): nullable([mapping]),
        vol.Optional("tools"): nullable([mapping]),
    },
    extra=vol.ALLOW_EXTRA,
)
GENERATE = vol.Schema(
    {
        **_COMMON,
        vol.Optional("prompt"): nullable(string),
        vol.Optional("system"): nullable(string),
        vol.Optional("raw"): nullable(boolean),
    },
    extra=vol.ALLOW_EXTRA,
)


def chat_body(body: dict[str, Any]) -> dict[str, Any]:
    """The same conversation in OpenAI's form."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise RequestError(f"messages: must be a list, got {shown(messages)}")
    translated = {**common(body), "messages": [_openai_message(each, i) for i, each in enumerate(messages)]}
    if body.get("tools") is not None:
        translated["tools"] = body["tools"]
    if body.get("think") is not None:
        # "low", "medium" and "high" are for models that know degrees.
        translated["enable_thinking"] = bool(body["think"])
    match body.get("format"):
        case None | "":
            pass
        case "json":
            translated["response_format"] = {"type": "json_object"}
        case dict() as schema:
            named = {"name": "answer", "schema": schema, "strict": True}
            translated["response_format"] = {"type": "json_schema", "json_schema": named}
        case other:
            raise RequestError(f"format: must be 'json' or a JSON schema, got {shown(other)}")
    return translated


def common(body: dict[str, Any]) -> dict[str, Any]:
    """What a conversation and a prompt have in common, under OpenAI's names."""
    options = body.get("options") or {}
    given = {_OPTIONS[name]: value for name, value in options.items() if name in _OPTIONS}
    if isinstance(given.get("max_tokens"), int) and given["max_tokens"] < 0:
        # -1 and -2: until the model stops, or the context is full.
        del given["max_tokens"]
    return {**given, "model": model_of(body)}


def _openai_message(message: Any, index: int) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise RequestError(f"messages.{index}: must be an object, got {shown(message)}")
    if message.get("images"):
        raise RequestError(f"messages.{index}.images: is not supported")
    renamed = {"thinking": "reasoning_content", "tool_name": "name"}
    kept = ("role", "content", "thinking", "tool_calls", "tool_name", "tool_call_id")
    return {renamed.get(key, key): message[key] for key in kept if message.get(key) is not None}


def model_of(body: dict[str, Any]) -> str | None:
    """The model that a checked body names, without Ollama's tag for the only one."""
    name = body.get("model")
    return name.removesuffix(":latest") if name else None


def name_of(body: dict[str, Any]) -> str:
    """The model that is shown, fetched or deleted. Raises RequestError where none is named."""
    name = body["model"] or body["name"]
    if not name:
        raise RequestError("model: is required")
    return str(name).removesuffix(":latest")
