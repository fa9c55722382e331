"""Whether a device can do what is asked of it, as far as the home tells what it can; what its kind of device
can do is for plan.py.
"""

from collections.abc import Sequence
from dataclasses import replace

from picoqwen_core.home.decision import Action, Verb
from picoqwen_core.messages import HomeContext, HomeEntity

_SPEED, _DIM, _PLACE = frozenset(("speed",)), frozenset(("brightness",)), frozenset(("position",))
# The features of which one is needed. Home Assistant makes a colour out of a colour temperature.
_NEEDS: dict[Verb, frozenset[str]] = {
    "brightness": _DIM,
    "brighter": _DIM,
    "dimmer": _DIM,
    "color": frozenset(("color",)),
    "color_temperature": frozenset(("color", "color_temperature")),
    "position": _PLACE,
    "stop": frozenset(("stop",)),
    "fan_speed": _SPEED,
    "fan_faster": _SPEED,
    "fan_slower": _SPEED,
    "play_media": frozenset(("search",)),
}


def lacks(entity: HomeEntity, verb: Verb) -> bool:
    """Whether it is known that an entity cannot do this."""
    return entity.features is not None and verb in _NEEDS and not _NEEDS[verb] & set(entity.features)


def needs_light(action: Action, entities: Sequence[HomeEntity]) -> bool:
    """Whether "brighter" means on: of a dark room, and of a lamp that is off and knows nothing between."""
    if action.verb != "brighter" or action.value is not None:
        return False
    if any(entity.domain != "light" or entity.state != "off" for entity in entities):
        return False
    return not action.target.entities or all(lacks(entity, "brighter") for entity in entities)


def as_able(action: Action, entities: Sequence[HomeEntity]) -> Action:
    """White is a colour temperature to lamps that have no colours."""
    white = action.verb == "color" and action.value == "white"
    if white and all(lacks(each, "color") and not lacks(each, "color_temperature") for each in entities):
        return replace(action, verb="color_temperature", value="neutral")
    return action


def the_searchable(home: HomeContext) -> str | None:
    """The only player of a home that is known to search for what to play; None where not one is."""
    able = [
        entity.id
        for entity in home.entities
        if entity.domain == "media_player" and "search" in (entity.features or ())
    ]
    return able[0] if len(able) == 1 else None
