"""Tool calls as a grammar: any of the tools offered, its arguments by its own JSON schema.

Where the request says what the home looks like, the names, areas, floors and modes in calls of Home
Assistant's own tools are those of the home, so that none can be invented.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from picoqwen_core.errors import RequestError, SchemaError
from picoqwen_core.grammar.compiler import json_text
from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity, HomeFloor, ToolSpec

# How the names of Home Assistant's own tools begin, after the name of their API and two underscores.
_ASSIST = ("Hass", "GetLiveContext", "search_media", "play_media")
# Their `name` is what a timer is called, which is new.
_NAMES_NEW_THINGS = "Timer"
# Arguments that take a mode's name: the domain, and what it is a mode of.
_MODES = {
    "HassClimateSetFanMode": ("fan_mode", "climate", "fan"),
    "HassHumidifierMode": ("mode", "humidifier", "mode"),
}


def chosen(tools: Sequence[ToolSpec], choice: str) -> tuple[ToolSpec, ...]:
    """The tools that may be called. RequestError where a named one, or any at all, is not offered."""
    if choice in ("auto", "none"):
        return tuple(tools)
    if not tools:
        raise RequestError(f"tool_choice: is {choice!r}, but no tools are offered")
    if choice == "required":
        return tuple(tools)
    named = tuple(tool for tool in tools if tool.name == choice)
    if not named:
        offered = ", ".join(tool.name for tool in tools[:20])
        raise RequestError(f"tool_choice: no tool {choice!r} is offered; offered: {offered}")
    return named


def fields_of(tools: Iterable[ToolSpec]) -> dict[str, Any]:
    """The schemas by the field of the request that holds them, for messages."""
    return {_field(tool): tool.parameters for tool in tools}


def call_grammar(tools: Sequence[ToolSpec], home: HomeContext | None, closing: str) -> str:
    """A Lark grammar of what follows <tool_call>, up to its end.

    home: whose names are the only ones, None for any. closing: the end tag as a Lark expression. Raises
    SchemaError.
    """
    rules = []
    for index, tool in enumerate(tools):
        head = json.dumps(f'{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": ')
        schema = json_text(_parameters(tool, home), _field(tool))
        rules.append(f'call_{index}: {head} %json {schema} "}}"')
    calls = " | ".join(f"call_{index}" for index in range(len(tools)))
    return "\n".join([f'start: "\\n" call "\\n" {closing}', f"call: {calls}", *rules])


def _field(tool: ToolSpec) -> str:
    return f"tools.{tool.name}.parameters"


def _parameters(tool: ToolSpec, home: HomeContext | None) -> dict[str, Any]:
    """The tool's schema; arguments are always an object, even where it says nothing."""
    schema = dict(tool.parameters)
    if schema.setdefault("type", "object") != "object":
        raise SchemaError(f"{_field(tool)}: 'type' must be 'object', got {schema['type']!r:.100}")
    if not any(
        key in schema for key in ("additionalProperties", "patternProperties", "allOf", "anyOf", "$ref")
    ):
        schema.setdefault("properties", {})
    name = tool.name.rpartition("__")[2]
    if home is None or not name.startswith(_ASSIST) or not isinstance(schema.get("properties"), dict):
        return schema
    known = home_names(home)
    known |= {f"player_{key}": words for key, words in known.items()}
    if _NAMES_NEW_THINGS in name:
        del known["name"]
    known |= _mode_names(home, name)
    properties = {
        key: _limited(value, known[key]) if key in known else value
        for key, value in schema["properties"].items()
    }
    # Nothing to name: an optional argument is left out, a required one cannot be met and stays as it is.
    needed = schema.get("required", ())
    kept = {key: value for key, value in properties.items() if value is not None or key in needed}
    return {**schema, "properties": {key: value if value is not None else {} for key, value in kept.items()}}


def _limited(schema: Any, allowed: Sequence[str]) -> Any:
    """The schema of a string with the home's words as its only values; None where there are none."""
    if not isinstance(schema, dict) or "enum" in schema or "const" in schema:
        return schema
    if schema.get("type", "string") != "string":
        return schema
    return {**schema, "enum": list(allowed)} if allowed else None


def _mode_names(home: HomeContext, tool: str) -> dict[str, list[str]]:
    """The modes that a tool may set, by its argument; none where the home does not tell of any."""
    if tool not in _MODES:
        return {}
    argument, domain, kind = _MODES[tool]
    modes = [mode for each in home.entities if each.domain == domain for mode in each.modes.get(kind, ())]
    return {argument: list(dict.fromkeys(modes))} if modes else {}


def home_names(home: HomeContext) -> dict[str, list[str]]:
    """What may be said of this home, by the name of the argument."""
    named: dict[str, Sequence[HomeEntity | HomeArea | HomeFloor]] = {
        "name": home.entities,
        "area": home.areas,
        "floor": home.floors,
    }
    return {
        key: list(dict.fromkeys(word for item in items for word in (item.name, *item.aliases) if word))
        for key, items in named.items()
    }
