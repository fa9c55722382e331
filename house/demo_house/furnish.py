"""Puts the plan into Home Assistant's registries: floors, areas, names, aliases, exposure, satellites.

Only what is missing is made, so whatever a user changes afterwards stays.
"""

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import floor_registry as fr

from .const import DOMAIN
from .plan import Plan, PlannedEntity

# Scripts and scenes are Home Assistant's own; their registry entries belong to these platforms.
FOREIGN_PLATFORMS = {"script": "script", "scene": "homeassistant"}


def furnish(hass: HomeAssistant, entry: ConfigEntry, plan: Plan) -> None:
    """Make every floor, area, entity entry and satellite of the plan that is not there yet."""
    floors = _make_floors(hass, plan)
    areas = _make_areas(hass, plan, floors)
    for planned in plan.entities:
        _make_entity(hass, entry, planned, areas)
    _make_satellites(hass, entry, plan, areas)


def _make_floors(hass: HomeAssistant, plan: Plan) -> dict[str, str]:
    registry = fr.async_get(hass)
    ids = {}
    for floor in plan.floors:
        made = registry.async_get_floor_by_name(floor.name) or registry.async_create(
            floor.name, aliases=set(floor.aliases), level=floor.level
        )
        ids[floor.name] = made.floor_id
    return ids


def _make_areas(hass: HomeAssistant, plan: Plan, floors: dict[str, str]) -> dict[str, str]:
    registry = ar.async_get(hass)
    ids = {}
    for area in plan.areas:
        made = registry.async_get_or_create(area.name)
        # Onboarding makes a bare kitchen, bedroom and living room, sometimes before we come.
        if area.floor and made.floor_id is None:
            made = registry.async_update(
                made.id, name=area.name, aliases=set(area.aliases), floor_id=floors[area.floor]
            )
        ids[area.name] = made.id
    return ids


def _make_entity(
    hass: HomeAssistant, entry: ConfigEntry, planned: PlannedEntity, areas: dict[str, str]
) -> None:
    registry = er.async_get(hass)
    foreign = FOREIGN_PLATFORMS.get(planned.domain)
    platform = foreign or DOMAIN
    known = registry.async_get_entity_id(planned.domain, platform, planned.object_id)
    if known and "conversation" in registry.entities[known].options:
        return  # furnished at an earlier start; a script or scene may be registered before we come
    made = registry.async_get_or_create(
        planned.domain,
        platform,
        planned.object_id,
        suggested_object_id=planned.object_id,
        original_name=planned.name,
        config_entry=None if foreign else entry,
    )
    registry.async_update_entity(
        made.entity_id,
        area_id=areas[planned.area] if planned.area else None,
        aliases=[er.COMPUTED_NAME, *planned.aliases],
    )
    async_expose_entity(hass, "conversation", made.entity_id, should_expose=True)


def _make_satellites(hass: HomeAssistant, entry: ConfigEntry, plan: Plan, areas: dict[str, str]) -> None:
    registry = dr.async_get(hass)
    for satellite in plan.satellites:
        if registry.async_get_device_by_identifier((DOMAIN, satellite.id), entry.entry_id):
            continue
        device = registry.async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={(DOMAIN, satellite.id)}, name=satellite.name
        )
        registry.async_update_device(device.id, area_id=areas[satellite.area])
