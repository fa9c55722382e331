"""The home as the server's built-in model sees it: exposed entities only, as they are now."""

from collections.abc import Iterable
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import floor_registry as fr
from homeassistant.util import dt as dt_util

from .abilities import abilities

# Attributes that a question or a relative change needs, as Home Assistant names them.
_ATTRIBUTES = (
    "available_modes",
    "battery_level",
    "color_temp_kelvin",
    "current_position",
    "current_temperature",
    "humidity",
    "is_volume_muted",
    "media_title",
    "percentage",
    "temperature",
)
_MAX_STATE = 100


@callback
def home_context(
    hass: HomeAssistant,
    assistant: str,
    *,
    device_id: str | None = None,
    satellite_id: str | None = None,
    language: str | None = None,
) -> dict[str, Any]:
    """The home of one request; a device, or its satellite entity, heard it."""
    registry = er.async_get(hass)
    entities = [
        _entity(hass, state, registry.async_get(state.entity_id))
        for state in sorted(hass.states.async_all(), key=lambda state: state.entity_id)
        if async_should_expose(hass, assistant, state.entity_id)
    ]
    areas = sorted(ar.async_get(hass).async_list_areas(), key=lambda area: area.id)
    floors = sorted(fr.async_get(hass).async_list_floors(), key=lambda floor: floor.floor_id)
    return {
        "entities": entities,
        "areas": [
            {"id": a.id, "name": a.name, "aliases": _names(a.aliases), "floor": a.floor_id} for a in areas
        ],
        "floors": [{"id": f.floor_id, "name": f.name, "aliases": _names(f.aliases)} for f in floors],
        "area": (area_of_entity(hass, registry.async_get(satellite_id)) if satellite_id else None)
        or area_of_device(hass, device_id),
        "language": language or hass.config.language,
        "now": dt_util.now().isoformat(timespec="seconds"),
    }


def _entity(hass: HomeAssistant, state: State, entry: er.RegistryEntry | None) -> dict[str, Any]:
    names = list(dict.fromkeys(_spoken_names(hass, state, entry)))
    return {
        "id": state.entity_id,
        "name": names[0],
        "aliases": names[1:],
        "domain": state.domain,
        "area": area_of_entity(hass, entry),
        "state": state.state[:_MAX_STATE],
        "device_class": state.attributes.get("device_class"),
        "unit": state.attributes.get("unit_of_measurement"),
        "attributes": _attributes(state),
        **abilities(state),
    }


def _spoken_names(hass: HomeAssistant, state: State, entry: er.RegistryEntry | None) -> list[str]:
    """Its name first, then what else it may be called."""
    if entry is None:
        return [state.name]
    names = [name for name in er.async_get_entity_aliases(hass, entry) if name]
    return [state.name, *names]


def _names(aliases: Iterable[str]) -> list[str]:
    return sorted(alias for alias in aliases if alias)


def area_of_entity(hass: HomeAssistant, entry: er.RegistryEntry | None) -> str | None:
    """The entity's own area, else its device's."""
    if entry is None:
        return None
    return entry.area_id or area_of_device(hass, entry.device_id)


def area_of_device(hass: HomeAssistant, device_id: str | None) -> str | None:
    """The area that a device is in, None where there is none."""
    device = dr.async_get(hass).async_get(device_id) if device_id else None
    if device is None:
        return None
    if hasattr(dr, "async_get_effective_area_id"):
        # Since 2026.11 a device may be part of another one, and stand where that one stands.
        return dr.async_get_effective_area_id(hass, device)
    return device.area_id


def _attributes(state: State) -> dict[str, Any]:
    """Those that are set; brightness and volume as percentages, which is how people say them."""
    attributes = state.attributes
    kept = {key: attributes[key] for key in _ATTRIBUTES if attributes.get(key) is not None}
    brightness, volume = attributes.get("brightness"), attributes.get("volume_level")
    if isinstance(brightness, int | float):
        kept["brightness"] = round(brightness / 255 * 100)
    if isinstance(volume, int | float):
        kept["volume_level"] = round(volume * 100)
    if state.domain == "climate" and state.state not in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        kept["hvac_mode"] = state.state
    return kept
