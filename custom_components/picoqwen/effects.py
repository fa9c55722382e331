"""What a tool of Home Assistant's should come to in an entity, and whether it has; nothing is called here.

Home Assistant's own tools report success as soon as an action was accepted: a lamp without colours takes a
colour and drops it, an entity that is away is passed over, and what takes longer than a fifth of a second is
not waited for.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from homeassistant.components.cover import CoverEntityFeature
from homeassistant.components.fan import FanEntityFeature
from homeassistant.components.light import brightness_supported, color_supported, color_temp_supported
from homeassistant.components.valve import ValveEntityFeature
from homeassistant.const import ATTR_SUPPORTED_FEATURES, STATE_UNAVAILABLE
from homeassistant.core import State
from homeassistant.util.color import color_name_to_rgb, color_RGB_to_hs

type Arguments = Mapping[str, Any]


class Reason(StrEnum):
    """Why nothing was done to an entity."""

    UNAVAILABLE = "unavailable"
    UNABLE = "unable"
    NO_REACTION = "no_reaction"
    OTHERWISE = "otherwise"


# The domains of what a tool is for, where it finds by area alone.
DOMAINS = {
    "HassClimateSetTemperature": "climate",
    "HassFanSetSpeed": "fan",
    "HassHumidifierMode": "humidifier",
    "HassHumidifierSetpoint": "humidifier",
    "HassLawnMowerDock": "lawn_mower",
    "HassLawnMowerStartMowing": "lawn_mower",
    "HassLightSet": "light",
    "HassMediaPause": "media_player",
    "HassMediaPlayerMute": "media_player",
    "HassMediaPlayerUnmute": "media_player",
    "HassMediaUnpause": "media_player",
    "HassSetVolume": "media_player",
    "HassSetVolumeRelative": "media_player",
    "HassVacuumReturnToBase": "vacuum",
    "HassVacuumStart": "vacuum",
    "play_media": "media_player",
}
# Which tool amounts to an action of the allowed ones.
_OF_ACTION = {
    **dict.fromkeys(("turn_on", "open_cover", "open_valve", "lock"), "HassTurnOn"),
    **dict.fromkeys(("turn_off", "close_cover", "close_valve", "unlock"), "HassTurnOff"),
    **dict.fromkeys(("set_cover_position", "set_valve_position"), "HassSetPosition"),
    "dock": "HassLawnMowerDock",
    "media_pause": "HassMediaPause",
    "media_play": "HassMediaUnpause",
    "play_media": "play_media",
    "return_to_base": "HassVacuumReturnToBase",
    **{each: each for each in ("select_option", "set_fan_mode", "set_hvac_mode")},
    **{each: each for each in ("set_mode", "set_preset_mode", "set_value")},
    "set_humidity": "HassHumidifierSetpoint",
    "set_percentage": "HassFanSetSpeed",
    "set_temperature": "HassClimateSetTemperature",
    "start_mowing": "HassLawnMowerStartMowing",
    "volume_set": "HassSetVolume",
}
_OFF = ("off", "standby", STATE_UNAVAILABLE)
# What "on" and "off" come to, where it is no "on" and "off".
_ON_STATES = {
    "cover": ("open", "opening"),
    "lock": ("locked", "locking"),
    "valve": ("open", "opening"),
}
_OFF_STATES = {
    "cover": ("closed", "closing"),
    "lock": ("open", "opening", "unlocked", "unlocking"),
    "valve": ("closed", "closing"),
}
# Things that only happen: that they did is seen by their state, which tells when.
_HAPPENINGS = ("button", "event", "input_button", "scene")
_SWITCHED = (
    *("automation", "climate", "fan", "group", "humidifier", "input_boolean", "light", "media_player"),
    *("remote", "siren", "switch", "water_heater"),
)
# How far a value may be from what was asked: devices round.
_PERCENT, _DEGREES, _HUE, _KELVIN = 5.0, 1.0, 25.0, 0.15
_COLORS = ("color", "color_name", "hs_color", "rgb_color", "rgbw_color", "rgbww_color", "xy_color")
_DIMMING = ("brightness", "brightness_step", "brightness_step_pct")


def of_action(action: str, data: Arguments) -> tuple[str, Arguments]:
    """The tool that an action ("light.turn_on") amounts to, and its arguments; "" where there is none."""
    domain, _, service = action.partition(".")
    tool = _OF_ACTION.get(service, "")
    if domain == "vacuum" and service == "start":
        tool = "HassVacuumStart"
    if tool == "HassTurnOn" and domain == "light":
        share = _share(data.get("brightness"), 255)
        lit = {
            "brightness": data.get("brightness_pct", share),
            "color": data.get("color_name"),
            "temperature": data.get("color_temp_kelvin"),
        }
        return "HassLightSet", {**data, **lit}
    if tool == "HassSetVolume":
        return tool, {"volume_level": _share(data.get("volume_level"), 1)}
    if tool == "HassTurnOn" and domain == "fan" and data.get("percentage") is not None:
        tool = "HassFanSetSpeed"
    return tool, data


def as_meant(arguments: Arguments) -> dict[str, Any]:
    """The arguments without those that models leave blank, and numbers as such."""
    given = {key: value for key, value in arguments.items() if value not in (None, "", [])}
    return {key: _number(value) if key in _NUMBERS else value for key, value in given.items()}


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


_NUMBERS = ("brightness", "humidity", "percentage", "position", "temperature", "volume_level", "volume_step")


def hindrance(tool: str, arguments: Arguments, state: State) -> Reason | None:
    """Why an entity as it is can do nothing of what is asked; None where nothing is known against it."""
    if state.state == STATE_UNAVAILABLE:
        return Reason.UNAVAILABLE
    if state.domain == "light" and _lamp_lacks(arguments, state):
        return Reason.UNABLE
    features, supported = _FEATURES.get((tool, state.domain)), state.attributes.get(ATTR_SUPPORTED_FEATURES)
    if features is not None and isinstance(supported, int) and not supported & features:
        return Reason.UNABLE
    return Reason.UNABLE if _is_out_of_range(tool, arguments, state) else None


def _is_out_of_range(tool: str, arguments: Arguments, state: State) -> bool:
    """Whether a value lies outside of what the entity takes; a volume that it does not have has no steps."""
    if tool == "HassSetVolumeRelative":
        return arguments.get("volume_step") not in ("up", "down") and "volume_level" not in state.attributes
    argument, least, most = _RANGES.get(tool, ("", "", ""))
    asked, first, last = arguments.get(argument), state.attributes.get(least), state.attributes.get(most)
    return (
        isinstance(asked, int | float)
        and isinstance(first, int | float)
        and isinstance(last, int | float)
        and not first <= asked <= last
    )


# The argument, and the attributes that bound it.
_RANGES = {
    "HassClimateSetTemperature": ("temperature", "min_temp", "max_temp"),
    "HassHumidifierSetpoint": ("humidity", "min_humidity", "max_humidity"),
}
_FEATURES: dict[tuple[str, str], int] = {
    ("HassFanSetSpeed", "fan"): FanEntityFeature.SET_SPEED,
    ("HassSetPosition", "cover"): CoverEntityFeature.SET_POSITION,
    ("HassSetPosition", "valve"): ValveEntityFeature.SET_POSITION,
}


def _lamp_lacks(arguments: Arguments, state: State) -> bool:
    modes = state.attributes.get("supported_color_modes")
    if modes is None:
        return False
    colors = color_supported(modes)
    return (
        (_has(arguments, _COLORS) and not colors)
        # Home Assistant makes a colour of a colour temperature.
        or (_has(arguments, ("temperature",)) and not (colors or color_temp_supported(modes)))
        # To nothing is off, which every lamp can be.
        or (any(arguments.get(key) for key in _DIMMING) and not brightness_supported(modes))
    )


def _has(arguments: Arguments, keys: tuple[str, ...]) -> bool:
    return any(arguments.get(key) is not None for key in keys)


def is_checked(tool: str) -> bool:
    """Whether it is known what the tool should come to."""
    return tool in _CHECKS


def reached(tool: str, arguments: Arguments, before: State | None, now: State | None) -> bool:
    """Whether an entity is as it was asked to be, or on its way; also where nobody knows how that looks."""
    if now is None:
        return False
    if now.attributes.get("assumed_state"):
        return True
    return _CHECKS[tool](arguments, before, now)


def _is_on(arguments: Arguments, before: State | None, now: State) -> bool:
    if now.domain == "script":
        # One that is over already was seen by when it last began.
        began = now.attributes.get("last_triggered")
        return now.state == "on" or (before is not None and began != before.attributes.get("last_triggered"))
    if now.domain in _HAPPENINGS:
        return before is not None and now.state != before.state
    if now.domain in _ON_STATES:
        return now.state in _ON_STATES[now.domain]
    return now.domain not in _SWITCHED or now.state not in (*_OFF, "unknown")


def _is_off(arguments: Arguments, before: State | None, now: State) -> bool:
    if now.domain in _OFF_STATES:
        return now.state in _OFF_STATES[now.domain]
    # Screens are away when they are off.
    off = now.state in (*_OFF, "idle") if now.domain == "media_player" else now.state == "off"
    return off or now.domain not in _SWITCHED


def _is_set(arguments: Arguments, before: State | None, now: State) -> bool:
    if arguments.get("brightness") == 0:
        return now.state == "off"
    return now.state == "on" and _is_lit_so(arguments, before, now)


def _is_lit_so(arguments: Arguments, before: State | None, now: State) -> bool:
    """Whether a lamp has what was asked for of brightness and colour, or has begun to change to it."""
    percent, kelvin = arguments.get("brightness"), arguments.get("temperature")
    lit = _share(now.attributes.get("brightness"), 255)
    shown, near = now.attributes.get("color_temp_kelvin"), _KELVIN * float(kelvin or 0)
    return (
        (_differs("brightness", before, now) or _is_near(percent, lit, _PERCENT))
        and (_differs("color_temp_kelvin", before, now) or _is_near(kelvin, shown, near))
        and _has_color(arguments.get("color"), before, now)
    )


def _has_color(name: Any, before: State | None, now: State) -> bool:
    try:
        hue, saturation = color_RGB_to_hs(*color_name_to_rgb(str(name))) if name else (None, None)
    except ValueError:
        return True
    shown = now.attributes.get("hs_color")
    if hue is None or saturation is None or _differs("hs_color", before, now):
        return True
    if not isinstance(shown, tuple | list) or len(shown) != 2:
        return False
    apart = abs(float(shown[0]) - hue) % 360
    return saturation < _HUE or min(apart, 360 - apart) <= _HUE


def _is_near(asked: Any, shown: Any, tolerance: float) -> bool:
    """Whether a value is what was asked for, where anything was."""
    if not isinstance(asked, int | float):
        return True
    return isinstance(shown, int | float) and abs(shown - asked) <= tolerance


def _differs(attribute: str, before: State | None, now: State) -> bool:
    """Whether a value has begun to change; what was off had none."""
    was, value = (
        before.attributes.get(attribute) if before is not None else None,
        now.attributes.get(attribute),
    )
    return was is not None and value is not None and value != was


def _share(value: Any, whole: float) -> Any:
    return value / whole * 100 if isinstance(value, int | float) else None


def _valued(
    argument: str, attribute: str, tolerance: float, whole: float = 100.0
) -> Callable[[Arguments, State | None, State], bool]:
    """Whether an attribute is what an argument asked for."""

    def check(arguments: Arguments, before: State | None, now: State) -> bool:
        step = now.attributes.get("percentage_step") if attribute == "percentage" else None
        near = max(tolerance, float(step or 0))
        shown = _share(now.attributes.get(attribute), whole)
        return _differs(attribute, before, now) or _is_near(arguments.get(argument), shown, near)

    return check


def _is_at(arguments: Arguments, before: State | None, now: State) -> bool:
    moves = now.state in ("opening", "closing")
    return moves or _valued("position", "current_position", _PERCENT)(arguments, before, now)


def _volume_moved(arguments: Arguments, before: State | None, now: State) -> bool:
    level, step = now.attributes.get("volume_level"), arguments.get("volume_step")
    if not isinstance(level, int | float):
        return False
    quieter = step == "down" or (isinstance(step, int | float) and step < 0)
    return level == (0 if quieter else 1) or _differs("volume_level", before, now)


def _state(*states: str) -> Callable[[Arguments, State | None, State], bool]:
    return lambda arguments, before, now: now.state in states


def _attribute(name: str, value: Any) -> Callable[[Arguments, State | None, State], bool]:
    return lambda arguments, before, now: now.attributes.get(name) == value


def _shows(argument: str, attribute: str | None = None) -> Callable[[Arguments, State | None, State], bool]:
    """Whether the state, or an attribute, is the very thing that was asked for."""

    def check(arguments: Arguments, before: State | None, now: State) -> bool:
        asked: Any = arguments.get(argument)
        shown: Any = now.state if attribute is None else now.attributes.get(attribute)
        try:
            return asked is None or asked == shown or float(asked) == float(shown)
        except (TypeError, ValueError):
            return False

    return check


def _stands(arguments: Arguments, before: State | None, now: State) -> bool:
    return now.state not in ("opening", "closing")


def _has_mode(arguments: Arguments, before: State | None, now: State) -> bool:
    return now.attributes.get("mode") == arguments.get("mode")


_CHECKS: dict[str, Callable[[Arguments, State | None, State], bool]] = {
    "HassBroadcast": lambda arguments, before, now: True,
    "HassClimateSetTemperature": _valued("temperature", "temperature", _DEGREES),
    "HassFanSetSpeed": _valued("percentage", "percentage", _PERCENT),
    "HassHumidifierMode": _has_mode,
    "HassHumidifierSetpoint": _valued("humidity", "humidity", _PERCENT),
    "HassLawnMowerDock": _state("docked", "returning"),
    "HassLawnMowerStartMowing": _state("mowing"),
    "HassLightSet": _is_set,
    "HassMediaPause": _state("idle", "off", "paused", "standby"),
    "HassMediaPlayerMute": _attribute("is_volume_muted", True),
    "HassMediaPlayerUnmute": _attribute("is_volume_muted", False),
    "HassMediaUnpause": _state("buffering", "playing"),
    "HassSetPosition": _is_at,
    "HassSetVolume": _valued("volume_level", "volume_level", _PERCENT, whole=1.0),
    "HassSetVolumeRelative": _volume_moved,
    "HassStopMoving": _stands,
    "HassTurnOff": _is_off,
    "HassTurnOn": _is_on,
    "HassVacuumCleanArea": _state("cleaning"),
    "HassVacuumReturnToBase": _state("docked", "returning"),
    "HassVacuumStart": _state("cleaning"),
    "play_media": _state("buffering", "on", "playing"),
    "select_option": _shows("option"),
    "set_fan_mode": _shows("fan_mode", "fan_mode"),
    "set_hvac_mode": _shows("hvac_mode"),
    "set_mode": _shows("mode", "mode"),
    "set_preset_mode": _shows("preset_mode", "preset_mode"),
    "set_value": _shows("value"),
}
