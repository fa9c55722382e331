"""The forms: connecting, what can go wrong with it, a new key, more agents."""

from typing import Any

import pytest
from conftest import connect
from fake_server import LARGE, PICO, FakeServer
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry, start_reauth_flow


async def test_a_tested_connection_makes_an_entry_with_one_agent(
    hass: HomeAssistant, server: FakeServer
) -> None:
    form = await hass.config_entries.flow.async_init("picoqwen", context={"source": SOURCE_USER})
    assert (form["type"], form["errors"]) == (FlowResultType.FORM, {})
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": f" {server.url}/ "})
    await hass.async_block_till_done()
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert made["data"] == {"url": server.url}
    (agent,) = made["result"].subentries.values()
    assert (agent.subentry_type, agent.data["llm_hass_api"]) == ("conversation", ["assist"])
    assert hass.states.async_entity_ids("conversation")[-1] == "conversation.pico_qwen"


async def test_the_key_is_used_and_kept(hass: HomeAssistant, server: FakeServer) -> None:
    server.api_key = "secret"
    assert (await connect(hass, server.url))["errors"] == {"base": "invalid_auth"}
    made = await connect(hass, server.url, api_key="secret")
    assert made["data"] == {"url": server.url, "api_key": "secret"}


@pytest.mark.parametrize("url", ["", "homeassistant.local:8080", "ftp://x", "http://"])
async def test_what_is_no_url_is_refused(hass: HomeAssistant, url: str) -> None:
    assert (await connect(hass, url))["errors"] == {"base": "invalid_url"}


async def test_a_server_that_is_down_is_an_error_that_can_be_repaired(
    hass: HomeAssistant, server: FakeServer
) -> None:
    await server.stop()
    form = await connect(hass, server.url)
    assert form["errors"] == {"base": "cannot_connect"}
    await server.start()
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": server.url})
    assert made["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("body", [["something"], "<html>"])
async def test_a_server_of_another_kind_is_refused(
    hass: HomeAssistant, server: FakeServer, body: Any
) -> None:
    server.models_body = body
    assert (await connect(hass, server.url))["errors"] == {"base": "unknown"}


async def test_a_server_is_set_up_once(hass: HomeAssistant, server: FakeServer, entry: ConfigEntry) -> None:
    again = await connect(hass, f"{server.url}/")
    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_a_new_key_is_asked_for_tested_and_used(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.api_key = "new"
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress()
    form = await hass.config_entries.flow.async_configure(flow["flow_id"], {"api_key": "wrong"})
    assert form["errors"] == {"base": "invalid_auth"}
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], {"api_key": "new"})
    await hass.async_block_till_done()
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert (entry.state, entry.data["api_key"]) == (ConfigEntryState.LOADED, "new")


async def test_a_new_key_reloads_an_entry_that_still_runs(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.api_key = "new"
    client = entry.runtime_data
    form = await start_reauth_flow(hass, entry)
    await hass.config_entries.flow.async_configure(form["flow_id"], {"api_key": "new"})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not client
    assert [model.id for model in entry.runtime_data.data.models] == ["pico-home"]


async def reconfigure(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, Any]:
    return await hass.config_entries.flow.async_init(
        "picoqwen", context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )


async def test_a_server_that_has_moved_is_told_so_and_its_agents_stay(
    hass: HomeAssistant, other_server: FakeServer, entry: ConfigEntry
) -> None:
    agents = dict(entry.subentries)
    form = await reconfigure(hass, entry)
    wrong = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": "nowhere"})
    assert wrong["errors"] == {"base": "invalid_url"}
    other_server.api_key = "new"
    moved = other_server.url
    refused = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": moved})
    assert refused["errors"] == {"base": "invalid_auth"}
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": moved, "api_key": "new"})
    await hass.async_block_till_done()
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert (entry.state, entry.data["url"]) == (ConfigEntryState.LOADED, moved)
    assert entry.subentries == agents


async def test_a_server_cannot_move_to_where_another_is(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    other = MockConfigEntry(domain="picoqwen", data={"url": "http://other:8080"})
    other.add_to_hass(hass)
    form = await reconfigure(hass, entry)
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": "http://other:8080"})
    assert done["reason"] == "already_configured"


async def test_a_server_with_a_larger_model_starts_with_an_ai_task_too(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.models_body = {"data": [PICO, LARGE]}
    made = await connect(hass, server.url)
    await hass.async_block_till_done()
    kinds = [subentry.subentry_type for subentry in made["result"].subentries.values()]
    assert kinds == ["conversation", "ai_task_data"]
    assert hass.states.get("ai_task.pico_qwen_ai_task") is not None


async def add_agent(hass: HomeAssistant, entry: ConfigEntry, kind: str = "conversation") -> dict[str, Any]:
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, kind), context={"source": SOURCE_USER}
    )


async def test_an_ai_task_offers_only_models_that_write_texts(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.models_body = {"data": [PICO, LARGE]}
    entry = (await connect(hass, server.url))["result"]
    await hass.async_block_till_done()
    offered = {}
    for kind in ("conversation", "ai_task_data"):
        form = await add_agent(hass, entry, kind)
        fields = {str(key): selector for key, selector in form["data_schema"].schema.items()}
        offered[kind] = fields["model"].config["options"]
    assert offered == {"conversation": ["pico-home", "qwen3-4b"], "ai_task_data": ["qwen3-4b"]}
    options = {"name": "Writer", "model": "qwen3-4b", "temperature": 0.3, "enable_thinking": False}
    made = await hass.config_entries.subentries.async_configure(form["flow_id"], options)
    await hass.async_block_till_done()
    assert made["data"] == {"model": "qwen3-4b", "temperature": 0.3, "enable_thinking": False}
    assert hass.states.get("ai_task.writer") is not None


async def test_an_api_that_has_gone_is_not_offered_as_chosen(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    (agent,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, agent, data={"llm_hass_api": ["gone", "assist"]})
    await hass.async_block_till_done()
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "conversation"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": agent.subentry_id},
    )
    (suggested,) = [
        key.description["suggested_value"] for key in form["data_schema"].schema if key == "llm_hass_api"
    ]
    assert suggested == ["assist"]


async def test_another_agent_becomes_another_entity(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    form = await add_agent(hass, entry)
    options = {"name": "Butler", "prompt": "Be formal.", "llm_hass_api": ["assist"], "max_history": 5}
    made = await hass.config_entries.subentries.async_configure(form["flow_id"], options)
    await hass.async_block_till_done()
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert made["data"] == {"prompt": "Be formal.", "llm_hass_api": ["assist"], "max_history": 5}
    assert hass.states.get("conversation.butler") is not None


async def test_an_agents_options_can_be_changed(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    (agent,) = entry.subentries.values()
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "conversation"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": agent.subentry_id},
    )
    done = await hass.config_entries.subentries.async_configure(form["flow_id"], {"max_history": 0})
    await hass.async_block_till_done()
    assert done["reason"] == "reconfigure_successful"
    assert entry.subentries[agent.subentry_id].data == {"max_history": 0}


async def test_no_agent_is_added_to_a_server_that_is_not_connected(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert (await add_agent(hass, entry))["reason"] == "entry_not_loaded"
    assert (await add_agent(hass, entry, "ai_task_data"))["reason"] == "entry_not_loaded"
    (agent,) = entry.subentries.values()
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "conversation"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": agent.subentry_id},
    )
    assert form["reason"] == "entry_not_loaded"
