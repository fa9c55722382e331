"""What an entity can be asked for, in few words; its state is told elsewhere.

The words come from what an integration declares of an entity and not from what it does now, so that they stay
the same while it is off or away. Of media players only whether they can search for what to play is told:
the rest changes with what they play.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.cover import CoverEntityFeature
from homeassistant.components.fan import FanEntityFeature
from homeassistant.components.light import brightness_supported, color_supported, color_temp_supported
from homeassistant.components.media_player import MediaPlayerEntityFeature
from homeassistant.components.valve import ValveEntityFeature
from homeassistant.const import ATTR_SUPPORTED_FEATURES
from homeassistant.core import State

# The word for flags of `supported_features` that are all there, by domain.
_FLAGS: dict[str, dict[str, int]] = {
    "cover": {"position": CoverEntityFeature.SET_POSITION, "stop": CoverEntityFeature.STOP},
    "fan": {"speed": FanEntityFeature.SET_SPEED},
    "media_player": {"search": MediaPlayerEntityFeature.SEARCH_MEDIA | MediaPlayerEntityFeature.PLAY_MEDIA},
    "valve": {"position": ValveEntityFeature.SET_POSITION, "stop": ValveEntityFeature.STOP},
}
_LIGHT = {
    "brightness": brightness_supported,
    "color": color_supported,
    "color_temperature": color_temp_supported,
}
# Modes that are chosen by name: the word for each list, and the attribute that holds it.
_MODES: dict[str, dict[str, str]] = {
    "climate": {"fan": "fan_modes", "hvac": "hvac_modes", "preset": "preset_modes"},
    "fan": {"preset": "preset_modes"},
    "humidifier": {"mode": "available_modes"},
}
_MOST_MODES, _LONGEST_MODE = 12, 40


def abilities(state: State) -> dict[str, Any]:
    """`features` where it is known which it has, and `modes` where it has any."""
    features, modes = _features(state.domain, state.attributes), _modes(state.domain, state.attributes)
    return {
        **({"features": features} if features is not None else {}),
        **({"modes": modes} if modes else {}),
    }


def _features(domain: str, attributes: Mapping[str, Any]) -> list[str] | None:
    if domain == "light":
        modes = attributes.get("supported_color_modes")
        return None if modes is None else [word for word, has in _LIGHT.items() if has(modes)]
    flags, supported = _FLAGS.get(domain), attributes.get(ATTR_SUPPORTED_FEATURES)
    if flags is None or not isinstance(supported, int):
        return None
    return [word for word, flag in flags.items() if supported & flag == flag]


def _modes(domain: str, attributes: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of its modes; a list that is too long to be told whole is left out."""
    found = {}
    for word, attribute in _MODES.get(domain, {}).items():
        names = attributes.get(attribute)
        if isinstance(names, list | tuple) and 0 < len(names) <= _MOST_MODES:
            found[word] = [str(name)[:_LONGEST_MODE] for name in names]
    return found
