"""The demo house: reads house.yaml beside configuration.yaml and makes its rooms and devices.

The devices live in memory and behave like real ones: covers take their time, a lamp remembers its
brightness. For trying Pico-Qwen out and for its end-to-end tests; it is not part of the integration.
"""

from pathlib import Path

from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS
from .furnish import furnish
from .plan import Plan, read_plan

type DemoHouseEntry = ConfigEntry[Plan]

CONFIG_SCHEMA = cv.empty_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Make the one config entry at the first start."""
    if DOMAIN in config and not hass.config_entries.async_entries(DOMAIN):
        hass.async_create_task(
            hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IMPORT}, data={})
        )
    return True


async def async_setup_entry(hass: HomeAssistant, entry: DemoHouseEntry) -> bool:
    """Furnish the house and set up its devices."""
    entry.runtime_data = await hass.async_add_executor_job(read_plan, Path(hass.config.path("house.yaml")))
    furnish(hass, entry, entry.runtime_data)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: DemoHouseEntry) -> bool:
    """Take the devices away; rooms and names stay in the registries."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
