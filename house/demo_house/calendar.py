"""Calendars of the demo house: every event of the plan is today, all day."""

from datetime import datetime, timedelta

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add those of the plan."""
    async_add_entities(DemoCalendar(planned) for planned in entry.runtime_data.of("calendar"))


class DemoCalendar(DemoEntity, CalendarEntity):
    """A calendar with events of today."""

    def __init__(self, planned: PlannedEntity) -> None:
        """Take the events from the plan."""
        super().__init__(planned)
        today = dt_util.now().date()
        self._events = [
            CalendarEvent(start=today, end=today + timedelta(days=1), summary=summary)
            for summary in planned.settings["events"]
        ]

    @property
    def event(self) -> CalendarEvent | None:
        """The first event."""
        return self._events[0] if self._events else None

    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Those that are not over before the beginning."""
        return [
            e for e in self._events if e.start_datetime_local < end_date and e.end_datetime_local > start_date
        ]
