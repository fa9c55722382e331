"""Setting the entry up: with the server there, away, back, and taking it down again."""

from datetime import timedelta

from fake_server import FakeServer
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

AGENT = "conversation.pico_qwen"


async def test_setup_is_tried_again_until_the_server_is_there(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await server.stop()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert str(entry.error_reason_translation_key) == "not_ready"
    await server.start()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=5))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_refused_key_starts_the_form_for_a_new_one(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.api_key = "new"
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert [flow["step_id"] for flow in hass.config_entries.flow.async_progress()] == ["reauth_confirm"]


async def test_unloading_takes_the_agent_away_and_removing_its_entry_too(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    assert hass.states.get(AGENT) is not None
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert hass.states.get(AGENT).state == "unavailable"
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(AGENT) is None
