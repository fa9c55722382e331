"""The entities of a server: what they show, what they do, and what they say while the server is away."""

from datetime import timedelta
from typing import Any

import pytest
from conftest import connect
from fake_server import DONE, LARGE, PICO, FakeServer, event, finish
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import conversation
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EntityCategory
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import async_fire_time_changed

# Ahead of the clock that tests hold still: answers are measured by one that runs.
import custom_components.picoqwen.measure  # noqa: F401

AGENT = "conversation.pico_qwen"
EVENT = "event.pico_qwen_server_answers"
ALL = {
    "binary_sensor.pico_qwen_server_answered_elsewhere",
    "binary_sensor.pico_qwen_server_connectivity",
    "button.pico_qwen_server_prime",
    "button.pico_qwen_server_unload_larger_models",
    AGENT,
    EVENT,
    "event.pico_qwen_server_acts",
    "select.pico_qwen_server_model",
    "select.pico_qwen_server_where_to_answer",
    "sensor.pico_qwen_server_answered_by",
    "sensor.pico_qwen_server_cost_this_month",
    "sensor.pico_qwen_server_loaded_models",
    "sensor.pico_qwen_server_status",
    "sensor.pico_qwen_server_time_to_first_token",
    "update.pico_qwen_server_server",
}
NOISY = {
    "sensor.pico_qwen_server_memory",
    "sensor.pico_qwen_server_prompt_found_in_cache",
    "sensor.pico_qwen_server_requests_waiting",
    "sensor.pico_qwen_server_time_to_answer",
    "sensor.pico_qwen_server_writing_speed",
}


async def look_again(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)
    freezer.tick(timedelta(seconds=31))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
async def entry(hass: HomeAssistant, server: FakeServer, freezer: FrozenDateTimeFactory) -> ConfigEntry:
    """A server with every entity enabled."""
    entry = (await connect(hass, server.url))["result"]
    await hass.async_block_till_done()
    for entity_id in NOISY:
        er.async_get(hass).async_update_entity(entity_id, disabled_by=None)
    # Home Assistant reloads an entry half a minute after its entities were enabled.
    await look_again(hass, freezer)
    return entry


def state(hass: HomeAssistant, name: str) -> str:
    platform, _, key = name.partition(".")
    return hass.states.get(f"{platform}.pico_qwen_server_{key}").state


async def say(hass: HomeAssistant, text: str = "hi") -> None:
    await conversation.async_converse(hass, text, None, Context(), agent_id=AGENT)
    await hass.async_block_till_done()


