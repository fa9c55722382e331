"""Valves of the demo house."""

from homeassistant.components.valve import ValveDeviceClass, ValveEntity, ValveEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .const import TRAVEL_SECONDS
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the valves of the plan."""
    async_add_entities(DemoValve(planned) for planned in entry.runtime_data.of("valve"))


class DemoValve(DemoEntity, ValveEntity):
    """A water valve, open or closed."""

    _attr_reports_position = False
    _attr_supported_features = ValveEntityFeature.OPEN | ValveEntityFeature.CLOSE

    def __init__(self, planned: PlannedEntity) -> None:
        """Start open or closed as the plan says."""
        super().__init__(planned)
        self._attr_device_class = ValveDeviceClass(planned.settings["device_class"])
        self._rest(closed=not planned.settings["open"])

    async def async_open_valve(self) -> None:
        """Open."""
        self._attr_is_opening = True
        self._later(TRAVEL_SECONDS, lambda: self._rest(closed=False))

    async def async_close_valve(self) -> None:
        """Close."""
        self._attr_is_closing = True
        self._later(TRAVEL_SECONDS, lambda: self._rest(closed=True))

    def _rest(self, *, closed: bool) -> None:
        self._attr_is_closed = closed
        self._attr_is_opening = self._attr_is_closing = False
