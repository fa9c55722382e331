"""Whether a server can be reached."""

from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PicoQwenConfigEntry
from .entity import ServerEntity

PARALLEL_UPDATES = 0
CONNECTIVITY = BinarySensorEntityDescription(
    key="connectivity",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """The one sensor."""
    async_add_entities([ConnectivitySensor(entry.runtime_data, CONNECTIVITY)])


class ConnectivitySensor(ServerEntity, BinarySensorEntity):
    """On while the server answers."""

    @property
    @override
    def available(self) -> bool:
        """Its point is to tell of a server that is away."""
        return True

    @property
    @override
    def is_on(self) -> bool:
        """Whether the last look succeeded."""
        return self.coordinator.last_update_success
