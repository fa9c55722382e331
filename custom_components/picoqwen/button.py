"""Buttons of a server: prime its agents, give back the memory of the models that are not needed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import PicoQwenConfigEntry, PicoQwenCoordinator
from .entity import ServerEntity
from .errors import PicoQwenError

# One at a time: what they start is heavy work for the server.
PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class ServerButtonDescription(ButtonEntityDescription):
    """A button and what it does."""

    press: Callable[[PicoQwenCoordinator], Awaitable[None]]


async def _prime(coordinator: PicoQwenCoordinator) -> None:
    await coordinator.async_prime_agents()


async def _unload(coordinator: PicoQwenCoordinator) -> None:
    """The built-in model stays: it is small, and the home's first answer depends on it. So does a model that
    the server always keeps.
    """
    for model in coordinator.data.models:
        if model.loaded and not (model.built_in or model.pinned):
            await coordinator.client.unload_model(model.id)
    await coordinator.async_request_refresh()


BUTTONS = (
    ServerButtonDescription(
        key="prime", translation_key="prime", entity_category=EntityCategory.DIAGNOSTIC, press=_prime
    ),
    ServerButtonDescription(
        key="unload_models",
        translation_key="unload_models",
        entity_category=EntityCategory.DIAGNOSTIC,
        press=_unload,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """All buttons of the server."""
    async_add_entities(ServerButton(entry.runtime_data, description) for description in BUTTONS)


class ServerButton(ServerEntity, ButtonEntity):
    """Something to do at the server."""

    entity_description: ServerButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it. Raises HomeAssistantError with the server's reason."""
        try:
            await self.entity_description.press(self.coordinator)
        except PicoQwenError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="action_failed",
                translation_placeholders={"action": str(self.name), "error": str(err)},
            ) from err
