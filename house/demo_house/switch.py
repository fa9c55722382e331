"""Switches of the demo house."""

from typing import Any

from homeassistant.components.switch import SwitchDeviceClass, SwitchEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switches of the plan."""
    async_add_entities(DemoSwitch(planned) for planned in entry.runtime_data.of("switch"))


class DemoSwitch(DemoEntity, SwitchEntity):
    """A switch or a socket."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Start as the plan says, by default off."""
        super().__init__(planned)
        self._attr_device_class = SwitchDeviceClass(planned.settings.get("device_class", "switch"))
        self._attr_is_on = planned.settings.get("on", False)

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn on."""
        self._attr_is_on = True
        self.async_write_ha_state()

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn off."""
        self._attr_is_on = False
        self.async_write_ha_state()
