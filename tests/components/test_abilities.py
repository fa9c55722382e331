"""What Home Assistant's own demonstration devices can be asked for, as the `home` context tells it."""

import json
from typing import Any

import pytest
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.media_player import MediaPlayerEntityFeature
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.picoqwen.home import home_context
from picoqwen_core.messages import HomeEntity
from picoqwen_core.server.schemas import chat_request

SEARCH, PLAY = MediaPlayerEntityFeature.SEARCH_MEDIA, MediaPlayerEntityFeature.PLAY_MEDIA
DOMAINS = ("climate", "cover", "fan", "humidifier", "light", "media_player", "valve")


@pytest.fixture
def expected_lingering_timers() -> bool:
    """The demonstration polls its devices until Home Assistant is gone."""
    return True


@pytest.fixture
async def house(hass: HomeAssistant) -> dict[str, dict[str, Any]]:
    """The entities of Home Assistant's demonstration, exposed."""
    only = [Platform(each) for each in DOMAINS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("homeassistant.components.demo.COMPONENTS_WITH_CONFIG_ENTRY_DEMO_PLATFORM", only)
        patch.setattr("homeassistant.components.demo.COMPONENTS_WITH_DEMO_PLATFORM", [])
        assert await async_setup_component(hass, "demo", {"demo": {}})
        await hass.async_block_till_done()
    return told(hass)


def told(hass: HomeAssistant) -> dict[str, dict[str, Any]]:
    for entity_id in hass.states.async_entity_ids(DOMAINS):
        async_expose_entity(hass, "conversation", entity_id, True)
    return {each["id"]: each for each in home_context(hass, "conversation")["entities"]}


def abilities(entity: dict[str, Any]) -> dict[str, Any]:
    return {key: entity[key] for key in ("features", "modes") if key in entity}


async def test_real_devices_tell_what_they_can(house: dict[str, dict[str, Any]]) -> None:
    lamp = {"features": ["brightness", "color", "color_temperature"]}
    assert abilities(house["light.bed_light"]) == lamp
    assert abilities(house["cover.kitchen_window"]) == {"features": ["stop"]}
    assert abilities(house["cover.hall_window"]) == {"features": ["position", "stop"]}
    fan = abilities(house["fan.living_room_fan"])
    assert fan == {"features": ["speed"], "modes": {"preset": ["auto", "smart", "sleep", "on"]}}
    modes = abilities(house["climate.hvac"])["modes"]
    assert modes["fan"] == ["on_low", "on_high", "auto_low", "auto_high", "off"]
    assert "cool" in modes["hvac"]
    assert abilities(house["humidifier.hygrostat"]) == {"modes": {"mode": ["home", "eco"]}}
    assert abilities(house["valve.back_garden"]) == {"features": ["position", "stop"]}
    # One of them can search, but not play what it finds.
    assert all(
        abilities(each) == {"features": []} for each in house.values() if each["domain"] == "media_player"
    )


async def test_they_do_not_change_with_the_state(
    hass: HomeAssistant, house: dict[str, dict[str, Any]]
) -> None:
    """So that what is read ahead stays what is read."""
    for service in ("turn_off", "turn_on"):
        for domain in ("light", "fan", "humidifier", "climate"):
            target = {"entity_id": hass.states.async_entity_ids(domain)}
            await hass.services.async_call(domain, service, target, blocking=True)
        now = told(hass)
        assert {key: abilities(each) for key, each in now.items()} == {
            key: abilities(each) for key, each in house.items()
        }


async def test_they_are_small_and_the_server_reads_them(house: dict[str, dict[str, Any]]) -> None:
    without = [
        {key: entity[key] for key in entity if key not in abilities(entity)} for entity in house.values()
    ]
    assert len(json.dumps(list(house.values()))) < 1.3 * len(json.dumps(without))
    body = {"messages": [{"role": "user", "content": "x"}], "home": {"entities": list(house.values())}}
    request = chat_request(body)
    assert request.home is not None
    (lamp,) = [each for each in request.home.entities if each.id == "light.bed_light"]
    assert isinstance(lamp, HomeEntity)
    assert lamp.features == ("brightness", "color", "color_temperature")


@pytest.mark.parametrize(
    ("entity_id", "attributes", "expected"),
    [
        ("light.a", {}, {}),
        ("light.a", {"supported_color_modes": ["onoff"]}, {"features": []}),
        ("cover.a", {}, {}),
        ("fan.a", {"supported_features": "?"}, {}),
        ("fan.a", {"preset_modes": [f"m{number}" for number in range(13)]}, {}),
        ("fan.a", {"preset_modes": ["x" * 99]}, {"modes": {"preset": ["x" * 40]}}),
        ("climate.a", {"hvac_modes": None, "fan_modes": []}, {}),
        ("switch.a", {"supported_features": 1}, {}),
        ("media_player.a", {"supported_features": SEARCH | PLAY | 1}, {"features": ["search"]}),
        ("media_player.a", {"supported_features": SEARCH | 1}, {"features": []}),
        ("media_player.a", {}, {}),
    ],
)
async def test_what_is_not_declared_is_not_told(
    hass: HomeAssistant, entity_id: str, attributes: dict[str, Any], expected: dict[str, Any]
) -> None:
    hass.states.async_set(entity_id, "off", attributes)
    assert abilities(told_of(hass, entity_id)) == expected


def told_of(hass: HomeAssistant, entity_id: str) -> dict[str, Any]:
    async_expose_entity(hass, "conversation", entity_id, True)
    (entity,) = home_context(hass, "conversation")["entities"]
    return entity
