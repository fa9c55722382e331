"""Home Assistant's system health page: each server, and whether it answers."""

from collections.abc import Coroutine
from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import PicoQwenCoordinator


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Offer the information."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    """How many servers are set up, and for those that are loaded their version and whether they answer."""
    entries = hass.config_entries.async_entries(DOMAIN)
    loaded: list[PicoQwenCoordinator] = [
        entry.runtime_data for entry in entries if entry.state is ConfigEntryState.LOADED
    ]
    return {
        "servers": len(entries),
        "loaded_servers": len(loaded),
        "server_versions": ", ".join(sorted({each.data.version for each in loaded})) or None,
        "can_reach_server": _reachable(hass, loaded) if loaded else None,
    }


def _reachable(hass: HomeAssistant, coordinators: list[PicoQwenCoordinator]) -> Coroutine[Any, Any, Any]:
    """The health page waits for it by itself, and shows what comes of it."""
    url = f"{coordinators[0].client.url}api/v1/health"
    return system_health.async_check_can_reach_url(hass, url)
