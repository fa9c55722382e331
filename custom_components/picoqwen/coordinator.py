"""What is known of a server: asked for every half minute, and learned from each answer."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .client import PicoQwenClient
from .const import BUILT_IN_MODEL, DOMAIN, UPDATE_INTERVAL
from .errors import PicoQwenAuthError, PicoQwenError, PicoQwenUnsupportedError
from .measure import Measurement
from .push import listen

_LOGGER = logging.getLogger(__name__)

REFRESH_COOLDOWN = 1.0

type PicoQwenConfigEntry = ConfigEntry[PicoQwenCoordinator]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the server can be asked for."""

    id: str
    loaded: bool = False
    built_in: bool = False
    # Always loaded: the server refuses to unload it.
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server as it was at the last look; `health` is its answer as it came."""

    version: str
    status: str
    models: tuple[Model, ...]
    health: dict[str, Any] = field(default_factory=dict)
    # The server's counters; a server that does not count has none.
    counters: dict[str, Any] = field(default_factory=dict)

    @property
    def engines(self) -> list[dict[str, Any]]:
        """The workers, one for each model."""
        return _dicts(self.health.get("engines"))

    @property
    def memory_mb(self) -> float | None:
        """What the server and its engines hold together; None where it does not say."""
        sizes = [self.health.get("api_rss_mb"), *(engine.get("rss_mb") for engine in self.engines)]
        known = [size for size in sizes if isinstance(size, int | float)]
        return round(sum(known), 1) if known else None

    @property
    def queue(self) -> int | None:
        """How many requests wait for an engine; None where the server does not say."""
        waits = [each.get("queued") for each in _dicts(self.counters.get("engines"))]
        known = [each for each in waits if isinstance(each, int)]
        return sum(known) if known else None

    @property
    def upstreams(self) -> list[dict[str, Any]]:
        """The servers elsewhere that this one may ask, with how they fare."""
        hybrid = self.health.get("hybrid")
        providers = _dicts(hybrid.get("providers")) if isinstance(hybrid, dict) else []
        return [each for each in providers if each.get("name") != "local"]

    @property
    def cost_this_month(self) -> float | None:
        """What answers from elsewhere have cost, in dollars; None where the server cannot read its books.

        A server that keeps no books has nobody to pay.
        """
        hybrid = self.health.get("hybrid")
        budget = hybrid.get("budget") if isinstance(hybrid, dict) else None
        if not isinstance(budget, dict):
            return 0.0
        spent = budget.get("spent_this_month")
        return float(spent) if isinstance(spent, int | float) else None

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
            # Events come in crowds; the default would show them ten seconds late.
            request_refresh_debouncer=Debouncer(
                hass, _LOGGER, cooldown=REFRESH_COOLDOWN, immediate=True, background=True
            ),
        )
        self.client = client
        self.last: Measurement | None = None
        # Each agent's way to prime the server; agents come and go with their entities.
        self.primers: list[Callable[[], Awaitable[None]]] = []
        # What is asked for where an agent leaves it open: set by the selects, None is the server's choice.
        self.default_model: str | None = None
        self.default_routing: str | None = None

    @override
    async def _async_update_data(self) -> ServerState:
        """Ask for the models, which needs the key, and for the health."""
        try:
            models = await self.client.models()
            health = await self.client.health()
            counters = await self._counters()
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
            counters=counters,
        )

    async def _counters(self) -> dict[str, Any]:
        """The server's counters, which older servers do not have. Raises PicoQwenError."""
        try:
            return await self.client.status()
        except PicoQwenUnsupportedError:
            return {}

    @callback
    def async_listen(self) -> None:
        """Let the server tell what changes."""
        self.config_entry.async_create_background_task(
            self.hass, listen(self.hass, self), f"events of {self.name}"
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
            pinned=bool(each.get("pinned")),
        )
        for each in data
        if each.get("id")
    ]


def _dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a list that came as JSON."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
