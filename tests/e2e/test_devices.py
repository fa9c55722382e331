"""The demo house itself: its size, and that its devices do what Home Assistant tells them."""

from collections import Counter

import pytest

from house_runner.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACTIONS = [
    ("light.turn_on", "light.desk_lamp", {"brightness_pct": 40, "color_temp_kelvin": 4000}, "on"),
    ("switch.turn_off", "switch.printer", {}, "off"),
    ("cover.set_cover_position", "cover.awning", {"position": 30}, "open"),
    ("cover.open_cover", "cover.garage_door", {}, "open"),
    ("valve.open_valve", "valve.sprinkler", {}, "open"),
    ("lock.unlock", "lock.front_door", {}, "unlocked"),
    ("climate.set_hvac_mode", "climate.living_room", {"hvac_mode": "cool"}, "cool"),
    ("fan.turn_on", "fan.bedroom_fan", {}, "on"),
    ("media_player.turn_on", "media_player.television", {}, "idle"),
    ("media_player.media_pause", "media_player.office_radio", {}, "paused"),
    ("vacuum.start", "vacuum.rusty", {}, "cleaning"),
    ("todo.add_item", "todo.chores", {"item": "sweep the path"}, "2"),
    ("scene.turn_on", "scene.bright_morning", {}, None),
    ("script.turn_on", "script.leaving_home", {}, None),
]


@pytest.mark.parametrize(("action", "entity_id", "data", "state"), ACTIONS, ids=str)
async def test_a_device_does_what_it_is_told(house: House, action, entity_id, data, state) -> None:
    await house.conversation.watcher.begin()

    await house.client.service(action, entity_id, **data)

    changes = {change.entity_id: change.after for change in await house.conversation.watcher.finish()}
    assert entity_id in changes
    if state is not None:
        assert changes == {entity_id: state}


async def test_the_house_has_the_rooms_and_devices_it_promises(house: House) -> None:
    exposed = await house.client.call("homeassistant/expose_entity/list")
    entities = [
        entity_id for entity_id, where in exposed["exposed_entities"].items() if where.get("conversation")
    ]
    domains = Counter(entity_id.split(".", 1)[0] for entity_id in entities)

    assert len(entities) >= 50
    assert len(await house.client.call("config/area_registry/list")) == 9
    assert len(await house.client.call("config/floor_registry/list")) == 2
    assert min(domains[domain] for domain in ("light", "switch", "cover", "lock", "climate", "fan")) >= 2
    assert {"media_player", "vacuum", "valve", "todo", "script", "scene", "sensor"} <= domains.keys()
