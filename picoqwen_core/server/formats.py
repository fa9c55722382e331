"""What a request may say about the form of its answer: response_format, vLLM's guided_*, tool_choice."""

from collections.abc import Hashable, Mapping
from typing import Any

import voluptuous as vol

from picoqwen_core.errors import RequestError
from picoqwen_core.messages import ResponseFormat
from picoqwen_core.server.fields import mapping, shown, string

MAX_CHOICES = 1000
_TYPES = ("text", "json_object", "json_schema", "regex", "grammar")


def response_format(value: Any) -> ResponseFormat | None:
    """OpenAI's field, with the types `regex` and `grammar` beside OpenAI's."""
    kind = mapping(value).get("type")
    if kind not in _TYPES:
        raise vol.Invalid(f"must be one of {', '.join(_TYPES)}, got {shown(kind)}", ["type"])
    match kind:
        case "json_schema":
            schema = _inside(value, "json_schema", "schema")
            return ResponseFormat("json", "response_format.json_schema.schema", schema)
        case "json_object":
            # llama.cpp takes a schema here too.
            given = value.get("schema")
            schema = {"type": "object"} if given is None else _schema(given, ["schema"])
            return ResponseFormat("json", "response_format.schema", schema)
        case "regex" | "grammar":
            return ResponseFormat(kind, f"response_format.{kind}", text=_text(value.get(kind), [kind]))
    return None


def guided(data: Mapping[str, Any]) -> ResponseFormat | None:
    """The format that a request asks for. RequestError where it asks for two."""
    given = [name for name in ("response_format", *GUIDED) if data.get(name) is not None]
    if len(given) > 1:
        raise RequestError(f"{given[1]}: cannot be used beside {given[0]}")
    found: ResponseFormat | None = data[given[0]] if given else None
    return found


def tool_choice(value: Any) -> str:
    """OpenAI's field: a word, or an object that names a tool."""
    if value in ("auto", "none", "required"):
        return str(value)
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    # A tool of one of these names could not be told from the word.
    if isinstance(name, str) and name not in ("", "auto", "none", "required"):
        return name
    raise vol.Invalid(
        'must be "auto" or "none" or "required" or {"type": "function", "function": {"name": ...}}'
    )


def _inside(value: Mapping[str, Any], outer: str, inner: str) -> Mapping[str, Any]:
    found = value.get(outer)
    if not isinstance(found, dict):
        raise vol.Invalid("must be an object", [outer])
    return _schema(found.get(inner), [outer, inner])


def _schema(value: Any, path: list[Hashable]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise vol.Invalid(f"must be an object, got {shown(value)}", path)
    return value


def _text(value: Any, path: list[Hashable]) -> str:
    if not isinstance(value, str) or not value:
        raise vol.Invalid(f"must be a string that is not empty, got {shown(value)}", path)
    return value


def _guided_json(value: Any) -> ResponseFormat:
    return ResponseFormat("json", "guided_json", mapping(value))


def _guided_regex(value: Any) -> ResponseFormat:
    return ResponseFormat("regex", "guided_regex", text=string(value))


def _guided_grammar(value: Any) -> ResponseFormat:
    return ResponseFormat("grammar", "guided_grammar", text=string(value))


def _guided_choice(value: Any) -> ResponseFormat:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CHOICES:
        raise vol.Invalid(f"must be a list of 1 to {MAX_CHOICES} strings")
    if not all(isinstance(each, str) and each for each in value):
        raise vol.Invalid("must list strings that are not empty")
    return ResponseFormat("choice", "guided_choice", choices=tuple(value))


# vLLM's names.
GUIDED = {
    "guided_json": _guided_json,
    "guided_regex": _guided_regex,
    "guided_grammar": _guided_grammar,
    "guided_choice": _guided_choice,
}
