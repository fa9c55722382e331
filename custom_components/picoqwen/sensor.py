"""What a server is doing, as sensors on its device: how fast it answers, what it holds, how it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfInformation, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from .coordinator import PicoQwenConfigEntry, PicoQwenCoordinator
from .entity import ServerEntity
from .measure import RUNGS

# Everything is read from the coordinator.
PARALLEL_UPDATES = 0
STATUSES = ("ok", "starting", "degraded")


@dataclass(frozen=True, kw_only=True)
class ServerSensorDescription(SensorEntityDescription):
    """A sensor and where its value stands."""

    value: Callable[[PicoQwenCoordinator], StateType]
    since: Callable[[], datetime] | None = None


def _last(name: str) -> Callable[[PicoQwenCoordinator], StateType]:
    """A figure of the last answer; unknown until there was one."""
    return lambda coordinator: getattr(coordinator.last, name, None)


def _status(coordinator: PicoQwenCoordinator) -> str | None:
    status = coordinator.data.status
    return status if status in STATUSES else None


def _rung(coordinator: PicoQwenCoordinator) -> str | None:
    """Who gave the last answer."""
    rung = coordinator.last.rung if coordinator.last else None
    return rung if rung in RUNGS else None


def _this_month() -> datetime:
    """Where a sum of this month began, so that long-term statistics add the months up."""
    return dt_util.start_of_local_day().replace(day=1)


SENSORS = (
    ServerSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=list(STATUSES),
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_status,
    ),
    ServerSensorDescription(
        key="loaded_models",
        translation_key="loaded_models",
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda coordinator: ", ".join(model.id for model in coordinator.data.models if model.loaded),
    ),
    ServerSensorDescription(
        key="time_to_first_token",
        translation_key="time_to_first_token",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_last("first_ms"),
    ),
    ServerSensorDescription(
        key="answer_time",
        translation_key="answer_time",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=_last("total_ms"),
    ),
    ServerSensorDescription(
        key="tokens_per_second",
        translation_key="tokens_per_second",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement="tokens/s",
        suggested_display_precision=1,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=_last("tokens_per_second"),
    ),
    ServerSensorDescription(
        key="cached_prompt",
        translation_key="cached_prompt",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=_last("cached_percent"),
    ),
    ServerSensorDescription(
        key="memory",
        translation_key="memory",
        device_class=SensorDeviceClass.DATA_SIZE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfInformation.MEGABYTES,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda coordinator: coordinator.data.memory_mb,
    ),
    ServerSensorDescription(
        key="queue",
        translation_key="queue",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda coordinator: coordinator.data.queue,
    ),
    ServerSensorDescription(
        key="cost_this_month",
        translation_key="cost_this_month",
        device_class=SensorDeviceClass.MONETARY,
        native_unit_of_measurement="USD",
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL,
        value=lambda coordinator: coordinator.data.cost_this_month,
        since=_this_month,
    ),
    ServerSensorDescription(
        key="rung",
        translation_key="rung",
        device_class=SensorDeviceClass.ENUM,
        options=list(RUNGS),
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_rung,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """All sensors of the server."""
    async_add_entities(ServerSensor(entry.runtime_data, description) for description in SENSORS)


class ServerSensor(ServerEntity, SensorEntity):
    """One figure."""

    entity_description: ServerSensorDescription

    @property
    @override
    def native_value(self) -> StateType:
        """The figure as it is now."""
        return self.entity_description.value(self.coordinator)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """When a sum began anew."""
        return self.entity_description.since() if self.entity_description.since else None
