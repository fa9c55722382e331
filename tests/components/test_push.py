"""What the server tells by itself, what the selects change, and what is complained of."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from conftest import connect
from fake_server import DONE, LARGE, PICO, FakeServer, event, finish, words
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import conversation
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import issue_registry as ir

AGENT = "conversation.pico_qwen"
ROUTING, MODEL = "select.pico_qwen_server_where_to_answer", "select.pico_qwen_server_model"
UPSTREAM = {
    "name": "big",
    "model": "gpt",
    "trusted": False,
    "condition": "down",
    "error": "big: HTTP 401: bad key",
}


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


async def say(hass: HomeAssistant, text: str = "hello") -> conversation.ConversationResult:
    return await conversation.async_converse(hass, text, None, Context(), agent_id=AGENT)


async def choose(hass: HomeAssistant, entity_id: str, option: str) -> None:
    data = {"entity_id": entity_id, "option": option}
    await hass.services.async_call("select", "select_option", data, blocking=True)


async def test_a_change_at_the_server_is_seen_without_asking(hass: HomeAssistant, server: FakeServer) -> None:
    server.has_events = True
    entry = (await connect(hass, server.url))["result"]
    await until(lambda: bool(server.watchers))
    await until(lambda: entry.runtime_data.update_interval.total_seconds() == 300)
    server.health_body = {**server.health_body, "status": "degraded"}
    await server.tell(type="token", model="pico-home")
    await server.tell(type="status", status="degraded")
    await until(lambda: hass.states.get("sensor.pico_qwen_server_status").state == "degraded")


async def test_a_connection_that_breaks_is_opened_again_and_asked_for_meanwhile(
    hass: HomeAssistant, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.picoqwen.push.FIRST_PAUSE", 0.05)
    server.has_events = True
    entry = (await connect(hass, server.url))["result"]
    await until(lambda: bool(server.watchers))
    await server.stop()
    await until(lambda: entry.runtime_data.update_interval.total_seconds() == 30)
    await server.start()
    await until(lambda: bool(server.watchers))


async def test_a_server_without_events_is_asked_every_half_minute(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.runtime_data.update_interval.total_seconds() == 30


async def test_nothing_listens_after_the_entry_is_unloaded(hass: HomeAssistant, server: FakeServer) -> None:
    server.has_events = True
    entry = (await connect(hass, server.url))["result"]
    await until(lambda: bool(server.watchers))
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await until(lambda: not server.watchers)


async def test_the_selects_are_what_an_agent_without_a_choice_asks_for(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.models_body = {"data": [PICO, LARGE]}
    await connect(hass, server.url)
    await hass.async_block_till_done()
    assert hass.states.get(MODEL).attributes["options"] == ["server", "pico-home", "qwen3-4b"]
    server.answers = [words("Hello."), words("Hello."), words("Hello.")]
    await say(hass)
    await choose(hass, MODEL, "qwen3-4b")
    await choose(hass, ROUTING, "local_only")
    await say(hass)
    await choose(hass, MODEL, "server")
    await choose(hass, ROUTING, "server")
    await say(hass)
    asked = [(chat.get("model"), chat.get("routing")) for chat in server.chats]
    assert asked == [(None, None), ("qwen3-4b", "local_only"), (None, None)]


async def test_an_agents_own_routing_wins_over_the_select(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    agent = next(each for each in entry.subentries.values() if each.subentry_type == "conversation")
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "conversation"), context={"source": "reconfigure", "subentry_id": agent.subentry_id}
    )
    await hass.config_entries.subentries.async_configure(flow["flow_id"], {"routing": "cloud_first"})
    await hass.async_block_till_done()
    await choose(hass, ROUTING, "local_only")
    server.answers = [words("Hello.")]
    await say(hass)
    assert server.chats[0]["routing"] == "cloud_first"


async def test_what_was_selected_outlasts_a_reload(hass: HomeAssistant, server: FakeServer) -> None:
    server.models_body = {"data": [PICO, LARGE]}
    entry = (await connect(hass, server.url))["result"]
    await hass.async_block_till_done()
    await choose(hass, ROUTING, "local_only")
    await choose(hass, MODEL, "qwen3-4b")
    server.models_body = {"data": [PICO]}
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert hass.states.get(ROUTING).state == "local_only"
    assert hass.states.get(MODEL).state == "server", "a model that has gone is not asked for"
    assert entry.runtime_data.default_routing == "local_only"


async def test_the_rung_of_the_last_answer_is_shown(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    served = {"provider": "big", "model": "gpt", "notes": ["local: the engine ended"]}
    server.answers = [[event({"content": "Hello."}), finish(served=served, prompt_tokens=1), DONE]]
    assert hass.states.get("binary_sensor.pico_qwen_server_answered_elsewhere").state == "unknown"
    await say(hass)
    assert hass.states.get("sensor.pico_qwen_server_answered_by").state == "cloud"
    fallback = hass.states.get("binary_sensor.pico_qwen_server_answered_elsewhere")
    assert (fallback.state, fallback.attributes["provider"]) == ("on", "big")
    assert fallback.attributes["reason"] == "local: the engine ended"


@pytest.mark.parametrize(
    ("hybrid", "shown"),
    [
        (None, "0.0"),
        ({"providers": [], "budget": None}, "0.0"),
        ({"providers": [UPSTREAM], "budget": {"spent_this_month": 0.5}}, "0.5"),
        ({"providers": [UPSTREAM], "budget": {"spent_this_month": None}}, "unknown"),
    ],
)
async def test_a_server_that_pays_nobody_costs_nothing(
    hass: HomeAssistant,
    server: FakeServer,
    freezer: FrozenDateTimeFactory,
    hybrid: dict[str, Any] | None,
    shown: str,
) -> None:
    """Unknown is only what the server itself does not know; each month begins anew."""
    freezer.move_to("2026-11-27T12:00:00+00:00")
    server.health_body |= {"hybrid": hybrid} if hybrid is not None else {}
    await connect(hass, server.url)
    await hass.async_block_till_done()
    cost = hass.states.get("sensor.pico_qwen_server_cost_this_month")
    assert cost.state == shown
    assert cost.attributes["last_reset"] == "2026-11-01T00:00:00-07:00"


async def test_money_and_queue_are_shown_as_the_server_counts_them(
    hass: HomeAssistant, server: FakeServer
) -> None:
    server.counters = {"engines": [{"model": "a", "queued": 2}, {"model": "b", "queued": 1}, {"error": "x"}]}
    server.health_body["hybrid"] = {"providers": [], "budget": {"spent_this_month": 1.25}}
    entry = (await connect(hass, server.url))["result"]
    await hass.async_block_till_done()
    assert hass.states.get("sensor.pico_qwen_server_cost_this_month").state == "1.25"
    assert entry.runtime_data.data.queue == 3


@pytest.mark.parametrize(
    ("more", "issue"),
    [
        ({"memory_level": 1}, "memory_too_small"),
        ({"hybrid": {"providers": [{"name": "local"}, UPSTREAM]}}, "cloud_key_rejected"),
    ],
)
async def test_what_is_wrong_is_an_issue_until_it_is_over(
    hass: HomeAssistant, server: FakeServer, more: dict[str, Any], issue: str
) -> None:
    fine = dict(server.health_body)
    server.health_body |= more
    entry = (await connect(hass, server.url))["result"]
    await hass.async_block_till_done()
    found = ir.async_get(hass).async_get_issue("picoqwen", f"{issue}_{entry.entry_id}")
    assert found is not None
    assert found.translation_placeholders["server"] == entry.title
    server.health_body = fine
    await entry.runtime_data.async_refresh()
    assert ir.async_get(hass).async_get_issue("picoqwen", f"{issue}_{entry.entry_id}") is None
