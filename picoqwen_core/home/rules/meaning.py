"""What a matched template means in a home: the same decisions as the built-in model's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from picoqwen_core.home.able import the_searchable
from picoqwen_core.home.decision import Act, Action, Cannot, Clarify, Decision, Query, QueryKind, Target, Verb
from picoqwen_core.home.placeless import TIMERS
from picoqwen_core.home.rules.match import HERE, Match
from picoqwen_core.home.targets import resolve, settled
from picoqwen_core.messages import HomeContext, HomeEntity

# Begins the name of the intents that our own templates are of; the verb follows.
OWN_PREFIX = "Own:"
_SWITCH: dict[str, tuple[Verb, Verb]] = {
    "cover": ("open", "close"),
    "valve": ("open", "close"),
    "lock": ("lock", "unlock"),
    "vacuum": ("vacuum_start", "vacuum_return"),
    "lawn_mower": ("mower_start", "mower_dock"),
}
_PLAIN: dict[str, tuple[Verb, str]] = {
    "HassMediaPause": ("pause", "media_player"),
    "HassMediaUnpause": ("play", "media_player"),
    "HassMediaNext": ("next", "media_player"),
    "HassMediaPrevious": ("previous", "media_player"),
    "HassMediaPlayerMute": ("mute", "media_player"),
    "HassMediaPlayerUnmute": ("unmute", "media_player"),
    "HassVacuumStart": ("vacuum_start", "vacuum"),
    "HassVacuumReturnToBase": ("vacuum_return", "vacuum"),
    "HassLawnMowerStartMowing": ("mower_start", "lawn_mower"),
    "HassLawnMowerDock": ("mower_dock", "lawn_mower"),
}
# The verb, the slot of its value, and what it is done to.
_VALUED: dict[str, tuple[Verb, str, str]] = {
    "HassClimateSetTemperature": ("temperature", "temperature", "climate"),
    "HassFanSetSpeed": ("fan_speed", "percentage", "fan"),
    "HassSetPosition": ("position", "position", "cover"),
    "HassSetVolume": ("volume", "volume_level", "media_player"),
    "HassListAddItem": ("list_add", "item", "todo"),
    "HassListCompleteItem": ("list_complete", "item", "todo"),
    "HassListRemoveItem": ("list_remove", "item", "todo"),
    "HassShoppingListAddItem": ("list_add", "item", "todo"),
    "HassShoppingListCompleteItem": ("list_complete", "item", "todo"),
    "HassMediaSearchAndPlay": ("play_media", "search_query", "media_player"),
}
_QUESTIONS = (
    "HassGetState HassClimateGetTemperature HassGetCurrentTime HassGetCurrentDate HassGetWeather".split()
)
_OTHER = "HassTurnOn HassTurnOff HassLightSet HassSetVolumeRelative HassVacuumCleanArea HassBroadcast".split()
INTENTS = frozenset((*_PLAIN, *_VALUED, *TIMERS, *_QUESTIONS, *_OTHER))
_KINDS: dict[str, QueryKind] = {
    "one_yesno": "is",
    "any": "which",
    "all": "which",
    "which": "which",
    "how_many": "count",
}
# What is asked of covers is often told by a contact.
_CONTACTS = {"door": "door", "window": "window", "garage": "garage_door", "gate": "garage_door"}
# Of more things of one name the room is asked for, and not each of them listed.
_MOST_ASKED = 4
_UNITS = {"hours": 3600, "minutes": 60, "seconds": 1}
_MEDIA, _CLIMATE = ("media_player",), ("climate",)
# What the verbs of our own templates are done to.
DOMAINS_OF_VERB: Mapping[str, tuple[str, ...]] = {
    "on": ("light", "switch", "fan", "media_player", "input_boolean", "climate", "humidifier"),
    "off": ("light", "switch", "fan", "media_player", "input_boolean", "climate", "humidifier"),
    "open": ("cover", "valve"),
    "close": ("cover", "valve"),
    "stop": ("cover", "valve", "media_player", "vacuum", "lawn_mower"),
    "lock": ("lock",),
    "unlock": ("lock",),
    "brightness": ("light",),
    "brighter": ("light",),
    "dimmer": ("light",),
    "position": ("cover", "valve"),
    "temperature": _CLIMATE,
    "warmer": _CLIMATE,
    "cooler": _CLIMATE,
    "fan_faster": ("fan",),
    "fan_slower": ("fan",),
    "humidity": ("humidifier",),
    "play": _MEDIA,
    "pause": _MEDIA,
    "next": _MEDIA,
    "previous": _MEDIA,
    "volume": _MEDIA,
    "louder": _MEDIA,
    "quieter": _MEDIA,
    "mute": _MEDIA,
    "unmute": _MEDIA,
    "vacuum_start": ("vacuum",),
    "vacuum_return": ("vacuum",),
    "list_add": ("todo",),
    "list_remove": ("todo",),
    "is": ("light", "switch", "fan", "media_player", "input_boolean", "lock", "cover", "valve"),
    "items": ("todo",),
    "set_temperature": _CLIMATE,
    "which_on": ("light",),
    "all_on": ("light",),
    "all_off": ("light",),
}


def meaning(match: Match, home: HomeContext) -> Decision | None:
    """The decision of a match; None where this home or this server gives it no meaning."""
    if match.intent in TIMERS:
        return _timer(TIMERS[match.intent], match.slots)
    if match.intent == "HassBroadcast":
        return Act((Action("broadcast", Target(everywhere=True), str(match.slots["message"])),))
    if match.intent in _QUESTIONS:
        return _question(match, home)
    if match.intent == "HassVacuumCleanArea":
        return _clean(match, home)
    if match.intent.startswith(OWN_PREFIX):
        return _own(match, home)
    return _act(match, home)


def _act(match: Match, home: HomeContext) -> Decision | None:
    """Something to do to a thing, or to the things of a place."""
    domain = _default_domain(match)
    target = _target(match, home, domain)
    if not isinstance(target, Target):
        return target
    meant = resolve(home, target)
    action = _action(match, target, meant[0].domain if meant else domain or "")
    return Act((action,)) if action is not None else None


def _default_domain(match: Match) -> str | None:
    """The domain of what is meant by place: the template's, or the one that the intent is for."""
    if "domain" in match.slots:
        return str(match.slots["domain"])
    if match.intent in _PLAIN:
        return _PLAIN[match.intent][1]
    if match.intent in _VALUED:
        return _VALUED[match.intent][2]
    return {"HassLightSet": "light", "HassSetVolumeRelative": "media_player"}.get(match.intent)


