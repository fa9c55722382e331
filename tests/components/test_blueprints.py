"""The blueprints, run: they say what the model wrote, and the bare facts where none can write."""

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_server import FakeServer, words
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed, async_mock_service

BLUEPRINTS = Path(__file__).parents[2] / "blueprints"
SAY = [{"action": "test.say", "data": {"text": "{{ summary }}"}}]


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """A configuration into which the blueprints were imported."""
    shutil.copytree(BLUEPRINTS, tmp_path / "blueprints")
    return str(tmp_path)


@pytest.fixture
async def said(hass: HomeAssistant) -> AsyncIterator[list[ServiceCall]]:
    """What was spoken."""
    await hass.config.async_set_time_zone("UTC")
    yield async_mock_service(hass, "test", "say")
    # An automation that is on waits for its next time.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


async def automate(hass: HomeAssistant, blueprint: str, **inputs: Any) -> None:
    use = {"path": f"picoqwen/{blueprint}.yaml", "input": {"speak": SAY, **inputs}}
    assert await async_setup_component(hass, "automation", {"automation": {"use_blueprint": use}})
    await hass.async_block_till_done()
    assert hass.states.get("automation.automation_0").state == "on", "the blueprint is not valid"


async def at_seven(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    # A Thursday in winter.
    freezer.move_to("2026-11-26 07:00:00+00:00")
    async_fire_time_changed(hass, dt_util.utcnow())
    await hass.async_block_till_done()


@pytest.fixture
def day(hass: HomeAssistant) -> None:
    """A weather, a calendar and a bin that has to go out."""

    async def forecasts(call: ServiceCall) -> dict[str, Any]:
        return {"weather.home": {"forecast": [{"condition": "snowy", "temperature": 1, "templow": -3}]}}

    async def events(call: ServiceCall) -> dict[str, Any]:
        told = [
            {"summary": "Dentist", "start": "2026-11-26T09:30:00+00:00"},
            {"summary": "Ada's birthday", "start": "2026-11-26"},
        ]
        return {"calendar.family": {"events": told}}

    hass.services.async_register(
        "weather", "get_forecasts", forecasts, supports_response=SupportsResponse.ONLY
    )
    hass.services.async_register("calendar", "get_events", events, supports_response=SupportsResponse.ONLY)
    hass.states.async_set("weather.home", "snowy", {"temperature_unit": "°C"})
    hass.states.async_set("sensor.bin", "paper", {"friendly_name": "Bin of the day"})


FACTS = (
    "Date: Thursday, 26 November. Weather: snowy, highest 1, lowest -3 °C. Calendar: Dentist at 09:30. "
    "Calendar: Ada's birthday, all day. Bin of the day: paper."
)
DAY = {"weather": ["weather.home"], "calendars": ["calendar.family"], "entities": ["sensor.bin"]}


async def test_the_morning_is_put_into_words_by_the_model(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    day: None,
    said: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to("2026-11-26 06:00:00+00:00")
    choice = {"model": "qwen3-4b", "server": entry.entry_id}
    await automate(hass, "morning_summary", **DAY, language="German", **choice)
    server.answers = [words("Guten Morgen. ", "Es schneit.")]
    await at_seven(hass, freezer)
    assert [call.data["text"] for call in said] == ["Guten Morgen. Es schneit."]
    (chat,) = server.chats
    assert (chat["model"], chat["messages"][-1]["content"]) == ("qwen3-4b", FACTS)
    assert "In German," in chat["messages"][0]["content"]


async def test_without_a_model_that_writes_the_morning_is_told_in_facts(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    day: None,
    said: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to("2026-11-26 06:00:00+00:00")
    await automate(hass, "morning_summary", **DAY)
    server.answers = [web.Response(status=503)]
    await at_seven(hass, freezer)
    assert [call.data["text"] for call in said] == [FACTS]


async def test_the_morning_of_other_days_is_quiet(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    said: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to("2026-11-26 06:00:00+00:00")
    await automate(hass, "morning_summary", days=["sat", "sun"])
    await at_seven(hass, freezer)
    assert (said, server.chats) == ([], [])


async def leave_and_return(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, hours: float, changes: dict[str, str]
) -> None:
    freezer.move_to("2026-11-26 12:00:00+00:00")
    hass.states.async_set("person.ada", "not_home")
    await hass.async_block_till_done()
    freezer.tick(timedelta(hours=hours / 2))
    for entity_id, state in changes.items():
        hass.states.async_set(entity_id, state, {"friendly_name": entity_id.partition(".")[2].title()})
    freezer.tick(timedelta(hours=hours / 2))
    hass.states.async_set("person.ada", "home")
    await hass.async_block_till_done()


async def away(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2026-11-26 11:00:00+00:00")
    hass.states.async_set("person.ada", "home")
    for entity_id, state in {"lock.door": "locked", "light.hall": "off", "cover.gate": "closed"}.items():
        hass.states.async_set(entity_id, state)
    watched = ["lock.door", "light.hall", "cover.gate"]
    await automate(hass, "while_you_were_away", person=["person.ada"], entities=watched)


async def test_what_changed_while_somebody_was_away_is_told(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    said: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
) -> None:
    await away(hass, freezer)
    server.answers = [words("The gate was opened at one.")]
    await leave_and_return(hass, freezer, 2, {"cover.gate": "open"})
    assert [call.data["text"] for call in said] == ["The gate was opened at one."]
    assert server.chats[0]["messages"][-1]["content"] == "Gate: open since 13:00."


async def test_without_a_model_that_writes_the_changes_are_told_in_facts(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    said: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
) -> None:
    await away(hass, freezer)
    server.answers = [web.Response(status=503)]
    await leave_and_return(hass, freezer, 2, {"cover.gate": "open", "lock.door": "unlocked"})
    assert [call.data["text"] for call in said] == ["Gate: open since 13:00. Door: unlocked since 13:00."]


@pytest.mark.parametrize(
    ("hours", "changes"), [(2, {}), (2, {"lock.door": "unavailable"}), (0.2, {"lock.door": "unlocked"})]
)
async def test_nothing_is_said_when_nothing_happened_or_nobody_was_away_long(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    said: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
    hours: float,
    changes: dict[str, str],
) -> None:
    await away(hass, freezer)
    await leave_and_return(hass, freezer, hours, changes)
    assert (said, server.chats) == ([], [])
