"""Turns what the model decided into calls of the caller's tools, or into a reason why not.

Home Assistant's intents are the target: turning a lock on locks it, turning a cover on opens it. Groups by
area or floor become one call where the intent takes them, everything else one call for each entity.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from picoqwen_core.home import media
from picoqwen_core.home.able import as_able, lacks, needs_light
from picoqwen_core.home.decision import Act, Action, Target, Verb
from picoqwen_core.home.modes import mode_of
from picoqwen_core.home.placeless import PLACELESS, placeless_call
from picoqwen_core.home.steps import step_of
from picoqwen_core.home.targets import SWITCHABLE, resolve
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import HomeContext, HomeEntity, ToolCall

Problem = Literal["unknown_device", "impossible", "no_tool"]
_MEDIA = frozenset(("media_player",))
_LIGHT, _COVER, _CLIMATE = frozenset(("light",)), frozenset(("cover", "valve")), frozenset(("climate",))

# The tool of each verb, and the domains that can do it (None: whatever can be switched).
_TOOLS: dict[Verb, tuple[str, frozenset[str] | None]] = {
    "on": ("HassTurnOn", None),
    "off": ("HassTurnOff", None),
    "open": ("HassTurnOn", _COVER),
    "close": ("HassTurnOff", _COVER),
    "lock": ("HassTurnOn", frozenset(("lock",))),
    "unlock": ("HassTurnOff", frozenset(("lock",))),
    "stop": ("HassStopMoving", _COVER),
    "brightness": ("HassLightSet", _LIGHT),
    "brighter": ("HassLightSet", _LIGHT),
    "dimmer": ("HassLightSet", _LIGHT),
    "color": ("HassLightSet", _LIGHT),
    "color_temperature": ("HassLightSet", _LIGHT),
    "temperature": ("HassClimateSetTemperature", _CLIMATE),
    "warmer": ("HassClimateSetTemperature", _CLIMATE),
    "cooler": ("HassClimateSetTemperature", _CLIMATE),
    "fan_speed": ("HassFanSetSpeed", frozenset(("fan",))),
    "position": ("HassSetPosition", _COVER),
    "play": ("HassMediaUnpause", _MEDIA),
    "pause": ("HassMediaPause", _MEDIA),
    "next": ("HassMediaNext", _MEDIA),
    "previous": ("HassMediaPrevious", _MEDIA),
    "volume": ("HassSetVolume", _MEDIA),
    "louder": ("HassSetVolumeRelative", _MEDIA),
    "quieter": ("HassSetVolumeRelative", _MEDIA),
    "mute": ("HassMediaPlayerMute", _MEDIA),
    "unmute": ("HassMediaPlayerUnmute", _MEDIA),
    "vacuum_start": ("HassVacuumStart", frozenset(("vacuum",))),
    "vacuum_return": ("HassVacuumReturnToBase", frozenset(("vacuum",))),
    "list_add": ("HassListAddItem", frozenset(("todo",))),
    "list_complete": ("HassListCompleteItem", frozenset(("todo",))),
    "list_remove": ("HassListRemoveItem", frozenset(("todo",))),
    "play_media": (media.SEARCH_AND_PLAY, _MEDIA),
    "humidity": ("HassHumidifierSetpoint", frozenset(("humidifier",))),
    "humidifier_mode": ("HassHumidifierMode", frozenset(("humidifier",))),
    "fan_faster": ("HassFanSetSpeed", frozenset(("fan",))),
    "fan_slower": ("HassFanSetSpeed", frozenset(("fan",))),
    "mower_start": ("HassLawnMowerStartMowing", frozenset(("lawn_mower",))),
    "mower_dock": ("HassLawnMowerDock", frozenset(("lawn_mower",))),
}
# On and off of these mean something else, or nothing.
_NEVER_SWITCHED = frozenset(("sensor", "binary_sensor", "todo", "calendar", "weather", "person", "camera"))
_ONLY_ON = frozenset(("scene", "script", "button"))
# Verbs whose value is a percentage: the argument, and the least that is sent.
_PERCENTAGES = {
    "fan_speed": ("percentage", 1),
    "position": ("position", 0),
    "volume": ("volume_level", 0),
    "humidity": ("humidity", 0),
}
# Intents that act on one entity only, or whose value depends on the entity.
_ONE_BY_ONE = frozenset(
    "temperature warmer cooler brighter dimmer louder quieter volume next previous pause play mute unmute "
    "list_add list_complete list_remove vacuum_start vacuum_return play_media humidity fan_faster fan_slower "
    "mower_start mower_dock humidifier_mode".split()
)
KELVIN = {"candle": 2000, "warm": 2700, "neutral": 4000, "cool": 5500, "daylight": 6500}
BRIGHTNESS_STEP, SPEED_STEP, DEGREES_STEP, VOLUME_STEP = 20, 25, 1, 10
_DEFAULT_BRIGHTNESS, _DEFAULT_DEGREES = 50, 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls to make in order; or the first problem, and then no call at all."""

    calls: tuple[ToolCall, ...] = ()
    problem: Problem | None = None


