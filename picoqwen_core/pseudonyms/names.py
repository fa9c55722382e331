"""Which names of a home a request holds: in its structured home, in Home Assistant's overviews, in tools."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from picoqwen_core.messages import ChatRequest, HomeContext

# What names of a domain are called instead; for others "device".
_CODES = {
    "media_player": "player",
    "binary_sensor": "sensor",
    "input_boolean": "switch",
    "water_heater": "heater",
    "lawn_mower": "mower",
    "alarm_control_panel": "alarm",
} | {
    each: each
    for each in (
        "light switch cover fan climate lock sensor vacuum scene script camera person button humidifier todo "
        "calendar weather valve siren timer remote"
    ).split()
}
# Lines of Home Assistant's overviews, and fields of its tools' results.
_LINE = re.compile(
    r"^[ \t]*(?:-[ \t]*)?(name|area|floor|alias)(?:s|es)?[ \t]*:[ \t]*(\S.*)$"
    r"(?:\s*domain[ \t]*:[ \t]*(\w+))?",
    re.MULTILINE,
)
_FIELD = re.compile(
    r'"(friendly_name|area_name|floor_name|names?|areas?|floors?|aliases)"\s*:\s*(\[[^\]]*\]|"(?:[^"\\]|\\.)*")'
)
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLACE = re.compile(r"\bin area (.+?)(?: \(floor (.+?)\))? and ")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class Name:
    """A name, or several in one text, and the word that its pseudonyms begin with."""

    text: str
    kind: str


def names_of(request: ChatRequest) -> Iterator[Name]:
    """All of them; names before ids, since the first spelling of a word is the one that it is known by."""
    if request.home is not None:
        yield from _of_home(request.home)
    for message in request.messages:
        yield from _of_text(message.content)
    for tool in request.tools:
        yield from _of_schema(tool.parameters)


def _of_home(home: HomeContext) -> Iterator[Name]:
    for kind, places in (("area", home.areas), ("floor", home.floors)):
        for each in places:
            yield from (Name(text, kind) for text in (each.name, *each.aliases))
    if home.area:
        yield Name(home.area, "area")
    for entity in home.entities:
        kind = _CODES.get(entity.domain, "device")
        yield from (Name(text, kind) for text in (entity.name, *entity.aliases))
    for kind, places in (("area", home.areas), ("floor", home.floors)):
        yield from (Name(each.id, kind) for each in places)
    for entity in home.entities:
        yield Name(entity.id.partition(".")[2] or entity.id, _CODES.get(entity.domain, "device"))


def _of_text(content: str) -> Iterator[Name]:
    # An overview may stand inside a JSON text, as a tool's result does.
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), content.replace("\\n", "\n"))
    for found in _PLACE.finditer(text):
        yield Name(found[1], "area")
        if found[2]:
            yield Name(found[2], "floor")
    for field, value, domain in _LINE.findall(text):
        yield Name(value, _kind(field, domain))
    for field, value in _FIELD.findall(content):
        for each in _TEXT.findall(value):
            yield Name(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), each), _kind(field))


def _kind(field: str, domain: str = "") -> str:
    if field.startswith(("area", "floor")):
        return "area" if field.startswith("area") else "floor"
    return _CODES.get(domain, "device")


def _of_schema(schema: Any, of: str = "") -> Iterator[Name]:
    """The values that a tool's name, area and floor may have."""
    if isinstance(schema, Mapping):
        for key, item in schema.items():
            if key in ("enum", "const") and of in ("name", "area", "floor"):
                values = item if isinstance(item, list | tuple) else [item]
                yield from (Name(each, _kind(of)) for each in values if isinstance(each, str))
            else:
                yield from _of_schema(item, of if key in ("items", "anyOf", "oneOf", "allOf") else key)
    elif isinstance(schema, list | tuple):
        for each in schema:
            yield from _of_schema(each, of)
