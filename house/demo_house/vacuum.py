"""Vacuum cleaners of the demo house."""

from typing import Any

from homeassistant.components.vacuum import StateVacuumEntity, VacuumActivity, VacuumEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .const import TRAVEL_SECONDS
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the vacuums of the plan."""
    async_add_entities(DemoVacuum(planned) for planned in entry.runtime_data.of("vacuum"))


class DemoVacuum(DemoEntity, StateVacuumEntity):
    """A robot that cleans until it is stopped or sent home."""

    _attr_supported_features = (
        VacuumEntityFeature.STATE
        | VacuumEntityFeature.START
        | VacuumEntityFeature.PAUSE
        | VacuumEntityFeature.STOP
        | VacuumEntityFeature.RETURN_HOME
    )

    def __init__(self, planned: PlannedEntity) -> None:
        """Start in the dock."""
        super().__init__(planned)
        self._attr_activity = VacuumActivity(planned.settings.get("state", "docked"))

    async def async_start(self) -> None:
        """Clean."""
        self._become(VacuumActivity.CLEANING)

    async def async_pause(self) -> None:
        """Pause."""
        self._become(VacuumActivity.PAUSED)

    async def async_stop(self, **kwargs: Any) -> None:
        """Stop where it is."""
        self._become(VacuumActivity.IDLE)

    async def async_return_to_base(self, **kwargs: Any) -> None:
        """Drive home, and be docked a moment later."""
        self._attr_activity = VacuumActivity.RETURNING
        self._later(TRAVEL_SECONDS, lambda: self._become(VacuumActivity.DOCKED))

    def _become(self, activity: VacuumActivity) -> None:
        self._stop_travel()
        self._attr_activity = activity
        self.async_write_ha_state()
