"""What helps when something is wrong: diagnostics, repairs, system health."""

import json
from datetime import timedelta
from typing import Any

import pytest
from conftest import connect
from fake_server import DONE, PICO, FakeServer, event, finish
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import conversation
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_fire_time_changed, get_system_health_info

from custom_components.picoqwen.diagnostics import async_get_config_entry_diagnostics


async def look_again(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)
    freezer.tick(timedelta(seconds=31))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


def issues(hass: HomeAssistant) -> dict[str, dict[str, str] | None]:
    return {
        str(issue.translation_key): issue.translation_placeholders
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == "picoqwen"
    }


def set_model(hass: HomeAssistant, entry: ConfigEntry, model: str) -> None:
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "model": model})


async def test_diagnostics_tell_of_everything_but_secrets(hass: HomeAssistant, server: FakeServer) -> None:
    server.api_key = "secret key"
    entry = (await connect(hass, server.url, api_key="secret key"))["result"]
    await hass.async_block_till_done()
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data={"prompt": "My name is Ada."})
    await hass.async_block_till_done()
    server.answers = [[event({"content": "Hello Ada."}), finish(prompt_tokens=4), DONE]]
    await conversation.async_converse(hass, "it is me", None, Context(), agent_id="conversation.pico_qwen")
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = json.dumps(told)
    assert not any(secret in text for secret in ("secret key", "Ada", "it is me", "127.0.0.1"))
    assert told["entry"]["api_key_configured"] is True
    assert told["server"] == server.health_body
    assert told["models"] == [{"id": "pico-home", "loaded": True, "built_in": True}]
    assert told["last_answer"]["prompt_tokens"] == 4
    assert told["agents"][0]["options"] == {"prompt": "**REDACTED**"}
    assert "conversation.pico_qwen" in told["entities"]


async def test_a_missing_model_is_a_repair_until_it_is_there(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    assert issues(hass) == {}
    set_model(hass, entry, "qwen3-8b")
    await hass.async_block_till_done()
    assert issues(hass) == {"model_missing": {"server": "Pico-Qwen", "models": "qwen3-8b"}}
    server.models_body = {"data": [PICO, {"id": "qwen3-8b"}]}
    await look_again(hass, freezer)
    assert issues(hass) == {}


@pytest.mark.parametrize(
    ("version", "old"), [("0.0.3", True), ("0.1.0", False), ("1.2.3", False), ("", False)]
)
async def test_a_server_that_is_too_old_is_a_repair(
    hass: HomeAssistant, server: FakeServer, version: str, old: bool
) -> None:
    server.health_body["version"] = version
    await connect(hass, server.url)
    await hass.async_block_till_done()
    assert ("server_too_old" in issues(hass)) is old


async def test_a_model_that_cannot_be_loaded_is_a_repair_with_its_reason(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    broken: dict[str, Any] = {"model": "qwen3-4b", "state": "failed", "error": "out of memory"}
    server.health_body = {**server.health_body, "engines": [broken]}
    await look_again(hass, freezer)
    (placeholders,) = issues(hass).values()
    assert placeholders == {"server": "Pico-Qwen", "models": "qwen3-4b", "error": "out of memory"}
    await server.stop()
    await look_again(hass, freezer)
    assert list(issues(hass)) == ["model_failed"]


async def test_repairs_go_with_the_server(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    set_model(hass, entry, "qwen3-8b")
    await hass.async_block_till_done()
    assert list(issues(hass)) == ["model_missing"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == {}


async def test_system_health_asks_the_server(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, "picoqwen")
    assert await info.pop("can_reach_server") == "ok"
    assert info == {"servers": 1, "loaded_servers": 1, "server_versions": "0.1.0"}
    await hass.config_entries.async_unload(entry.entry_id)
    assert await get_system_health_info(hass, "picoqwen") == {
        "servers": 1,
        "loaded_servers": 0,
        "server_versions": None,
        "can_reach_server": None,
    }