def _target(match: Match, home: HomeContext, domain: str | None) -> Target | Clarify | Cannot | None:
    """What is meant; a question where several things have the name, or nobody knows the room; and that it is
    unknown where the home has nothing of the kind."""
    slots = match.slots
    if isinstance(slots.get("name"), tuple):
        return _named(match, home)
    device_class = slots.get("device_class")
    kind: dict[str, Any] = {"domain": domain, "device_class": str(device_class) if device_class else None}
    if domain is None and "area" not in slots and "floor" not in slots:
        return None
    if domain is not None and not resolve(home, Target(everywhere=True, **kind)):
        return Cannot("unknown_device")
    if slots.get("area") == HERE:
        target = settled(home, Target(here=True, **kind))
        if not target.here or home.area is not None:
            return target
        if match.everything:
            return Target(everywhere=True, **kind)
        if match.intent == "HassMediaSearchAndPlay" and (only := the_searchable(home)) is not None:
            return Target((only,))
        playing = [
            e.id for e in home.entities if e.domain == domain == "media_player" and e.state == "playing"
        ]
        return Target(tuple(playing)) if len(playing) == 1 and not match.here else Clarify(())
    if "area" in slots:
        return Target(area=str(slots["area"]), **kind)
    if "floor" in slots:
        return Target(floor=str(slots["floor"]), **kind)
    return Target(everywhere=True, **kind)


def _named(match: Match, home: HomeContext) -> Target | Clarify | None:
    """The entity of that name that the template and the place allow; else which of them is asked."""
    ids = match.slots["name"]
    meant = [e for e in home.entities if e.id in ids and (not match.domains or e.domain in match.domains)]
    meant = [entity for entity in meant if _is_in_place(entity, match.slots, home)]
    if len(meant) > 1:
        meant = [entity for entity in meant if entity.area == home.area and home.area] or meant
    if len(meant) > _MOST_ASKED:
        return Clarify(())
    if len(meant) > 1:
        return Clarify(tuple(entity.id for entity in meant))
    return Target((meant[0].id,)) if meant else None


def _is_in_place(entity: HomeEntity, slots: Mapping[str, Any], home: HomeContext) -> bool:
    if "area" in slots and slots["area"] != HERE:
        return entity.area == str(slots["area"])
    if "floor" in slots:
        return any(area.id == entity.area and area.floor == slots["floor"] for area in home.areas)
    return True


def _action(match: Match, target: Target, domain: str) -> Action | None:
    intent, slots = match.intent, match.slots
    if intent in ("HassTurnOn", "HassTurnOff"):
        return Action(_SWITCH.get(domain, ("on", "off"))[intent == "HassTurnOff"], target)
    if intent in _PLAIN:
        return Action(_PLAIN[intent][0], target)
    if intent == "HassSetVolumeRelative":
        return _volume_step(slots.get("volume_step"), target)
    if intent in _VALUED:
        verb, slot, _ = _VALUED[intent]
        value = _number(slots.get(slot))
        return Action(verb, target, value) if value is not None else None
    if "color" in slots:
        return Action("color", target, str(slots["color"]))
    if (brightness := _number(slots.get("brightness"))) is not None:
        return Action("brightness", target, brightness)
    kelvin = _number(slots.get("temperature"))
    return Action("color_temperature", target, kelvin) if kelvin is not None else None


