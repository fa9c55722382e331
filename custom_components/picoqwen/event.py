"""An event for each answer, with what it took: for automations, the logbook and statistics."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PicoQwenConfigEntry, PicoQwenCoordinator
from .entity import ServerEntity
from .measure import Measurement

PARALLEL_UPDATES = 0
ANSWERED, FAILED = "answered", "failed"
ANSWERS = EventEntityDescription(
    key="answers",
    translation_key="answers",
    event_types=[ANSWERED, FAILED],
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """The one event entity."""
    async_add_entities([AnswerEvent(entry.runtime_data, ANSWERS)])


class AnswerEvent(ServerEntity, EventEntity):
    """Fires for each answer of an agent."""

    def __init__(self, coordinator: PicoQwenCoordinator, description: EventEntityDescription) -> None:
        """What was measured before has had its event, or will have none."""
        super().__init__(coordinator, description)
        self._seen: Measurement | None = coordinator.last

    @property
    @override
    def available(self) -> bool:
        """A failed answer is worth an event, above all when the server is away."""
        return True

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Fire when the news is a measurement, and not a look at the server."""
        measured = self.coordinator.last
        if measured is not None and measured is not self._seen:
            self._seen = measured
            self._trigger_event(FAILED if measured.error else ANSWERED, measured.as_dict())
        super()._handle_coordinator_update()
