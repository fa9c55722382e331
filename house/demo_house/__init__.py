"""The demo house: reads house.yaml beside configuration.yaml and makes its rooms and devices.

The devices live in memory and behave like real ones: covers take their time, a lamp remembers its
brightness. For trying Pico-Qwen out and for its end-to-end tests; it is not part of the integration.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, PLATFORMS, RARE_PLATFORMS
from .furnish import furnish
from .plan import Plan, read_plan, with_settings

type DemoHouseEntry = ConfigEntry[Plan]

SETTINGS: HassKey[Mapping[str, Mapping[str, Any]]] = HassKey(f"{DOMAIN}_settings")

CONFIG_SCHEMA = cv.empty_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Make the one config entry at the first start."""
    if DOMAIN in config and not hass.config_entries.async_entries(DOMAIN):
        hass.async_create_task(
            hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IMPORT}, data={})
        )

    async def reset(call: ServiceCall) -> None:
        """Put every device back to house.yaml, but for what `settings` says of some."""
        hass.data[SETTINGS] = call.data.get("settings", {})
        for entry in hass.config_entries.async_loaded_entries(DOMAIN):
            await hass.config_entries.async_reload(entry.entry_id)

    hass.services.async_register(DOMAIN, "reset", reset)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: DemoHouseEntry) -> bool:
    """Furnish the house and set up its devices."""
    plan = await hass.async_add_executor_job(read_plan, Path(hass.config.path("house.yaml")))
    entry.runtime_data = with_settings(plan, hass.data.get(SETTINGS, {}))
    furnish(hass, entry, entry.runtime_data)
    await hass.config_entries.async_forward_entry_setups(entry, _platforms(entry.runtime_data))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: DemoHouseEntry) -> bool:
    """Take the devices away; rooms and names stay in the registries."""
    return await hass.config_entries.async_unload_platforms(entry, _platforms(entry.runtime_data))


def _platforms(plan: Plan) -> list[Platform]:
    rare = [platform for platform in RARE_PLATFORMS if any(plan.of(platform))]
    return [*PLATFORMS, *rare, *([Platform.ASSIST_SATELLITE] if plan.voice else [])]
