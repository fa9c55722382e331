"""What helps to find out what is wrong, without keys, instructions or what was said."""

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_API_KEY, CONF_PROMPT, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.loader import async_get_integration

from .const import DOMAIN
from .coordinator import PicoQwenConfigEntry

# The address of a server elsewhere may name a person or a place.
TO_REDACT = {CONF_API_KEY, CONF_PROMPT, CONF_URL}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: PicoQwenConfigEntry
) -> dict[str, Any]:
    """The entry, its agents and entities, the server's health, and the figures of the last answer."""
    coordinator = entry.runtime_data
    integration = await async_get_integration(hass, DOMAIN)
    return {
        "integration_version": str(integration.version),
        "entry": {
            "version": f"{entry.version}.{entry.minor_version}",
            "source": entry.source,
            "data": async_redact_data(dict(entry.data), TO_REDACT),
            "api_key_configured": CONF_API_KEY in entry.data,
        },
        "agents": [
            {
                "type": subentry.subentry_type,
                "title": subentry.title,
                "options": async_redact_data(dict(subentry.data), TO_REDACT),
            }
            for subentry in entry.subentries.values()
        ],
        "entities": sorted(
            entity.entity_id
            for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        ),
        "reachable": coordinator.last_update_success,
        "server": coordinator.data.health,
        "models": [
            {"id": model.id, "loaded": model.loaded, "built_in": model.built_in}
            for model in coordinator.data.models
        ],
        "last_answer": coordinator.last.as_dict() if coordinator.last else None,
    }
