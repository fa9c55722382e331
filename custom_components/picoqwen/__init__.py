"""The Pico-Qwen integration: conversation agents, AI tasks and actions, served by a Pico-Qwen server."""

from homeassistant.const import CONF_API_KEY, CONF_URL, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType

from . import issues
from .action_api import async_register_apis
from .client import PicoQwenClient
from .confirmation import async_desk
from .const import DOMAIN
from .coordinator import PicoQwenConfigEntry, PicoQwenCoordinator
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = (
    Platform.AI_TASK,
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CONVERSATION,
    Platform.EVENT,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.UPDATE,
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, which exist whether or not an entry is loaded."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PicoQwenConfigEntry) -> bool:
    """Connect to the server; try again later when it is not there."""
    client = PicoQwenClient(async_get_clientsession(hass), entry.data[CONF_URL], entry.data.get(CONF_API_KEY))
    coordinator = PicoQwenCoordinator(hass, entry, client)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    # Ahead of the agents, which may use them.
    for unregister in async_register_apis(hass, entry):
        entry.async_on_unload(unregister)
    entry.async_on_unload(lambda: async_desk(hass).forget(entry.entry_id))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_async_reload))

    @callback
    def check() -> None:
        issues.async_check(hass, entry)

    entry.async_on_unload(coordinator.async_add_listener(check))
    check()
    coordinator.async_listen()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PicoQwenConfigEntry) -> bool:
    """Remove the entities and what was complained of."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        issues.async_clear(hass, entry)
    return unloaded


async def _async_reload(hass: HomeAssistant, entry: PicoQwenConfigEntry) -> None:
    """Changed agents come and go by a reload."""
    await hass.config_entries.async_reload(entry.entry_id)
