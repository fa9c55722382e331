"""Setting the entry up: with the server there, away, back, and taking it down again."""

import asyncio
import inspect
from datetime import timedelta

from fake_server import FakeServer
from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import llm
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

AGENT = "conversation.pico_qwen"
# What the integration listens to; stores that are about to be written listen to others for a while.
HEARD = {f"{kind}_registry_updated" for kind in ("area", "device", "entity", "floor")}


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


async def test_an_agents_device_comes_and_goes_with_it_and_all_with_the_entry(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    def devices() -> set[str | None]:
        registry = dr.async_get(hass)
        return {each.name for each in dr.async_entries_for_config_entry(registry, entry.entry_id)}

    before = {"Pico-Qwen", "Pico-Qwen server"}
    assert devices() == before
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "conversation"), context={"source": SOURCE_USER}
    )
    await hass.config_entries.subentries.async_configure(form["flow_id"], {"name": "Butler"})
    await hass.async_block_till_done()
    assert devices() == {*before, "Butler"}
    butler = next(each for each in entry.subentries.values() if each.title == "Butler")
    hass.config_entries.async_remove_subentry(entry, butler.subentry_id)
    await hass.async_block_till_done()
    assert devices() == before
    assert hass.states.get("conversation.butler") is None
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert devices() == set()
    assert er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id) == []


async def test_reloading_again_and_again_leaves_no_listener_task_or_api_behind(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.has_events = True

    def left() -> tuple[dict[str, int], int, list[str], int]:
        running = [each.get_coro() for each in asyncio.all_tasks() if not each.done()]
        tasks = [each for each in running if "components/picoqwen" in inspect.getfile(each.cr_code)]
        apis = sorted(api.id for api in llm.async_get_apis(hass))
        listeners = {name: count for name, count in hass.bus.async_listeners().items() if name in HEARD}
        return listeners, len(tasks), apis, len(hass.states.async_all())

    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "actions"), context={"source": SOURCE_USER}
    )
    await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"name": "Set", "services": ["light.turn_on"]}
    )
    await hass.async_block_till_done()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    before = left()
    assert before[1] == 1, "it listens to the server's events"
    for _ in range(3):
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
    assert left() == before
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    _, tasks, apis, _ = left()
    assert tasks == 0
    assert not any(each.startswith("picoqwen_") for each in apis)
