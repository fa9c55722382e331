"""What agents ask for that leave it open: the model, and where answers may come from. Kept over restarts."""

from abc import abstractmethod
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import RestoreEntity

from .const import ROUTINGS
from .coordinator import PicoQwenConfigEntry
from .entity import ServerEntity

PARALLEL_UPDATES = 0
# Nothing is asked for: the server chooses.
SERVER = "server"
MODEL = SelectEntityDescription(key="model", translation_key="model", entity_category=EntityCategory.CONFIG)
ROUTING = SelectEntityDescription(
    key="routing", translation_key="routing", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Both selects."""
    coordinator = entry.runtime_data
    async_add_entities([ModelSelect(coordinator, MODEL), RoutingSelect(coordinator, ROUTING)])


class DefaultSelect(ServerEntity, RestoreEntity, SelectEntity):
    """A choice that Home Assistant keeps, and sends along."""

    @property
    @override
    def available(self) -> bool:
        """It can be made while the server is away, and is still in force then."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Take up what was chosen last."""
        await super().async_added_to_hass()
        last = await self.async_get_last_state()
        if last is not None and last.state in self.options:
            self._choose(last.state)

    @override
    async def async_select_option(self, option: str) -> None:
        """Choose."""
        self._choose(option)
        self.async_write_ha_state()

    @abstractmethod
    def _choose(self, option: str) -> None:
        """Keep the choice where requests are made."""


class ModelSelect(DefaultSelect):
    """The model of agents that have none of their own."""

    @property
    @override
    def options(self) -> list[str]:
        """The server's models; one that was chosen and has gone stays in sight."""
        chosen = self.coordinator.default_model
        models = [model.id for model in self.coordinator.data.models]
        return [SERVER, *models, *([chosen] if chosen is not None and chosen not in models else [])]

    @property
    @override
    def current_option(self) -> str:
        """The choice."""
        return self.coordinator.default_model or SERVER

    @override
    def _choose(self, option: str) -> None:
        self.coordinator.default_model = None if option == SERVER else option


class RoutingSelect(DefaultSelect):
    """Where answers may come from, for agents that do not say."""

    _attr_options = [SERVER, *ROUTINGS]  # noqa: RUF012  # as Home Assistant's classes have it

    @property
    @override
    def current_option(self) -> str:
        """The choice."""
        return self.coordinator.default_routing or SERVER

    @override
    def _choose(self, option: str) -> None:
        self.coordinator.default_routing = None if option == SERVER else option
