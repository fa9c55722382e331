"""The action picoqwen.generate."""

from typing import Any

import pytest
from aiohttp import web
from fake_server import FakeServer
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

TEXT = {"text": "Once.", "model": "pico", "finish_reason": "stop", "usage": {"total_tokens": 5}}


async def generate(hass: HomeAssistant, **data: Any) -> Any:
    return await hass.services.async_call("picoqwen", "generate", data, blocking=True, return_response=True)


async def test_a_text_and_its_figures_come_back(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.generated = web.json_response({"id": "x", **TEXT})
    asked = {"prompt": "Tell a story.", "temperature": 0.5, "max_tokens": 12}
    assert await generate(hass, **asked, config_entry=entry.entry_id) == TEXT
    assert server.generations == [asked]


async def test_the_servers_reason_is_told_when_it_fails(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.generated = web.json_response({"error": {"message": "the prompt is too long"}}, status=400)
    with pytest.raises(HomeAssistantError) as failure:
        await generate(hass, prompt="x")
    assert failure.value.translation_key == "generate_failed"
    assert failure.value.translation_placeholders == {"error": "the prompt is too long"}


async def test_a_server_that_is_away_is_an_error_of_the_action(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await server.stop()
    with pytest.raises(HomeAssistantError, match="No text was generated"):
        await generate(hass, prompt="x")


async def test_an_entry_that_is_not_loaded_cannot_be_asked(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as failure:
        await generate(hass, prompt="x", config_entry="another")
    assert failure.value.translation_key == "entry_not_loaded"
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError):
        await generate(hass, prompt="x")
    assert server.generations == []
