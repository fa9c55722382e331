"""Whether a server is older than the integration: both are released together, and belong together."""

from typing import override

from awesomeversion import AwesomeVersion
from homeassistant.components.update import UpdateEntity, UpdateEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.loader import async_get_integration

from .const import DOMAIN
from .coordinator import PicoQwenConfigEntry, PicoQwenCoordinator
from .entity import ServerEntity

PARALLEL_UPDATES = 0
SERVER = UpdateEntityDescription(
    key="server", translation_key="server", entity_category=EntityCategory.DIAGNOSTIC
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """The one update entity."""
    integration = await async_get_integration(hass, DOMAIN)
    async_add_entities([ServerUpdate(entry.runtime_data, integration.version)])


class ServerUpdate(ServerEntity, UpdateEntity):
    """On when the integration has a newer version than the server.

    The server is installed by the app's store, or by its owner, so there is nothing to install from here.
    """

    def __init__(self, coordinator: PicoQwenCoordinator, ours: AwesomeVersion | None) -> None:
        """ours: the integration's version."""
        super().__init__(coordinator, SERVER)
        self._ours = ours

    @property
    @override
    def installed_version(self) -> str | None:
        """The server's version."""
        return self.coordinator.data.version or None

    @property
    @override
    def latest_version(self) -> str | None:
        """The integration's version, or the server's where that is newer."""
        theirs = self.installed_version
        if theirs is None or self._ours is None:
            return theirs
        return str(max(AwesomeVersion(theirs), self._ours))
