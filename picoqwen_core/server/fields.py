"""Checks of single values in requests; what is wrong is said so that the caller can mend it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import voluptuous as vol

from picoqwen_core.errors import RequestError

type Check = Callable[[Any], Any]

_SHOWN_CHARACTERS = 80
# What voluptuous says of Python types, in the words of JSON.
_JSON_WORDS = {"expected a dictionary": "must be an object", "expected a list": "must be a list"}


# What each check lets through, as JSON schema, and what a nullable one wraps; openapi.py puts them together.
JSON_SCHEMAS: dict[Check, dict[str, Any]] = {}
NULLABLE: dict[Check, Any] = {}


def described(check: Check, **schema: Any) -> Check:
    """The check, remembered with its JSON schema."""
    JSON_SCHEMAS[check] = schema
    return check


def nullable(schema: Any) -> Check:
    """The schema, or null; unlike vol.Any it keeps the schema's own complaint."""
    check: Check = schema if isinstance(schema, vol.Schema) else vol.Schema(schema)

    def or_null(value: Any) -> Any:
        return None if value is None else check(value)

    NULLABLE[or_null] = schema
    return or_null


def open_object(fields: dict[Any, Any]) -> vol.Schema:
    """An object whose other fields are ignored: clients send what newer servers know."""
    return vol.Schema(fields, extra=vol.REMOVE_EXTRA)


def optional(name: str, check: Any, default: Any = None) -> dict[Any, Any]:
    """A field that may be left out or null."""
    return {vol.Optional(name, default=default): nullable(check)}


def number(low: float, high: float) -> Check:
    """A JSON number from `low` to `high`."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise vol.Invalid(f"must be a number from {low:g} to {high:g}")
        return value

    return described(check, type="number", minimum=low, maximum=high)


def integer(low: int, high: int) -> Check:
    """A whole JSON number from `low` to `high`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise vol.Invalid(f"must be a whole number from {low} to {high}")
        return value

    return described(check, type="integer", minimum=low, maximum=high)


def number_or_false(low: int, high: int) -> Check:
    """A whole JSON number from `low` to `high`, or false, which some clients send for none."""
    whole = integer(low, high)

    def check(value: Any) -> Any:
        return value if value is False else whole(value)

    return described(check, type=["integer", "boolean"], minimum=low, maximum=high)


def string(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise vol.Invalid("must be a string")
    return value


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise vol.Invalid("must be true or false")
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object of any content."""
    if not isinstance(value, dict):
        raise vol.Invalid("must be an object")
    return value


def one_of(*allowed: Any) -> Check:
    """One of these values."""

    def check(value: Any) -> Any:
        if value not in allowed:
            raise vol.Invalid(f"must be {' or '.join(json.dumps(each) for each in allowed)}")
        return value

    return described(check, enum=list(allowed))


def content(value: Any) -> str:
    """A message's content: a string, or OpenAI's content parts as far as they are text."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        raise vol.Invalid("must be a string or a list of parts")
    parts = []
    for index, part in enumerate(value):
        kind = part.get("type") if isinstance(part, dict) else part
        if kind != "text":
            raise vol.Invalid(f"only parts of type 'text' are supported, got {shown(kind)}", [index, "type"])
        if not isinstance(part.get("text"), str):
            raise vol.Invalid("must be a string", [index, "text"])
        parts.append(part["text"])
    return "".join(parts)


def stop_strings(value: Any) -> tuple[str, ...]:
    """OpenAI's `stop`: null, a string or several."""
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or len(values) > 16 or not all(isinstance(v, str) and v for v in values):
        raise vol.Invalid("must be a string or a list of at most 16 non-empty strings")
    return tuple(values)


def modes(value: Any) -> Mapping[str, tuple[str, ...]]:
    """Names of modes, by what they are modes of."""
    if not isinstance(value, dict):
        raise vol.Invalid("must be an object")
    for kind, names in value.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise vol.Invalid(f"{kind!r:.{_SHOWN_CHARACTERS}} must be a list of strings")
    return {kind: tuple(names) for kind, names in value.items()}


def call_arguments(value: Any) -> Mapping[str, Any]:
    """A tool call's arguments, which OpenAI sends as a JSON string."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except (ValueError, RecursionError) as err:
            raise vol.Invalid("must be a JSON object") from err
    return mapping(value)


described(string, type="string")
described(boolean, type="boolean")
described(mapping, type="object")
described(content, type=["string", "null", "array"])
described(stop_strings, type=["string", "null", "array"])
described(modes, type="object", additionalProperties={"type": "array", "items": {"type": "string"}})
described(call_arguments, type=["string", "object"])


def unsupported(name: str, *harmless: Any) -> dict[Any, Check]:
    """A schema entry that refuses what would otherwise be ignored without a word; `harmless` may be sent."""

    def check(value: Any) -> None:
        if value is not None and value not in harmless:
            raise vol.Invalid("is not supported")

    return {vol.Optional(name, default=None): check}


def validated(schema: vol.Schema, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as the schema makes it. Raises RequestError naming the first wrong field and its value."""
    try:
        data: dict[str, Any] = schema(body)
    except vol.MultipleInvalid as err:
        raise RequestError(_complaint(err.errors[0], body)) from err
    return data


def shown(value: Any) -> str:
    """A value as it appears in messages, cut short."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _complaint(error: vol.Invalid, body: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error.path)
    if isinstance(error, vol.RequiredFieldInvalid):
        return f"{path}: is required"
    message = _JSON_WORDS.get(error.msg, error.msg)
    value: Any = body
    for part in error.path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return f"{path}: {message}"
    return f"{path}: {message}" if "got " in message else f"{path}: {message}, got {shown(value)}"
