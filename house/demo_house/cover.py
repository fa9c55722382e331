"""Blinds, curtains, awnings and the garage door of the demo house."""

from typing import Any

from homeassistant.components.cover import ATTR_POSITION, CoverDeviceClass, CoverEntity, CoverEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .const import TRAVEL_SECONDS
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the covers of the plan."""
    async_add_entities(DemoCover(planned) for planned in entry.runtime_data.of("cover"))


class DemoCover(DemoEntity, CoverEntity):
    """A cover with a motor: it is opening or closing until it arrives."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Start at the position of the plan, in percent open."""
        super().__init__(planned)
        self._attr_device_class = CoverDeviceClass(planned.settings["device_class"])
        self._attr_supported_features = (
            CoverEntityFeature.OPEN | CoverEntityFeature.CLOSE | CoverEntityFeature.STOP
        )
        if self._attr_device_class is not CoverDeviceClass.GARAGE:
            self._attr_supported_features |= CoverEntityFeature.SET_POSITION
        self._rest_at(planned.settings["position"])

    async def async_open_cover(self, **kwargs: Any) -> None:
        """Open fully."""
        self._move_to(100)

    async def async_close_cover(self, **kwargs: Any) -> None:
        """Close fully."""
        self._move_to(0)

    async def async_set_cover_position(self, **kwargs: Any) -> None:
        """Move to a position in percent open."""
        self._move_to(kwargs[ATTR_POSITION])

    async def async_stop_cover(self, **kwargs: Any) -> None:
        """Stop where it is; the motor counts as half way."""
        if self._travel is not None:
            self._stop_travel()
            self._rest_at(50)
            self.async_write_ha_state()

    def _move_to(self, position: int) -> None:
        assert self._attr_current_cover_position is not None
        self._attr_is_opening = position > self._attr_current_cover_position
        self._attr_is_closing = position < self._attr_current_cover_position
        self._later(TRAVEL_SECONDS, lambda: self._rest_at(position))

    def _rest_at(self, position: int) -> None:
        self._attr_current_cover_position = position
        self._attr_is_closed = position == 0
        self._attr_is_opening = self._attr_is_closing = False
