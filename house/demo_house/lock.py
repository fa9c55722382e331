"""Locks of the demo house."""

from typing import Any

from homeassistant.components.lock import LockEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .const import TRAVEL_SECONDS
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the locks of the plan."""
    async_add_entities(DemoLock(planned) for planned in entry.runtime_data.of("lock"))


class DemoLock(DemoEntity, LockEntity):
    """A lock with a motor."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Start locked or not as the plan says."""
        super().__init__(planned)
        self._rest(locked=planned.settings["locked"])

    async def async_lock(self, **kwargs: Any) -> None:
        """Lock."""
        self._attr_is_locking = True
        self._later(TRAVEL_SECONDS / 2, lambda: self._rest(locked=True))

    async def async_unlock(self, **kwargs: Any) -> None:
        """Unlock."""
        self._attr_is_unlocking = True
        self._later(TRAVEL_SECONDS / 2, lambda: self._rest(locked=False))

    def _rest(self, *, locked: bool) -> None:
        self._attr_is_locked = locked
        self._attr_is_locking = self._attr_is_unlocking = False