def _volume_step(step: Any, target: Target) -> Action | None:
    if step in ("up", "down"):
        return Action("louder" if step == "up" else "quieter", target)
    by = _number(step)
    if not isinstance(by, float):
        return None
    return Action("louder" if by > 0 else "quieter", target, abs(by))


def _number(value: Any) -> float | str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value.strip() if isinstance(value, str) and value.strip() else None


def _everything(verb: Verb, match: Match, home: HomeContext) -> Act:
    """All that can be switched: of a place that was said, of the speaker's room, or of the home."""
    area = match.slots.get("area")
    if area not in (None, HERE):
        target = Target(area=str(area))
    elif "floor" in match.slots:
        target = Target(floor=str(match.slots["floor"]))
    else:
        target = Target(area=home.area) if home.area is not None else Target(everywhere=True)
    return Act((Action(verb, target),))


def _own(match: Match, home: HomeContext) -> Decision | None:
    """The verb stands in the intent's name; a template with no place means the speaker's room."""
    verb = match.intent.removeprefix(OWN_PREFIX)
    if verb in ("all_on", "all_off"):
        return _everything("on" if verb == "all_on" else "off", match, home)
    if verb == "which_on":
        return Query("which", Target(everywhere=True, domain="light"), "on")
    domain = str(match.slots.get("domain") or DOMAINS_OF_VERB[verb][0])
    target = _target(match, home, domain)
    if not isinstance(target, Target):
        return target
    if verb == "is":
        return Query("is", target, str(match.slots.get("state") or "on"))
    if verb in ("items", "set_temperature"):
        return Query("value", target, verb)
    value = next((_number(match.slots[s]) for s in ("step", "amount", "item") if s in match.slots), None)
    return Act((Action(verb, target, value),))  # type: ignore[arg-type]  # the keys of DOMAINS_OF_VERB


def _clean(match: Match, home: HomeContext) -> Decision | None:
    area = home.area if match.slots.get("area") == HERE else match.slots.get("area")
    if area is None:
        return Clarify(()) if "area" in match.slots else None
    return Act((Action("vacuum_clean", Target(area=str(area))),))


def _timer(verb: Verb, slots: Mapping[str, Any]) -> Decision | None:
    """Timers are told apart by name or by what they were set to; those of another room are left."""
    if "area" in slots:
        return None
    numbers = {k: _number(v) for k, v in slots.items() if k.removeprefix("start_") in _UNITS}
    if not all(isinstance(value, float) for value in numbers.values()):
        return None
    starts = {k: v for k, v in numbers.items() if k.startswith("start_")}
    plain = {k: v for k, v in numbers.items() if k not in starts}
    changes = verb in ("timer_start", "timer_more", "timer_less")
    if changes and (starts or not plain):
        return None
    seconds = sum(_UNITS[k.removeprefix("start_")] * float(v or 0) for k, v in (plain or starts).items())
    label = str(slots["name"]).strip() if slots.get("name") else None
    if "conversation_command" in slots:
        command = str(slots["conversation_command"])
        return Act((Action("delayed", Target(everywhere=True), seconds, command),))
    return Act((Action(verb, Target(everywhere=True), seconds or None, label),))


def _question(match: Match, home: HomeContext) -> Decision | None:
    intent, slots = match.intent, match.slots
    if intent in ("HassGetCurrentTime", "HassGetCurrentDate"):
        return Query("time" if intent.endswith("Time") else "date")
    if intent == "HassGetWeather":
        return Query("weather")
    if intent == "HassClimateGetTemperature":
        target = _target(match, home, "climate")
        asked = "set_temperature" if match.response == "target_temperature" else "temperature"
        if not isinstance(target, Target):
            return target
        return Query("value", target if target.entities else replace(target, domain=None), asked)
    if slots.get("domain") == "person" or match.domains == {"person"}:
        return None
    target = _target(match, home, str(slots["domain"]) if "domain" in slots else None)
    if not isinstance(target, Target):
        return target
    if match.response == "one" and "state" not in slots:
        return Query("value", target, "state")
    kind = _KINDS.get(match.response)
    return Query(kind, _or_contacts(target, home), str(slots["state"])) if kind and "state" in slots else None


def _or_contacts(target: Target, home: HomeContext) -> Target:
    """Windows and doors that are no covers: their contacts tell."""
    contact = _CONTACTS.get(target.device_class or "")
    if target.domain != "cover" or contact is None or resolve(home, target):
        return target
    return replace(target, domain="binary_sensor", device_class=contact)
