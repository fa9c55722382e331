"""What all devices of the demo house have in common."""

from collections.abc import Callable
from datetime import datetime

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.event import async_call_later

from .plan import PlannedEntity


class DemoEntity(Entity):
    """A device that lives in memory; subclasses read their first state from `planned.settings`."""

    _attr_should_poll = False
    _travel: CALLBACK_TYPE | None = None

    def __init__(self, planned: PlannedEntity) -> None:
        """Take name and identity from the plan."""
        self._attr_unique_id = planned.object_id
        self._attr_name = planned.name

    @callback
    def _later(self, seconds: float, arrive: Callable[[], None]) -> None:
        """Call `arrive` and write the state after `seconds`, unless another movement starts first."""

        @callback
        def arrived(_now: datetime) -> None:
            self._travel = None
            arrive()
            self.async_write_ha_state()

        self._stop_travel()
        self._travel = async_call_later(self.hass, seconds, arrived)
        self.async_write_ha_state()

    @callback
    def _stop_travel(self) -> None:
        if self._travel is not None:
            self._travel()
            self._travel = None

    async def async_will_remove_from_hass(self) -> None:
        """Leave no timer behind."""
        self._stop_travel()
