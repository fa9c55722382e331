"""To-do lists of the demo house."""

from itertools import count
from typing import Any

from homeassistant.components.todo import TodoItem, TodoItemStatus, TodoListEntity, TodoListEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoHouseEntry
from .entity import DemoEntity
from .plan import PlannedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoHouseEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the lists of the plan."""
    async_add_entities(DemoList(planned) for planned in entry.runtime_data.of("todo"))


class DemoList(DemoEntity, TodoListEntity):
    """A list of items in the order in which they were added."""

    _attr_supported_features = (
        TodoListEntityFeature.CREATE_TODO_ITEM
        | TodoListEntityFeature.UPDATE_TODO_ITEM
        | TodoListEntityFeature.DELETE_TODO_ITEM
    )

    def __init__(self, planned: PlannedEntity) -> None:
        """Start with the items of the plan."""
        super().__init__(planned)
        self._numbers = count(1)
        self._attr_todo_items = [self._new(TodoItem(summary=item)) for item in planned.settings["items"]]

    @property
    def extra_state_attributes(self) -> dict[str, Any]:
        """The open items, so that a change of the list can be seen in its state."""
        return {"open_items": [each.summary for each in self.todo_items or () if each.status != "completed"]}

    async def async_create_todo_item(self, item: TodoItem) -> None:
        """Add an item."""
        self._attr_todo_items = [*(self.todo_items or ()), self._new(item)]
        self.async_write_ha_state()

    async def async_update_todo_item(self, item: TodoItem) -> None:
        """Change an item, usually to completed."""
        self._attr_todo_items = [item if old.uid == item.uid else old for old in self.todo_items or ()]
        self.async_write_ha_state()

    async def async_delete_todo_items(self, uids: list[str]) -> None:
        """Remove items."""
        self._attr_todo_items = [item for item in self.todo_items or () if item.uid not in uids]
        self.async_write_ha_state()

    def _new(self, item: TodoItem) -> TodoItem:
        item.uid = str(next(self._numbers))
        item.status = item.status or TodoItemStatus.NEEDS_ACTION
        return item
