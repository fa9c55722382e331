"""Answers questions about the home from the states that came with the request."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from picoqwen_core.home import told
from picoqwen_core.home.decision import Query
from picoqwen_core.home.fixed import fixed
from picoqwen_core.home.targets import resolve
from picoqwen_core.home.wording import and_list, definite, is_plural, place_phrase, plural_kind
from picoqwen_core.messages import HomeContext, HomeEntity

_SILENT_STATES = frozenset(("unavailable", "unknown", ""))
# What counts as each state that people ask about; every other state does not.
_MEANINGS: dict[str, frozenset[str]] = {
    "on": frozenset(
        ("on", "playing", "paused", "idle", "heat", "cool", "heat_cool", "auto", "dry", "fan_only")
    )
    | frozenset(("cleaning", "open", "home")),
    "off": frozenset(("off", "standby")),
    "open": frozenset(("open", "opening", "on")),
    "closed": frozenset(("closed", "closing", "off")),
    "locked": frozenset(("locked",)),
    "unlocked": frozenset(("unlocked", "open")),
    "playing": frozenset(("playing",)),
    "paused": frozenset(("paused",)),
    "cleaning": frozenset(("cleaning",)),
    "docked": frozenset(("docked",)),
}
# Binary sensors say "on" where people say "open".
_BINARY_WORDS = {
    "door": ("open", "closed"),
    "window": ("open", "closed"),
    "garage_door": ("open", "closed"),
    "opening": ("open", "closed"),
    "lock": ("unlocked", "locked"),
    "motion": ("detecting motion", "clear"),
    "occupancy": ("occupied", "clear"),
    "moisture": ("wet", "dry"),
    "smoke": ("detecting smoke", "clear"),
    "battery": ("low", "fine"),
}
# Where a quantity is found: the sensor's device class, then attributes (name, unit).
_QUANTITIES: dict[str, tuple[str | None, tuple[tuple[str, str], ...]]] = {
    "temperature": ("temperature", (("current_temperature", "°"), ("temperature", "°"))),
    "set_temperature": (None, (("temperature", "°"),)),
    "humidity": ("humidity", (("current_humidity", "%"), ("humidity", "%"))),
    "battery": ("battery", (("battery_level", "%"),)),
    "power": ("power", ()),
    "brightness": ("illuminance", (("brightness", "%"),)),
    "position": (None, (("current_position", "%"), ("percentage", "%"))),
    "volume": (None, (("volume_level", "%"),)),
    "media_title": (None, (("media_title", ""),)),
}

_NOTHING_WHEN_OFF = ("brightness", "position", "volume", "media_title", "power")


def answer(query: Query, home: HomeContext) -> str:
    """A truthful sentence."""
    if query.kind in ("time", "date"):
        return _clock(query.kind, home)
    entities = resolve(home, query.target) or _in_place(query, home)
    if not entities:
        return fixed("unknown_device", home.language, "I can't find such a device.")
    if told.speaks(home.language):
        return _in_language(query, entities, home)
    if query.kind == "is":
        return _is(query, entities, home)
    if query.kind == "value":
        return _value(query, entities, home)
    return _group(query, entities, home)


def _in_place(query: Query, home: HomeContext) -> tuple[HomeEntity, ...]:
    """How warm a room is may be told by anything in it, not only by what the model thought of."""
    if query.kind != "value" or not (query.target.area or query.target.floor):
        return ()
    return resolve(home, replace(query.target, domain=None, device_class=None))


def can_answer(query: Query, home: HomeContext) -> bool:
    """Whether any of the entities asked about tells what is asked; a state is told by every one."""
    if query.kind != "value":
        return True
    entities = resolve(home, query.target)
    return any(_reading(entity, query.asked or "state", named=True) is not None for entity in entities)


def state_word(entity: HomeEntity) -> str:
    """An entity's state as people say it."""
    if entity.state in _SILENT_STATES:
        return "not available" if entity.state == "unavailable" else "unknown"
    if entity.domain == "binary_sensor" and entity.device_class in _BINARY_WORDS:
        return _BINARY_WORDS[entity.device_class][entity.state != "on"]
    if entity.unit:
        return _with_unit(entity.state, entity.unit)
    return entity.state.replace("_", " ")


def _holds(entity: HomeEntity, asked: str) -> bool | None:
    """Whether an entity is in the state asked for; None when nobody knows."""
    if entity.state in _SILENT_STATES:
        return None
    return entity.state in _MEANINGS.get(asked, frozenset((asked,)))


def _is(query: Query, entities: Sequence[HomeEntity], home: HomeContext) -> str:
    asked = query.asked or "on"
    if len(entities) > 1:
        return _group(query, entities, home)
    (entity,) = entities
    holds = _holds(entity, asked)
    name = definite(entity)
    if holds is None:
        return f"I don't know: {name} is {state_word(entity)}."
    if holds:
        return f"Yes, {name} {_be(entity)} {asked}."
    return f"No, {name} {_be(entity)} {state_word(entity)}."


