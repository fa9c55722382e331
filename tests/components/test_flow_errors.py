"""Every form that asks a server, with all that can go wrong: told, and mended in the same form."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import connect
from fake_server import FakeServer
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import start_reauth_flow
from test_discovery import app_found, network_found

KEY = "the key"


async def by_hand(hass: HomeAssistant, server: FakeServer) -> dict[str, Any]:
    return await hass.config_entries.flow.async_init("picoqwen", context={"source": SOURCE_USER})


async def by_the_app(hass: HomeAssistant, server: FakeServer) -> dict[str, Any]:
    return await app_found(hass, server.url, api_key=KEY)


async def on_the_network(hass: HomeAssistant, server: FakeServer) -> dict[str, Any]:
    return await network_found(hass, server.url)


async def set_up(hass: HomeAssistant, server: FakeServer) -> ConfigEntry:
    entry: ConfigEntry = (await connect(hass, server.url, api_key=KEY))["result"]
    await hass.async_block_till_done()
    return entry


async def with_a_new_key(hass: HomeAssistant, server: FakeServer) -> dict[str, Any]:
    return await start_reauth_flow(hass, await set_up(hass, server))


async def with_another_address(hass: HomeAssistant, server: FakeServer) -> dict[str, Any]:
    entry = await set_up(hass, server)
    return await hass.config_entries.flow.async_init(
        "picoqwen", context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )


type Begin = Callable[[HomeAssistant, FakeServer], Awaitable[dict[str, Any]]]
# Each form, what is typed into it, and how it ends.
FORMS: dict[str, tuple[Begin, tuple[str, ...], str]] = {
    "user": (by_hand, ("url", "api_key"), "create_entry"),
    "hassio_confirm": (by_the_app, (), "create_entry"),
    "zeroconf_confirm": (on_the_network, ("api_key",), "create_entry"),
    "reauth_confirm": (with_a_new_key, ("api_key",), "reauth_successful"),
    "reconfigure": (with_another_address, ("url", "api_key"), "reconfigure_successful"),
}


async def is_away(server: FakeServer) -> None:
    await server.stop()


async def is_back(server: FakeServer) -> None:
    await server.start()


async def refuses(server: FakeServer) -> None:
    server.api_key = "another"


async def accepts(server: FakeServer) -> None:
    server.api_key = KEY


async def is_of_another_kind(server: FakeServer) -> None:
    server.models_body = {"data": "models"}


async def is_ours_again(server: FakeServer) -> None:
    server.models_body = FakeServer().models_body


type Change = Callable[[FakeServer], Awaitable[None]]
WRONG: dict[str, tuple[Change, Change]] = {
    "cannot_connect": (is_away, is_back),
    "invalid_auth": (refuses, accepts),
    "unknown": (is_of_another_kind, is_ours_again),
}


@pytest.mark.parametrize("step", FORMS)
@pytest.mark.parametrize("error", WRONG)
async def test_what_goes_wrong_is_told_and_the_same_form_mends_it(
    hass: HomeAssistant, server: FakeServer, step: str, error: str
) -> None:
    begin, fields, end = FORMS[step]
    spoil, mend = WRONG[error]
    server.api_key = KEY
    typed = {key: {"url": server.url, "api_key": KEY}[key] for key in fields}
    form = await begin(hass, server)
    assert form["step_id"] == step
    await spoil(server)
    for _ in range(2):
        form = await hass.config_entries.flow.async_configure(form["flow_id"], typed)
        assert (form["type"], form["errors"]) == (FlowResultType.FORM, {"base": error})
    await mend(server)
    done = await hass.config_entries.flow.async_configure(form["flow_id"], typed)
    await hass.async_block_till_done()
    assert end in (done["type"], done.get("reason"))
    (entry,) = hass.config_entries.async_entries("picoqwen")
    assert (entry.data["url"], entry.data["api_key"]) == (server.url, KEY)
    assert entry.state.value == "loaded"


ACTIONS = {"services": ["light.turn_on"], "ask_seconds": 30}


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({"services": []}, {"services": "no_services"}),
        ({"services": ["lights on"]}, {"services": "no_action"}),
        ({"services": ["conversation.process"]}, {"services": "never_offered"}),
        ({"ask_services": ["nonsense"]}, {"ask_services": "no_action"}),
        ({"ask_services": ["picoqwen.generate"]}, {"ask_services": "never_offered"}),
    ],
)
async def test_a_wrong_set_of_actions_is_mended_in_its_form(
    hass: HomeAssistant, entry: ConfigEntry, wrong: dict[str, Any], errors: dict[str, str]
) -> None:
    flows, key = hass.config_entries.subentries, (entry.entry_id, "actions")
    form = await flows.async_init(key, context={"source": SOURCE_USER})
    form = await flows.async_configure(form["flow_id"], {"name": "Set", **ACTIONS, **wrong})
    assert form["errors"] == errors
    made = await flows.async_configure(form["flow_id"], {"name": "Set", **ACTIONS})
    assert (made["type"], made["title"]) == (FlowResultType.CREATE_ENTRY, "Set")
    await hass.async_block_till_done()
    (subentry,) = [each for each in entry.subentries.values() if each.subentry_type == "actions"]
    again = {"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id}
    form = await flows.async_init(key, context=again)
    form = await flows.async_configure(form["flow_id"], {**ACTIONS, **wrong})
    assert form["errors"] == errors
    done = await flows.async_configure(form["flow_id"], {**ACTIONS, "ask_seconds": 45})
    assert done["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.subentries[subentry.subentry_id].data["ask_seconds"] == 45


@pytest.mark.parametrize("source", [SOURCE_USER, SOURCE_RECONFIGURE])
async def test_no_set_of_actions_without_a_server(
    hass: HomeAssistant, entry: ConfigEntry, source: str
) -> None:
    flows, key = hass.config_entries.subentries, (entry.entry_id, "actions")
    form = await flows.async_init(key, context={"source": SOURCE_USER})
    await flows.async_configure(form["flow_id"], {"name": "Set", **ACTIONS})
    await hass.async_block_till_done()
    (subentry,) = [each for each in entry.subentries.values() if each.subentry_type == "actions"]
    await hass.config_entries.async_unload(entry.entry_id)
    about = {"subentry_id": subentry.subentry_id} if source == SOURCE_RECONFIGURE else {}
    assert (await flows.async_init(key, context={"source": source, **about}))["reason"] == "entry_not_loaded"
