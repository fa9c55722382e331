"""Binary sensors of the demo house: contacts and detectors that stay as the plan says."""

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the contacts and detectors of the plan."""
    async_add_entities(DemoBinarySensor(planned) for planned in entry.runtime_data.of("binary_sensor"))


class DemoBinarySensor(DemoEntity, BinarySensorEntity):
    """A contact or detector."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Show the state of the plan."""
        super().__init__(planned)
        self._attr_device_class = BinarySensorDeviceClass(planned.settings["device_class"])
        self._attr_is_on = planned.settings["on"]