async def test_every_entity_is_there_once_and_belongs_to_a_device(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert {entity.entity_id for entity in registered} == ALL | NOISY
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert {device.name for device in devices} == {"Pico-Qwen", "Pico-Qwen server"}
    assert {(device.sw_version, device.entry_type) for device in devices} == {
        ("0.1.0", dr.DeviceEntryType.SERVICE)
    }
    of_the_server = [entity for entity in registered if entity.entity_id != AGENT]
    kinds = {entity.entity_id: entity.entity_category for entity in of_the_server}
    assert {each for each, kind in kinds.items() if kind is None} == {
        "event.pico_qwen_server_acts",
        "sensor.pico_qwen_server_cost_this_month",
    }
    assert {each for each, kind in kinds.items() if kind is EntityCategory.CONFIG} == {
        "select.pico_qwen_server_model",
        "select.pico_qwen_server_where_to_answer",
    }


async def test_noisy_entities_are_off_until_somebody_wants_them(
    hass: HomeAssistant, server: FakeServer
) -> None:
    result = await connect(hass, server.url)
    await hass.async_block_till_done()
    registered = er.async_entries_for_config_entry(er.async_get(hass), result["result"].entry_id)
    assert {entity.entity_id for entity in registered if entity.disabled} == NOISY


async def test_the_server_is_shown_as_it_is(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    assert state(hass, "sensor.status") == "ok"
    assert state(hass, "sensor.loaded_models") == "pico-home"
    assert state(hass, "sensor.memory") == "140.5"
    assert state(hass, "binary_sensor.connectivity") == "on"
    server.health_body = {"status": "degraded", "version": "0.1.0"}
    server.models_body = {"data": [PICO, {**LARGE, "loaded": True}]}
    await look_again(hass, freezer)
    assert state(hass, "sensor.status") == "degraded"
    assert state(hass, "sensor.loaded_models") == "pico-home, qwen3-4b"
    assert state(hass, "sensor.memory") == "unknown"


async def test_a_server_that_is_away_is_logged_once_and_shown(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await server.stop()
    await look_again(hass, freezer)
    await look_again(hass, freezer)
    assert state(hass, "binary_sensor.connectivity") == "off"
    assert state(hass, "sensor.status") == "unavailable"
    assert hass.states.get(AGENT).state != "unavailable"
    assert len([r for r in caplog.records if r.levelname == "ERROR" and "picoqwen" in r.name]) == 1
    await server.start()
    await look_again(hass, freezer)
    assert state(hass, "binary_sensor.connectivity") == "on"
    assert state(hass, "sensor.status") == "ok"


async def test_a_key_that_is_refused_later_asks_for_a_new_one(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    server.api_key = "new"
    await look_again(hass, freezer)
    assert [flow["step_id"] for flow in hass.config_entries.flow.async_progress()] == ["reauth_confirm"]


async def test_an_answer_is_measured_and_becomes_an_event(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    assert state(hass, "sensor.time_to_first_token") == "unknown"
    usage = {"prompt_tokens": 40, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 30}}
    server.answers = [[event({"content": "Hello."}), finish(**usage), DONE]]
    await say(hass)
    assert float(state(hass, "sensor.time_to_first_token")) > 0
    assert float(state(hass, "sensor.time_to_answer")) > 0
    assert state(hass, "sensor.prompt_found_in_cache") == "75.0"
    told = hass.states.get(EVENT).attributes
    assert (told["event_type"], told["model"], told["completion_tokens"]) == ("answered", "pico-home", 5)
    assert "Hello" not in str(told)


async def test_a_failed_answer_is_an_event_too(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await server.stop()
    await say(hass)
    told = hass.states.get(EVENT).attributes
    assert (told["event_type"], told["error"]) == ("failed", "PicoQwenConnectionError")


async def press(hass: HomeAssistant, name: str) -> None:
    data = {"entity_id": f"button.pico_qwen_server_{name}"}
    await hass.services.async_call("button", "press", data, blocking=True)


async def test_the_buttons_prime_and_give_memory_back(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    server.replies["prime"] = server.replies["unload"] = lambda body: {}
    kept = {**LARGE, "id": "qwen3-8b", "loaded": True, "pinned": True}
    server.models_body = {"data": [PICO, {**LARGE, "loaded": True}, kept]}
    await look_again(hass, freezer)
    server.asked["prime"].clear()
    await press(hass, "prime")
    await press(hass, "unload_larger_models")
    assert len(server.asked["prime"]) == 1
    assert server.asked["unload"] == [{"model": "qwen3-4b"}]


async def test_a_button_of_an_older_server_says_that_it_failed(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    with pytest.raises(HomeAssistantError, match="no such path"):
        await press(hass, "prime")


@pytest.mark.parametrize(("version", "shown"), [("0.0.9", "on"), ("0.1.0", "off"), ("9.0.0", "off")])
async def test_an_older_server_can_be_updated(
    hass: HomeAssistant, server: FakeServer, version: str, shown: str
) -> None:
    server.health_body["version"] = version
    await connect(hass, server.url)
    await hass.async_block_till_done()
    assert state(hass, "update.server") == shown
    assert hass.states.get("update.pico_qwen_server_server").attributes["installed_version"] == version


async def test_a_server_that_tells_nothing_of_itself_is_unknown(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    server.health_body = {"engines": "none", "status": "sleepy"}
    await look_again(hass, freezer)
    shown: dict[str, Any] = {
        name: state(hass, name) for name in ("sensor.status", "sensor.memory", "update.server")
    }
    assert set(shown.values()) == {"unknown"}
