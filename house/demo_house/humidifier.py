"""Humidifiers of the demo house."""

from typing import Any

from homeassistant.components.humidifier import HumidifierEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add those of the plan."""
    async_add_entities(DemoHumidifier(planned) for planned in entry.runtime_data.of("humidifier"))


class DemoHumidifier(DemoEntity, HumidifierEntity):
    """A humidifier with a target."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Start as the plan says, by default off."""
        super().__init__(planned)
        self._attr_is_on = planned.settings.get("on", False)
        self._attr_target_humidity = planned.settings["target"]

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn on."""
        self._attr_is_on = True
        self.async_write_ha_state()

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn off."""
        self._attr_is_on = False
        self.async_write_ha_state()

    async def async_set_humidity(self, humidity: int) -> None:
        """Set the target in percent."""
        self._attr_target_humidity = humidity
        self.async_write_ha_state()
