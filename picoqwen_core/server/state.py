"""What the handlers share, kept in the aiohttp application."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from picoqwen_core.agents.registry import Registry
from picoqwen_core.config import Settings, Source
from picoqwen_core.hub.downloads import Downloads
from picoqwen_core.router import Router
from picoqwen_core.server.buckets import TokenBuckets
from picoqwen_core.server.connections import Connections
from picoqwen_core.server.counters import Metrics
from picoqwen_core.server.watchers import Watchers

if TYPE_CHECKING:
    from picoqwen_core.agents.mcp_client import McpClients


@dataclass(slots=True)
class State:
    """Built once, in app.py; only the settings are replaced, when they are read again."""

    settings: Settings
    router: Router
    downloads: Downloads | None = None
    # Where the settings came from, to read them again.
    source: Source | None = None
    # The tools that agents may use; other MCP servers' come and go.
    registry: Registry = field(default_factory=Registry)
    # More that is read again with the settings: read off the event loop, which may raise ConfigError; what
    # comes back lets it count, and names it where it has changed.
    rereads: list[Callable[[], Callable[[], str]]] = field(default_factory=list)
    # Set where the settings name other MCP servers.
    mcp_clients: "McpClients | None" = None
    metrics: Metrics = field(default_factory=Metrics)
    events: Watchers = field(default_factory=Watchers)
    buckets: TokenBuckets = field(default_factory=TokenBuckets)
    connections: Connections = field(init=False)
    # Why the settings could not be taken, where the server goes on without them (as_app.py).
    trouble: str | None = None
    # The newest lines of the log (log_tail.py).
    log: Sequence[str] = ()
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.connections = Connections(lambda: self.settings.max_connections)


STATE: web.AppKey[State] = web.AppKey("state", State)


def state_of(request: web.Request) -> State:
    """The state of the application that serves this request."""
    return request.app[STATE]
