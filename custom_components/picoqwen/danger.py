"""What has to be asked before it is done: locks, alarms, garages and gates, and what the user marked.

A thing that moves others counts as those: a group, a scene, a script and an automation are looked into.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from homeassistant.components.automation import entities_in_automation
from homeassistant.components.script import entities_in_script
from homeassistant.const import ATTR_DEVICE_CLASS, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, callback, split_entity_id

_DOMAINS = ("alarm_control_panel", "lock")
_COVERS = ("door", "garage", "gate")
_INSIDE: dict[str, Callable[[HomeAssistant, str], list[str]]] = {
    "automation": entities_in_automation,
    "script": entities_in_script,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user allows, of one set of actions."""

    services: frozenset[str]
    ask_services: frozenset[str] = frozenset()
    ask_entities: frozenset[str] = frozenset()
    seconds: float = 60.0

    @callback
    def must_ask(self, hass: HomeAssistant, service: str | None, entities: Iterable[str]) -> bool:
        """Whether a service, or any other way to change the entities, needs somebody's yes."""
        if service is not None and (service in self.ask_services or service.startswith(_PREFIXES)):
            return True
        return any(each in self.ask_entities or _is_dangerous(hass, each) for each in _all(hass, entities))


_PREFIXES = tuple(f"{domain}." for domain in _DOMAINS)


def _is_dangerous(hass: HomeAssistant, entity_id: str) -> bool:
    domain = split_entity_id(entity_id)[0]
    if domain == "cover":
        state = hass.states.get(entity_id)
        return state is not None and state.attributes.get(ATTR_DEVICE_CLASS) in _COVERS
    return domain in _DOMAINS


def _all(hass: HomeAssistant, entities: Iterable[str]) -> set[str]:
    """The entities, and all that moves with them."""
    found: set[str] = set()
    waiting = list(entities)
    while waiting:
        entity_id = waiting.pop()
        if entity_id in found or "." not in entity_id:
            continue
        found.add(entity_id)
        state = hass.states.get(entity_id)
        members = state.attributes.get(ATTR_ENTITY_ID) if state is not None else None
        if isinstance(members, list | tuple | set):
            waiting += [each for each in members if isinstance(each, str)]
        inside = _INSIDE.get(split_entity_id(entity_id)[0])
        if inside is not None:
            waiting += inside(hass, entity_id)
    return found
