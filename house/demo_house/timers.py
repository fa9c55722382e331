"""The timers of a voice satellite of the demo house, told as the state of a sensor."""

from typing import TYPE_CHECKING

from homeassistant.components.intent import TimerEventType, TimerInfo, async_register_timer_handler
from homeassistant.components.intent.const import TIMER_DATA
from homeassistant.components.intent.timers import TimerManager
from homeassistant.components.sensor import SensorEntity
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .plan import Satellite

if TYPE_CHECKING:
    from . import DemoHouseEntry

ROUNDED_TO = 10


class DemoTimers(SensorEntity):
    """ "pasta 540, 600 paused", or "none"; seconds are rounded, since time passes while one looks."""

    _attr_should_poll = False
    _attr_native_value = "none"

    def __init__(self, entry: "DemoHouseEntry", satellite: Satellite) -> None:
        """A satellite that keeps timers."""
        self._entry, self._satellite = entry, satellite
        self._timers: dict[str, TimerInfo] = {}
        self._attr_unique_id = f"{satellite.id}_timers"
        self._attr_name = f"{satellite.name} timers"
        self.entity_id = f"sensor.{satellite.id}_timers"

    async def async_added_to_hass(self) -> None:
        """Offer to keep timers, as a voice satellite does."""
        device = dr.async_get(self.hass).async_get_device_by_identifier(
            (DOMAIN, self._satellite.id), self._entry.entry_id
        )
        assert device is not None
        self.async_on_remove(async_register_timer_handler(self.hass, device.id, self._heard))

    async def async_will_remove_from_hass(self) -> None:
        """Stop the timers, which Home Assistant keeps apart from the satellite."""
        manager: TimerManager = self.hass.data[TIMER_DATA]
        for timer_id in [timer_id for timer_id in self._timers if timer_id in manager.timers]:
            manager.cancel_timer(timer_id)

    @callback
    def _heard(self, event: TimerEventType, timer: TimerInfo) -> None:
        if event in (TimerEventType.CANCELLED, TimerEventType.FINISHED):
            self._timers.pop(timer.id, None)
        else:
            self._timers[timer.id] = timer
        self._attr_native_value = ", ".join(map(_told, self._timers.values())) or "none"
        self.async_write_ha_state()


def _told(timer: TimerInfo) -> str:
    seconds = round(timer.seconds_left / ROUNDED_TO) * ROUNDED_TO
    parts = [timer.name or "", str(seconds), "" if timer.is_active else "paused"]
    return " ".join(part for part in parts if part)
