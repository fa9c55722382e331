"""Servers that are found: the app's, through the Supervisor, and others on the network."""

from ipaddress import ip_address
from typing import Any

import pytest
from fake_server import FakeServer
from homeassistant.config_entries import (
    SOURCE_HASSIO,
    SOURCE_IGNORE,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

UUID = "5f8c"
SERVICE = "_picoqwen._tcp.local."


async def app_found(hass: HomeAssistant, url: str, uuid: str = UUID, **more: Any) -> dict[str, Any]:
    """The Supervisor passes on what the app tells."""
    where = {"host": URL(url).host, "port": URL(url).port, "addon": "Pico-Qwen", **more}
    info = HassioServiceInfo(config=where, name="Pico-Qwen", slug="picoqwen", uuid=uuid)
    return await hass.config_entries.flow.async_init("picoqwen", context={"source": SOURCE_HASSIO}, data=info)


async def network_found(hass: HomeAssistant, url: str, name: str = "attic", **more: Any) -> dict[str, Any]:
    """A server announces itself."""
    address = ip_address("127.0.0.1")
    about = {"port": URL(url).port, "properties": {}, **more}
    info = ZeroconfServiceInfo(
        ip_address=address,
        ip_addresses=[address],
        hostname="attic.local.",
        type=SERVICE,
        name=f"{name}.{SERVICE}",
        **about,
    )
    return await hass.config_entries.flow.async_init(
        "picoqwen", context={"source": SOURCE_ZEROCONF}, data=info
    )


async def test_the_apps_server_is_used_after_one_click_with_the_apps_key(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.api_key = "made by the app"
    form = await app_found(hass, server.url, api_key="made by the app")
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "hassio_confirm")
    assert form["data_schema"].schema == {}
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    await hass.async_block_till_done()
    assert made["type"] is FlowResultType.CREATE_ENTRY
    assert made["data"] == {"url": server.url, "api_key": "made by the app"}
    assert (made["result"].unique_id, made["result"].source) == (UUID, SOURCE_HASSIO)
    assert hass.states.get("conversation.pico_qwen") is not None


async def test_an_app_that_is_still_starting_can_be_confirmed_again(
    hass: HomeAssistant, server: FakeServer
) -> None:
    form = await app_found(hass, server.url)
    await server.stop()
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert form["errors"] == {"base": "cannot_connect"}
    await server.start()
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert made["type"] is FlowResultType.CREATE_ENTRY


async def set_up_app(hass: HomeAssistant, server: FakeServer, **more: Any) -> ConfigEntry:
    form = await app_found(hass, server.url, **more)
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    await hass.async_block_till_done()
    return made["result"]


async def test_an_app_found_again_changes_nothing(hass: HomeAssistant, server: FakeServer) -> None:
    entry = await set_up_app(hass, server)
    coordinator = entry.runtime_data
    assert (await app_found(hass, server.url))["reason"] == "already_configured"
    await hass.async_block_till_done()
    assert entry.runtime_data is coordinator


async def test_a_changed_address_and_key_are_taken_up(
    hass: HomeAssistant, server: FakeServer, other_server: FakeServer
) -> None:
    entry = await set_up_app(hass, server)
    other_server.api_key = "new"
    moved = other_server.url
    again = await app_found(hass, moved, api_key="new")
    await hass.async_block_till_done()
    assert again["reason"] == "already_configured"
    assert entry.data == {"url": moved, "api_key": "new"}
    assert (entry.state, entry.runtime_data.client.url) == (ConfigEntryState.LOADED, f"{moved}/")


async def test_an_entry_that_could_not_be_set_up_is_by_the_new_key(
    hass: HomeAssistant, server: FakeServer
) -> None:
    entry = await set_up_app(hass, server)
    server.api_key = "new"
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    await app_found(hass, server.url, api_key="new")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_the_apps_server_that_was_set_up_by_hand_is_not_offered_again(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    assert (await app_found(hass, server.url))["reason"] == "already_configured"
    assert entry.unique_id == UUID


@pytest.mark.parametrize(
    "config", [{"host": None}, {"host": ""}, {"port": "8080"}, {"port": 0}, {"port": None}, {"port": 65536}]
)
async def test_what_says_not_where_the_server_is_is_dropped(
    hass: HomeAssistant, server: FakeServer, config: dict[str, Any]
) -> None:
    assert (await app_found(hass, server.url, **config))["reason"] == "invalid_discovery_info"


async def test_a_server_on_the_network_is_offered_and_its_key_asked_for(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.api_key = "secret"
    form = await network_found(hass, server.url)
    assert form["step_id"] == "zeroconf_confirm"
    assert form["description_placeholders"] == {"name": "attic", "url": server.url}
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert form["errors"] == {"base": "invalid_auth"}
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {"api_key": "secret"})
    assert (made["title"], made["data"]) == ("attic", {"url": server.url, "api_key": "secret"})


async def test_a_known_server_on_the_network_keeps_its_key_when_it_moves(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.api_key = "secret"
    form = await network_found(hass, server.url)
    made = await hass.config_entries.flow.async_configure(form["flow_id"], {"api_key": "secret"})
    await hass.async_block_till_done()
    hass.config_entries.async_update_entry(
        made["result"], data={"url": "http://127.0.0.1:1", "api_key": "secret"}
    )
    await hass.async_block_till_done()
    assert (await network_found(hass, server.url))["reason"] == "already_configured"
    await hass.async_block_till_done()
    assert made["result"].data == {"url": server.url, "api_key": "secret"}
    assert made["result"].state is ConfigEntryState.LOADED


async def test_the_apps_server_is_not_offered_a_second_time_by_the_network(
    hass: HomeAssistant, server: FakeServer
) -> None:
    entry = await set_up_app(hass, server)
    assert (await network_found(hass, server.url))["reason"] == "already_configured"
    assert entry.unique_id == UUID


async def test_an_ignored_server_stays_ignored(hass: HomeAssistant, server: FakeServer) -> None:
    await network_found(hass, server.url)
    await hass.config_entries.flow.async_init(
        "picoqwen",
        context={"source": SOURCE_IGNORE},
        data={"unique_id": f"attic.{SERVICE}", "title": "attic"},
    )
    assert (await network_found(hass, server.url))["reason"] == "already_configured"


async def test_a_server_that_does_not_tell_its_port_cannot_be_used(
    hass: HomeAssistant, server: FakeServer
) -> None:
    assert (await network_found(hass, server.url, port=None))["reason"] == "invalid_discovery_info"
