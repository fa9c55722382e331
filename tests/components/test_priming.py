"""Priming: the server reads what requests begin with when that has changed, and only then."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from conftest import LAMP
from fake_server import FakeServer, words
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import async_fire_time_changed

AGENT = "conversation.pico_qwen"


@pytest.fixture
def primed(server: FakeServer) -> list[Any]:
    """The requests that came to a server that can be primed."""
    server.replies["prime"] = lambda body: {"cached_tokens": 100}
    return server.asked["prime"]


async def wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float = 6) -> None:
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_what_is_primed_is_what_a_request_begins_with(
    hass: HomeAssistant,
    server: FakeServer,
    primed: list[Any],
    lamps: None,
    entry: ConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    await wait(hass, freezer)
    (body,) = primed
    server.answers = [words("Hello.")]
    await conversation.async_converse(hass, "hi", None, Context(), agent_id=AGENT)
    (chat,) = server.chats
    assert body["messages"] == chat["messages"][:1]
    assert body["tools"] == chat["tools"]
    assert [entity["id"] for entity in body["home"]["entities"]] == [LAMP]


async def test_many_changes_of_the_home_prime_once_and_states_never(
    hass: HomeAssistant,
    server: FakeServer,
    primed: list[Any],
    lamps: None,
    entry: ConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    await wait(hass, freezer)
    primed.clear()
    hass.states.async_set(LAMP, "on")
    await wait(hass, freezer)
    assert primed == []
    async_expose_entity(hass, "conversation", "light.secret_lamp", True)
    for name in ("Sun", "Moon"):
        er.async_get(hass).async_update_entity(LAMP, name=name)
    await wait(hass, freezer)
    (body,) = primed
    assert {entity["name"] for entity in body["home"]["entities"]} == {"Moon", "Secret lamp"}


async def test_a_server_that_cannot_be_primed_is_asked_once(
    hass: HomeAssistant,
    server: FakeServer,
    lamps: None,
    entry: ConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await wait(hass, freezer)
    server.replies["prime"] = lambda body: {}
    er.async_get(hass).async_update_entity(LAMP, name="Sun")
    await wait(hass, freezer)
    assert server.asked["prime"] == []
    assert "picoqwen" not in " ".join(
        record.name for record in caplog.records if record.levelname in ("WARNING", "ERROR")
    )


async def test_the_model_is_woken_when_a_request_is_known_to_come(
    hass: HomeAssistant, server: FakeServer, primed: list[Any], lamps: None, entry: ConfigEntry
) -> None:
    await asyncio.wait_for(conversation.async_prepare_agent(hass, AGENT, "de"), 5)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert primed[-1]["home"]["language"] == "de"


async def test_the_action_primes_and_says_when_it_cannot(
    hass: HomeAssistant, server: FakeServer, primed: list[Any], lamps: None, entry: ConfigEntry
) -> None:
    await hass.services.async_call("picoqwen", "prime", {}, blocking=True)
    assert len(primed) == 1
    server.replies["prime"] = None
    with pytest.raises(HomeAssistantError, match="prime failed"):
        await hass.services.async_call("picoqwen", "prime", {}, blocking=True)


async def test_nothing_is_primed_after_unloading(
    hass: HomeAssistant,
    server: FakeServer,
    primed: list[Any],
    lamps: None,
    entry: ConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    er.async_get(hass).async_update_entity(LAMP, name="Sun")
    coordinator = entry.runtime_data
    await hass.config_entries.async_unload(entry.entry_id)
    await wait(hass, freezer)
    assert (primed, coordinator.primers) == ([], [])
