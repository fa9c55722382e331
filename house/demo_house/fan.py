"""Fans of the demo house, with speeds or without."""

from typing import Any

from homeassistant.components.fan import FanEntity, FanEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity

FIRST_PERCENTAGE = 50


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the fans of the plan."""
    async_add_entities(DemoFan(planned) for planned in entry.runtime_data.of("fan"))


class DemoFan(DemoEntity, FanEntity):
    """A fan that remembers its speed while it is off; 100 percent where it knows no speeds."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Start turned off."""
        super().__init__(planned)
        self._attr_supported_features = FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF
        self._last_percentage = 100
        if planned.settings.get("speeds", False):
            self._attr_supported_features |= FanEntityFeature.SET_SPEED
            self._last_percentage = FIRST_PERCENTAGE
        self._attr_percentage = 0

    async def async_turn_on(
        self, percentage: int | None = None, preset_mode: str | None = None, **kwargs: Any
    ) -> None:
        """Turn on, at a new speed where one is given."""
        await self.async_set_percentage(self._last_percentage if percentage is None else percentage)

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn off."""
        await self.async_set_percentage(0)

    async def async_set_percentage(self, percentage: int) -> None:
        """Set the speed in percent; 0 turns off."""
        if percentage:
            self._last_percentage = percentage
        self._attr_percentage = percentage
        self.async_write_ha_state()
