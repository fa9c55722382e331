"""What a tool of others would move, read from the arguments that a model gives it.

Assist's tools name things as people do. The administrator's tool that calls any action names it, and targets
by ids, areas and the like; what it computes by a template cannot be known beforehand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import probatio as vol
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import intent, target

from .reach import entities_in, strings_in

# Where an action is named: by Home Assistant's own tool, and by those of others.
_ACTION = ("action", "service")


@dataclass(frozen=True, slots=True)
class Meant:
    """What a call is about: an action, entities, and whether there is more that cannot be seen."""

    action: str | None = None
    entities: tuple[str, ...] = ()
    is_open: bool = False


@callback
def async_meant(hass: HomeAssistant, tool: str, arguments: Mapping[str, Any], assistant: str | None) -> Meant:
    """What a tool would do with these arguments."""
    action = _action(arguments)
    entities = entities_in(hass, arguments)
    if tool.startswith("script__"):
        entities.append(tool.replace("__", ".", 1))
    if action is None:
        named = [state.entity_id for state in async_named(hass, arguments, assistant)]
        return Meant(None, tuple(dict.fromkeys(entities + named)))
    entities += _targeted(hass, arguments)
    texts = list(strings_in(arguments))
    computed = any("{{" in text or "{%" in text for text in texts)
    return Meant(action, tuple(dict.fromkeys(entities)), computed or "all" in texts)


def _action(arguments: Mapping[str, Any]) -> str | None:
    for key in _ACTION:
        try:
            return cv.service(arguments.get(key))
        except vol.Invalid:
            continue
    return None


def _targeted(hass: HomeAssistant, arguments: Mapping[str, Any]) -> list[str]:
    """All that a target reaches: in rooms, on floors, of devices, with labels."""
    found: list[str] = []
    for part in (arguments, arguments.get("target"), arguments.get("data")):
        if isinstance(part, Mapping):
            selected = target.async_extract_referenced_entity_ids(hass, target.TargetSelection(dict(part)))
            found += sorted(selected.referenced | selected.indirectly_referenced)
    return found


@callback
def async_named(hass: HomeAssistant, arguments: Mapping[str, Any], assistant: str | None) -> list[State]:
    """The entities that an intent with these arguments would find; none where it is about something else."""
    constraints = intent.MatchTargetsConstraints(
        name=_text(arguments.get("name")),
        area_name=_text(arguments.get("area")),
        floor_name=_text(arguments.get("floor")),
        domains=_several(arguments.get("domain")),
        device_classes=_several(arguments.get("device_class")),
        assistant=assistant,
        allow_duplicate_names=True,
    )
    if not constraints.has_constraints:
        return []
    return list(intent.async_match_targets(hass, constraints).states)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _several(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value] if value else None
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) and value else None
