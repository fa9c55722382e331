"""Whether a server can be reached, and whether it had to let others answer."""

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

CLOUD_FALLBACK = BinarySensorEntityDescription(
    key="cloud_fallback", translation_key="cloud_fallback", entity_category=EntityCategory.DIAGNOSTIC
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Both sensors."""
    coordinator = entry.runtime_data
    async_add_entities(
        [ConnectivitySensor(coordinator, CONNECTIVITY), FallbackSensor(coordinator, CLOUD_FALLBACK)]
    )


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


class FallbackSensor(ServerEntity, BinarySensorEntity):
    """On after an answer that came from a server elsewhere."""

    @property
    @override
    def is_on(self) -> bool | None:
        """Where the last answer came from; unknown before there was one."""
        last = self.coordinator.last
        return None if last is None or last.rung is None else last.rung == "cloud"

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str | None]:
        """Who it was, and why."""
        last = self.coordinator.last
        return {"provider": last.provider, "reason": last.reason} if last is not None else {}
