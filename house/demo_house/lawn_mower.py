"""Lawn mowers of the demo house."""

from homeassistant.components.lawn_mower import LawnMowerActivity, LawnMowerEntity, LawnMowerEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add those of the plan."""
    async_add_entities(DemoMower(planned) for planned in entry.runtime_data.of("lawn_mower"))


class DemoMower(DemoEntity, LawnMowerEntity):
    """A robot that mows until it is sent home."""

    _attr_supported_features = LawnMowerEntityFeature.START_MOWING | LawnMowerEntityFeature.DOCK

    def __init__(self, planned: PlannedEntity) -> None:
        """Start in the dock, or as the plan says."""
        super().__init__(planned)
        self._attr_activity = LawnMowerActivity(planned.settings.get("state", "docked"))

    async def async_start_mowing(self) -> None:
        """Mow."""
        self._attr_activity = LawnMowerActivity.MOWING
        self.async_write_ha_state()

    async def async_dock(self) -> None:
        """Be home at once."""
        self._attr_activity = LawnMowerActivity.DOCKED
        self.async_write_ha_state()
