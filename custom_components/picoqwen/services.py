"""The action picoqwen.generate: a text from a prompt, for automations."""

from typing import Any

import probatio as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from .client import PicoQwenClient, PicoQwenError
from .const import DOMAIN

SERVICE_GENERATE = "generate"
_SCHEMA = vol.Schema(
    {
        vol.Required("prompt"): cv.string,
        vol.Optional("temperature"): vol.All(vol.Coerce(float), vol.Range(min=0, max=5)),
        vol.Optional("max_tokens"): vol.All(vol.Coerce(int), vol.Range(min=1, max=100_000)),
        vol.Optional("config_entry"): cv.string,
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""

    async def generate(call: ServiceCall) -> ServiceResponse:
        client = _client(hass, call.data.get("config_entry"))
        body = {key: value for key, value in call.data.items() if key != "config_entry"}
        try:
            result = await client.generate(body)
        except PicoQwenError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="generate_failed",
                translation_placeholders={"error": str(err)},
            ) from err
        keys = ("text", "model", "finish_reason", "usage")
        response: dict[str, Any] = {key: result.get(key) for key in keys}
        return response

    hass.services.async_register(
        DOMAIN, SERVICE_GENERATE, generate, schema=_SCHEMA, supports_response=SupportsResponse.ONLY
    )


def _client(hass: HomeAssistant, entry_id: str | None) -> PicoQwenClient:
    """The client of the entry asked for, or of the first that is loaded."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED and entry_id in (None, entry.entry_id):
            client: PicoQwenClient = entry.runtime_data
            return client
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key="entry_not_loaded")
