"""The one config entry of the demo house, made from configuration.yaml."""

from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from .const import DOMAIN


class DemoHouseConfigFlow(ConfigFlow, domain=DOMAIN):
    """Make the entry; there is nothing to ask."""

    async def async_step_import(self, import_data: dict[str, Any]) -> ConfigFlowResult:
        """Make the entry once."""
        await self.async_set_unique_id(DOMAIN)
        self._abort_if_unique_id_configured()
        return self.async_create_entry(title="Demo house", data=import_data)
