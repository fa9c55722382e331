"""Events for automations, the logbook and statistics: one for each answer, one for each act of a model."""

from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .audit import Outcome, signal
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

ACTIONS = EventEntityDescription(
    key="actions", translation_key="actions", event_types=[str(each) for each in Outcome]
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """One for answers, one for acts."""
    coordinator = entry.runtime_data
    async_add_entities([AnswerEvent(coordinator, ANSWERS), ActionEvent(coordinator, ACTIONS)])


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


class ActionEvent(ServerEntity, EventEntity):
    """The audit log: who asked for what with which words, the tool that a model called, and what
    came of it.
    """

    @property
    @override
    def available(self) -> bool:
        """What was done stays done while the server is away."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Take the records."""
        await super().async_added_to_hass()
        entry = self.coordinator.config_entry
        self.async_on_remove(async_dispatcher_connect(self.hass, signal(entry.entry_id), self._acted))

    @callback
    def _acted(self, record: dict[str, Any]) -> None:
        self._trigger_event(
            record["outcome"], {key: value for key, value in record.items() if key != "outcome"}
        )
        self.async_write_ha_state()
