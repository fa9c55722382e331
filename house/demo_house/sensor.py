"""Sensors of the demo house: measurements that stay as the plan says."""

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity
from .timers import DemoTimers


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the plan."""
    async_add_entities(DemoSensor(planned) for planned in entry.runtime_data.of("sensor"))
    if entry.runtime_data.voice:
        async_add_entities(DemoTimers(entry, satellite) for satellite in entry.runtime_data.satellites)


class DemoSensor(DemoEntity, SensorEntity):
    """A measurement."""

    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(self, planned: PlannedEntity) -> None:
        """Show the value of the plan."""
        super().__init__(planned)
        self._attr_device_class = SensorDeviceClass(planned.settings["device_class"])
        self._attr_native_unit_of_measurement = planned.settings["unit"]
        self._attr_native_value = planned.settings["value"]