def plan(decision: Act, home: HomeContext, toolbox: Toolbox) -> Plan:
    """Plan all actions. Nothing is done when one of them cannot be."""
    calls: list[ToolCall] = []
    for action in decision.actions:
        made = _plan_action(action, home, toolbox)
        if isinstance(made, str):
            return Plan(problem=made)
        calls += made
    return Plan(tuple(calls)) if calls else Plan(problem="unknown_device")


def _plan_action(action: Action, home: HomeContext, toolbox: Toolbox) -> list[ToolCall] | Problem:
    if action.verb in PLACELESS:
        if action.verb == "vacuum_clean" and all(entity.domain != "vacuum" for entity in home.entities):
            return "unknown_device"
        made = placeless_call(action, home, toolbox)
        return [made] if made is not None else "no_tool"
    action = _as_domain_means(action, home)
    if action.verb not in _TOOLS:
        return "impossible"
    tool, domains = _TOOLS[action.verb]
    if action.verb == "play_media":
        tool = media.tool_for(toolbox)
    meant = resolve(home, action.target)
    if not meant:
        return "unknown_device"
    of_the_kind = [entity for entity in meant if _can(entity, action, domains)]
    action = as_able(action, of_the_kind)
    able = [entity for entity in of_the_kind if not lacks(entity, action.verb)]
    if not able or (action.target.entities and len(able) < len(meant)):
        return "impossible"
    if not toolbox.has(tool):
        return "no_tool"
    if len(able) < len(of_the_kind) and action.verb not in _ONE_BY_ONE:
        # A call for the room would reach those too that cannot: a plain lamp would only be turned on.
        action = replace(action, target=Target(tuple(entity.id for entity in able)))
    return list(_calls(action, tool, able, home, toolbox))


def _as_domain_means(action: Action, home: HomeContext) -> Action:
    """ "Turn on the vacuum" starts it; "open" said of a lock unlocks nothing and stays impossible."""
    meant = resolve(home, action.target)
    domains = {entity.domain for entity in meant}
    swaps: dict[tuple[str, str], Verb] = {
        ("on", "vacuum"): "vacuum_start",
        ("off", "vacuum"): "vacuum_return",
        ("on", "lawn_mower"): "mower_start",
        ("off", "lawn_mower"): "mower_dock",
        ("on", "valve"): "open",
        ("off", "valve"): "close",
        ("on", "cover"): "open",
        ("off", "cover"): "close",
        ("warmer", "switch"): "on",
        ("brightness", "humidifier"): "humidity",
        ("brighter", "fan"): "fan_faster",
        ("dimmer", "fan"): "fan_slower",
        ("brighter", "climate"): "warmer",
        ("dimmer", "climate"): "cooler",
        ("stop", "media_player"): "pause",
        ("brightness", "fan"): "fan_speed",
        ("brightness", "media_player"): "volume",
        ("brightness", "cover"): "position",
        ("brighter", "media_player"): "louder",
        ("dimmer", "media_player"): "quieter",
    }
    if not meant and action.verb == "cooler":
        # "It is stuffy in the bathroom", which has no air conditioner.
        fans = replace(action.target, domain="fan")
        return replace(action, verb="on", target=fans, value=None) if resolve(home, fans) else action
    if len(domains) != 1:
        return action
    if needs_light(action, meant):
        return replace(action, verb="on")
    return replace(action, verb=swaps.get((action.verb, domains.pop()), action.verb))


def _can(entity: HomeEntity, action: Action, domains: frozenset[str] | None) -> bool:
    if domains is not None:
        return entity.domain in domains and (
            action.verb != "humidifier_mode" or mode_of(entity, action.value) is not None
        )
    if entity.domain in _NEVER_SWITCHED or entity.domain in ("lock", "cover", "valve"):
        return False
    if entity.domain in _ONLY_ON:
        return action.verb == "on" and bool(action.target.entities)
    return bool(action.target.entities or action.target.domain) or entity.domain in SWITCHABLE


