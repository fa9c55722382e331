"""Which entities an action may touch, and by what names a model asks for them: exposed ones and no others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.const import (
    ATTR_AREA_ID,
    ATTR_DEVICE_CLASS,
    ATTR_DEVICE_ID,
    ATTR_FLOOR_ID,
    ATTR_LABEL_ID,
    ATTR_SUPPORTED_FEATURES,
)
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import entity_registry as er

from .home import area_of_entity

_AROUND = (ATTR_AREA_ID, ATTR_DEVICE_ID, ATTR_FLOOR_ID, ATTR_LABEL_ID)


@callback
def names_of_reachable(
    hass: HomeAssistant, assistant: str | None, filters: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """The names of the exposed entities that pass one of the filters (none: all), with their ids."""
    if assistant is None:
        return {}
    states = [
        state
        for state in sorted(hass.states.async_all(), key=lambda each: each.entity_id)
        if async_should_expose(hass, assistant, state.entity_id)
        and (not filters or any(_passes(hass, state, each) for each in filters))
    ]
    return _named(hass, states)


def entity_of(name: str, names: Mapping[str, str]) -> str | None:
    """The id that is meant by a name, or by the id itself; None where it is none of those that may be."""
    if name in names:
        return names[name]
    if name in names.values():
        return name
    matches = [each for known, each in names.items() if known.casefold() == name.strip().casefold()]
    return matches[0] if len(matches) == 1 else None


@callback
def beyond_reach(hass: HomeAssistant, assistant: str | None, data: Any) -> str | None:
    """The first thing in the data of an action that names more than exposed entities; None where all
    is well.
    """
    for key, text in _strings(data):
        if key in _AROUND:
            return key
        for entity_id in _known_in(hass, text):
            if assistant is None or not async_should_expose(hass, assistant, entity_id):
                return entity_id
    return None


@callback
def entities_in(hass: HomeAssistant, data: Any) -> list[str]:
    """The entities that are named by their ids anywhere in the data of an action."""
    return list(dict.fromkeys(each for text in strings_in(data) for each in _known_in(hass, text)))


def _known_in(hass: HomeAssistant, text: str) -> Iterator[str]:
    """The ids in a text, which may be a list of them."""
    for part in text.split(","):
        entity_id = part.strip().lower()
        if hass.states.get(entity_id) is not None or _registered(hass, entity_id):
            yield entity_id


def strings_in(data: Any) -> Iterator[str]:
    """Every text in the data, keys too."""
    return (text for _, text in _strings(data))


def _strings(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in the data, keys too, with the key that it stands under."""
    if isinstance(data, str):
        yield key, data
    elif isinstance(data, Mapping):
        for name, value in data.items():
            yield str(name), str(name)
            yield from _strings(value, str(name))
    elif isinstance(data, Iterable) and not isinstance(data, bytes):
        for each in data:
            yield from _strings(each, key)


def _registered(hass: HomeAssistant, entity_id: str) -> bool:
    return er.async_get(hass).async_get(entity_id) is not None


def _passes(hass: HomeAssistant, state: State, wanted: Mapping[str, Any]) -> bool:
    """A filter as the descriptions of actions have it."""
    domains, classes = _list(wanted.get("domain")), _list(wanted.get("device_class"))
    features = _list(wanted.get("supported_features"))
    has = int(state.attributes.get(ATTR_SUPPORTED_FEATURES) or 0)
    entry = er.async_get(hass).async_get(state.entity_id)
    return (
        (not domains or state.domain in domains)
        and (not classes or state.attributes.get(ATTR_DEVICE_CLASS) in classes)
        and (not features or any(has & each == each for each in features))
        and wanted.get("integration") in (None, entry.platform if entry else None)
    )


def _named(hass: HomeAssistant, states: Sequence[State]) -> dict[str, str]:
    """A name for each: its own, with its area where two have the same, its id where that is no help."""
    registry, areas = er.async_get(hass), ar.async_get(hass)

    def with_area(state: State) -> str:
        area_id = area_of_entity(hass, registry.async_get(state.entity_id))
        area = areas.async_get_area(area_id) if area_id else None
        return f"{state.name} ({area.name})" if area else state.entity_id

    often = Counter(state.name for state in states)
    longer = [state.name if often[state.name] == 1 else with_area(state) for state in states]
    again = Counter(longer)
    return {
        name if again[name] == 1 else state.entity_id: state.entity_id
        for name, state in zip(longer, states, strict=True)
    }


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set) else [value]