def _in_language(query: Query, entities: Sequence[HomeEntity], home: HomeContext) -> str:
    """The same answers in the other languages."""
    language, asked = home.language, query.asked or "on"
    if query.kind == "value":
        return _value_in_language(query, entities, home)
    if len(entities) == 1 and query.kind != "count":
        holds = _holds(entities[0], asked)
        return told.yes_or_no(holds, entities[0].name, _state_in_language(entities[0], language), language)
    matching = [entity.name for entity in entities if _holds(entity, asked)]
    state = told.state(asked, language)
    if query.kind == "count":
        return told.count(len(matching), len(entities), state, language)
    return told.group(matching, len(entities), state, language)


def _value_in_language(query: Query, entities: Sequence[HomeEntity], home: HomeContext) -> str:
    asked, named = query.asked or "state", bool(query.target.entities)
    if named and asked == "state" and not entities[0].unit:
        return told.value(entities[0].name, _state_in_language(entities[0], home.language), home.language)
    for entity in entities:
        reading = _reading(entity, asked, named=named)
        if reading is not None:
            area = next((area.name for area in home.areas if area.id == entity.area), "")
            return told.value(entity.name if named else area, reading, home.language)
    return told.no_value(home.language)


def _state_in_language(entity: HomeEntity, language: str) -> str:
    """An entity's state as it is said; contacts are open or closed."""
    words = _BINARY_WORDS.get(entity.device_class or "") if entity.domain == "binary_sensor" else None
    if words is not None and words[0] in ("open", "unlocked") and entity.state in ("on", "off"):
        return told.state(words[entity.state != "on"], language)
    return told.number(state_word(entity)) if entity.unit else told.state(entity.state, language)


def _group(query: Query, entities: Sequence[HomeEntity], home: HomeContext) -> str:
    asked = query.asked or "on"
    if len(entities) == 1 and query.kind != "count":
        return _is(query, entities, home)
    matching = [entity for entity in entities if _holds(entity, asked)]
    kind = plural_kind(entities)
    where = place_phrase(query.target, home)
    if query.kind == "count":
        verb = "is" if len(matching) == 1 else "are"
        return f"{len(matching)} of {len(entities)} {kind}{where} {verb} {asked}."
    if not matching:
        return f"No, none of the {len(entities)} {kind}{where} are {asked}."
    if len(matching) == len(entities) and len(matching) > 1:
        return f"All {len(entities)} {kind}{where} are {asked}."
    names = and_list([definite(entity) for entity in matching])
    return f"{names[0].upper()}{names[1:]} {'is' if len(matching) == 1 else 'are'} {asked}."


def _value(query: Query, entities: Sequence[HomeEntity], home: HomeContext) -> str:
    asked = query.asked or "state"
    for entity in entities:
        reading = _reading(entity, asked, named=bool(query.target.entities))
        if reading is not None:
            if query.target.entities:
                return f"{definite(entity, capital=True)} {_be(entity)} {reading}."
            return f"The {asked.replace('_', ' ')}{place_phrase(query.target, home)} is {reading}."
    if query.target.entities:
        return f"{definite(entities[0], capital=True)} does not tell its {asked.replace('_', ' ')}."
    return f"Nothing tells me the {asked.replace('_', ' ')}{place_phrase(query.target, home)}."


def _reading(entity: HomeEntity, asked: str, *, named: bool) -> str | None:
    """The quantity of an entity as text; None when it does not have it."""
    device_class, attributes = _QUANTITIES.get(asked, (None, ()))
    if entity.state in _SILENT_STATES:
        return None
    for name, unit in attributes:
        value = entity.attributes.get(name)
        if value is not None and value != "":
            return _with_unit(value, unit)
    if entity.domain == "sensor" and (named or entity.device_class == device_class):
        return state_word(entity)
    if asked == "items" and entity.domain == "todo":
        return f"{entity.state} open items long"
    # That it is off tells how bright a lamp is, and nothing about how warm it is.
    off = entity.state == "off" and asked in _NOTHING_WHEN_OFF
    return state_word(entity) if named and (asked == "state" or off) else None


def _with_unit(value: Any, unit: str) -> str:
    try:
        text = f"{round(float(value), 1):g}"
    except ValueError:
        text = str(value)
    if not unit:
        return text
    return f"{text} {unit}" if unit[0].isalpha() else f"{text}{unit}"


def _clock(kind: str, home: HomeContext) -> str:
    try:
        now = datetime.fromisoformat(home.now or "")
    except ValueError:
        return fixed("no_tool", home.language, "I don't know what time it is.")
    if told.speaks(home.language):
        return told.clock(now, kind, home.language)
    if kind == "time":
        return f"It is {now:%H:%M}."
    return f"Today is {now:%A}, {now.day} {now:%B %Y}."


def _be(entity: HomeEntity) -> str:
    return (
        "are"
        if is_plural(entity.name) and entity.domain in ("light", "cover", "media_player", "switch")
        else "is"
    )
