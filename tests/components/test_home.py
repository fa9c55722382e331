"""The home that goes along with each request."""

from typing import Any

import pytest
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import floor_registry as fr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.picoqwen.home import home_context
from picoqwen_core.server.schemas import chat_request


def expose(hass: HomeAssistant, entity_id: str, state: str, **attributes: Any) -> None:
    hass.states.async_set(entity_id, state, attributes)
    async_expose_entity(hass, "conversation", entity_id, True)


def home(hass: HomeAssistant, **heard: Any) -> dict[str, Any]:
    return home_context(hass, "conversation", **heard)


def only_entity(hass: HomeAssistant) -> dict[str, Any]:
    (entity,) = home(hass)["entities"]
    return entity


@pytest.fixture
def device(hass: HomeAssistant) -> dr.DeviceEntry:
    """A device in the hall, upstairs."""
    floor = fr.async_get(hass).async_create("Upstairs", aliases={"first floor"})
    hall = ar.async_get(hass).async_create("Hall", aliases={"landing", "corridor"}, floor_id=floor.floor_id)
    entry = MockConfigEntry()
    entry.add_to_hass(hass)
    registry = dr.async_get(hass)
    made = registry.async_get_or_create(config_entry_id=entry.entry_id, identifiers={("test", "1")})
    return registry.async_update_device(made.id, area_id=hall.id)


def register(hass: HomeAssistant, domain: str, name: str, **more: Any) -> er.RegistryEntry:
    return er.async_get(hass).async_get_or_create(
        domain, "test", name, original_name=name.title(), suggested_object_id=name, **more
    )


async def test_an_empty_home_has_every_field(hass: HomeAssistant) -> None:
    context = home(hass, language="de")
    assert context.pop("now").startswith("20")
    assert context == {"entities": [], "areas": [], "floors": [], "area": None, "language": "de"}
    assert home(hass)["language"] == hass.config.language


async def test_an_entity_without_a_registry_entry_has_its_friendly_name(hass: HomeAssistant) -> None:
    expose(
        hass, "sensor.t", "21.5", friendly_name="Bath", device_class="temperature", unit_of_measurement="°C"
    )
    assert only_entity(hass) == {
        "id": "sensor.t",
        "name": "Bath",
        "aliases": [],
        "domain": "sensor",
        "area": None,
        "state": "21.5",
        "device_class": "temperature",
        "unit": "°C",
        "attributes": {},
    }


async def test_areas_and_floors_come_with_their_aliases(hass: HomeAssistant, device: dr.DeviceEntry) -> None:
    context = home(hass)
    assert context["floors"] == [{"id": "upstairs", "name": "Upstairs", "aliases": ["first floor"]}]
    hall = {"id": "hall", "name": "Hall", "aliases": ["corridor", "landing"], "floor": "upstairs"}
    assert context["areas"] == [hall]


async def test_an_entity_is_where_it_was_put_and_otherwise_where_its_device_is(
    hass: HomeAssistant, device: dr.DeviceEntry
) -> None:
    entry = register(hass, "light", "lamp", device_id=device.id)
    expose(hass, "light.lamp", "on")
    assert only_entity(hass)["area"] == "hall"
    attic = ar.async_get(hass).async_create("Attic")
    er.async_get(hass).async_update_entity(entry.entity_id, area_id=attic.id)
    assert only_entity(hass)["area"] == "attic"


async def test_aliases_are_names_too_and_no_name_comes_twice(hass: HomeAssistant) -> None:
    entry = register(hass, "light", "lamp")
    er.async_get(hass).async_update_entity(entry.entity_id, aliases=["Reading light", "Lamp", "Sunny"])
    expose(hass, "light.lamp", "on", friendly_name="Lamp")
    entity = only_entity(hass)
    assert (entity["name"], entity["aliases"]) == ("Lamp", ["Reading light", "Sunny"])


async def test_entities_come_in_a_stable_order_and_only_exposed_ones(hass: HomeAssistant) -> None:
    for name in ("light.b", "light.a", "switch.c"):
        expose(hass, name, "off")
    hass.states.async_set("lock.front", "locked")
    assert [entity["id"] for entity in home(hass)["entities"]] == ["light.a", "light.b", "switch.c"]
    async_expose_entity(hass, "conversation", "light.a", False)
    assert [entity["id"] for entity in home(hass)["entities"]] == ["light.b", "switch.c"]


@pytest.mark.parametrize(
    ("entity_id", "state", "given", "sent"),
    [
        ("light.a", "on", {"brightness": 128}, {"brightness": 50}),
        ("light.a", "on", {"color_temp_kelvin": 2700, "color_mode": "x"}, {"color_temp_kelvin": 2700}),
        ("light.a", "off", {"brightness": None}, {}),
        ("media_player.a", "playing", {"volume_level": 0.35}, {"volume_level": 35}),
        ("media_player.a", "playing", {"is_volume_muted": False}, {"is_volume_muted": False}),
        ("climate.a", "heat", {"temperature": 21}, {"temperature": 21, "hvac_mode": "heat"}),
        (
            "climate.a",
            "off",
            {"current_temperature": 19.5},
            {"current_temperature": 19.5, "hvac_mode": "off"},
        ),
        ("climate.a", "unavailable", {}, {}),
        ("cover.a", "open", {"current_position": 40}, {"current_position": 40}),
        ("fan.a", "on", {"percentage": 66, "preset_modes": ["x"]}, {"percentage": 66}),
    ],
)
async def test_attributes_are_those_people_ask_about_in_the_units_they_say(
    hass: HomeAssistant, entity_id: str, state: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    expose(hass, entity_id, state, **given)
    assert only_entity(hass)["attributes"] == sent


async def test_the_speaker_is_where_the_device_or_satellite_that_heard_it_is(
    hass: HomeAssistant, device: dr.DeviceEntry
) -> None:
    entry = register(hass, "assist_satellite", "ear", device_id=device.id)
    assert home(hass)["area"] is None
    assert home(hass, device_id=device.id)["area"] == "hall"
    assert home(hass, satellite_id=entry.entity_id)["area"] == "hall"
    attic = ar.async_get(hass).async_create("Attic")
    er.async_get(hass).async_update_entity(entry.entity_id, area_id=attic.id)
    assert home(hass, satellite_id=entry.entity_id, device_id=device.id)["area"] == "attic"


async def test_the_server_accepts_what_is_sent(hass: HomeAssistant, device: dr.DeviceEntry) -> None:
    expose(hass, "light.lamp", "on", brightness=255)
    body = {"messages": [{"role": "user", "content": "hi"}], "home": home(hass, device_id=device.id)}
    parsed = chat_request(body).home
    assert (parsed.entities[0].attributes, parsed.area) == ({"brightness": 100}, "hall")