def _calls(
    action: Action, tool: str, able: list[HomeEntity], home: HomeContext, toolbox: Toolbox
) -> Iterator[ToolCall]:
    if (
        action.verb in ("list_add", "list_complete", "list_remove", "play_media")
        and not action.target.entities
    ):
        able = able[:1]
    target = action.target
    if target.entities or action.verb in _ONE_BY_ONE or target.everywhere or target.excluding or target.here:
        for entity in _most_likely(action, able):
            naming = _naming(entity, home)
            values = (
                media.first_arguments(action, naming)
                if action.verb == "play_media"
                else _values(action, entity)
            )
            yield toolbox.call(tool, {**naming, **values})
        return
    domains = sorted({entity.domain for entity in able})
    classes = sorted({entity.device_class for entity in able if entity.device_class})
    place = _place(action.target, home)
    arguments = {**place, "domain": domains, "device_class": classes if action.target.device_class else None}
    if action.target.device_class and any(entity.device_class is None for entity in able):
        arguments["device_class"] = None
    yield toolbox.call(tool, {**arguments, **_values(action, able[0])})


def _most_likely(action: Action, able: list[HomeEntity]) -> list[HomeEntity]:
    """Of a group, those that the request makes sense for: the player that plays, the lights that are on."""
    if action.target.entities:
        return able
    if able[0].domain == "media_player":
        wanted = "paused" if action.verb == "play" else "playing"
        return [entity for entity in able if entity.state == wanted] or able[:1]
    if action.verb in ("brighter", "dimmer"):
        return [entity for entity in able if entity.state == "on"] or able
    return able


def _naming(entity: HomeEntity, home: HomeContext) -> dict[str, Any]:
    """Its name, with its room when another entity has the same name."""
    name = entity.name.casefold()
    twins = [other for other in home.entities if other.id != entity.id and other.name.casefold() == name]
    area = next((area.name for area in home.areas if area.id == entity.area), None)
    return {"name": entity.name, "area": area if twins else None, "domain": [entity.domain]}


def _place(target: Target, home: HomeContext) -> dict[str, Any]:
    area = next((area.name for area in home.areas if area.id == target.area), None)
    floor = next((floor.name for floor in home.floors if floor.id == target.floor), None)
    return {"area": area, "floor": floor}


def _values(action: Action, entity: HomeEntity) -> dict[str, Any]:
    """The tool's value arguments."""
    value = action.value
    match action.verb:
        case "brightness":
            return {"brightness": percent(value, least=1)}
        case "brighter" | "dimmer":
            return {"brightness": _stepped_brightness(action, entity)}
        case "color":
            return {"color": str(value or "white")}
        case "color_temperature":
            kelvin = KELVIN.get(value, KELVIN["warm"]) if isinstance(value, str) else int(value or 0)
            return {"temperature": kelvin}
        case "temperature" | "warmer" | "cooler":
            return {"temperature": _degrees(action, entity)}
        case "fan_speed" | "position" | "volume" | "humidity":
            argument, least = _PERCENTAGES[action.verb]
            return {argument: percent(value, least=least)}
        case "louder" | "quieter":
            return {"volume_step": _volume_step(action, entity)}
        case "humidifier_mode":
            return {"mode": mode_of(entity, value)}
        case "fan_faster" | "fan_slower":
            return {"percentage": _stepped_speed(action, entity)}
        case "list_add" | "list_complete" | "list_remove":
            return {"item": str(value or "").strip()}
    return {}


def percent(value: float | str | None, *, least: int) -> int:
    """A value as a whole percentage from `least` to 100."""
    words = {"max": 100, "min": max(least, 1), "half": 50}
    number = words[value] if isinstance(value, str) and value in words else value
    return min(100, max(least, round(number))) if isinstance(number, int | float) else _DEFAULT_BRIGHTNESS


def _stepped_brightness(action: Action, entity: HomeEntity) -> int:
    now = entity.attributes.get("brightness")
    if not isinstance(now, int | float):
        now = 0 if entity.state == "off" else _DEFAULT_BRIGHTNESS
    return percent(now + step_of(action, now, BRIGHTNESS_STEP), least=1)


def _volume_step(action: Action, entity: HomeEntity) -> int:
    now = entity.attributes.get("volume_level")
    return round(step_of(action, now if isinstance(now, int | float) else _DEFAULT_BRIGHTNESS, VOLUME_STEP))


def _stepped_speed(action: Action, entity: HomeEntity) -> int:
    now = entity.attributes.get("percentage")
    base = now if isinstance(now, int | float) else 0 if entity.state == "off" else _DEFAULT_BRIGHTNESS
    return percent(base + step_of(action, base, SPEED_STEP), least=1)


def _degrees(action: Action, entity: HomeEntity) -> float:
    if action.verb == "temperature" and isinstance(action.value, float):
        return action.value
    now = entity.attributes.get("temperature") or entity.attributes.get("current_temperature")
    base = now if isinstance(now, int | float) else _DEFAULT_DEGREES
    # Twice as warm is no number of degrees that anybody means.
    scaled = replace(action, value="lot") if action.value in ("double", "half") else action
    return base + step_of(scaled, base, DEGREES_STEP)
