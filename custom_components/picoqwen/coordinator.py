"""What is known of a server: asked for every half minute, and learned from each answer."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .client import PicoQwenClient
from .const import BUILT_IN_MODEL, DOMAIN, UPDATE_INTERVAL
from .errors import PicoQwenAuthError, PicoQwenError
from .measure import Measurement

_LOGGER = logging.getLogger(__name__)

type PicoQwenConfigEntry = ConfigEntry[PicoQwenCoordinator]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the server can be asked for."""

    id: str
    loaded: bool = False
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server as it was at the last look; `health` is its answer as it came."""

    version: str
    status: str
    models: tuple[Model, ...]
    health: dict[str, Any] = field(default_factory=dict)

    @property
    def engines(self) -> list[dict[str, Any]]:
        """The workers, one for each model."""
        engines = self.health.get("engines")
        return [each for each in engines if isinstance(each, dict)] if isinstance(engines, list) else []

    @property
    def memory_mb(self) -> float | None:
        """What the server and its engines hold together; None where it does not say."""
        sizes = [self.health.get("api_rss_mb"), *(engine.get("rss_mb") for engine in self.engines)]
        known = [size for size in sizes if isinstance(size, int | float)]
        return round(sum(known), 1) if known else None

    def free_text_model(self) -> str | None:
        """The first model that writes texts, None where there is only the built-in one."""
        return next((model.id for model in self.models if not model.built_in), None)


class PicoQwenCoordinator(DataUpdateCoordinator[ServerState]):
    """Looks at one server; its entities and agents share the client."""

    config_entry: PicoQwenConfigEntry

    def __init__(self, hass: HomeAssistant, entry: PicoQwenConfigEntry, client: PicoQwenClient) -> None:
        """Nothing is asked yet."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=UPDATE_INTERVAL,
            always_update=False,
        )
        self.client = client
        self.last: Measurement | None = None
        # Each agent's way to prime the server; agents come and go with their entities.
        self.primers: list[Callable[[], Awaitable[None]]] = []

    @override
    async def _async_update_data(self) -> ServerState:
        """Ask for the models, which needs the key, and for the health."""
        try:
            models = await self.client.models()
            health = await self.client.health()
        except PicoQwenAuthError as err:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key="invalid_auth") from err
        except PicoQwenError as err:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="not_ready",
                translation_placeholders={"error": str(err)},
            ) from err
        return ServerState(
            version=str(health.get("version", "")),
            status=str(health.get("status", "")),
            models=tuple(models_of(models)),
            health=health,
        )

    async def async_prime_agents(self) -> None:
        """Let the server read what the requests of each agent begin with. Raises PicoQwenError."""
        for prime in self.primers:
            await prime()

    @callback
    def async_measured(self, measurement: Measurement) -> None:
        """Take note of an answer, and let the entities show it."""
        self.last = measurement
        self.async_update_listeners()


def models_of(data: list[dict[str, Any]]) -> list[Model]:
    """The models in a server's list; one that has no id cannot be asked for."""
    return [
        Model(
            id=str(each["id"]),
            loaded=bool(each.get("loaded")),
            # What is not loaded yet does not tell; the name does.
            built_in=bool(each.get("built_in")) or each["id"] == BUILT_IN_MODEL,
        )
        for each in data
        if each.get("id")
    ]
