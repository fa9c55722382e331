"""The connections to the server: how many there may be, and which have been silent for too long.

Beyond max_connections a few more are let in, so that health answers a watchdog in a crowd; their other
requests are refused with 503. Everyone after that is refused before anything is read.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

# Let in beyond the limit, to be told so, or for health.
SPARE = 32
# A connection without a whole request: since it was made, or since its last answer.
SILENT_SECONDS = 20.0
_SWEEP_SECONDS = 1.0
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
)
_BODY = (
    b'{"error": {"message": "too many connections; try again later", "type": "server_error", '
    b'"code": "too_many_connections"}}'
)


class Connections:
    """Counts connections and remembers since when each has been silent."""

    def __init__(self, limit: Callable[[], int], silent_seconds: float = SILENT_SECONDS) -> None:
        self._limit = limit
        self._silent_seconds = silent_seconds
        self._server: web.Server | None = None
        # By protocol: requests being answered, and when the last one ended.
        self._active: dict[Any, int] = {}
        self._since: dict[Any, float] = {}
        self._beyond: set[Any] = set()
        self.refused = 0

    @property
    def count(self) -> int:
        """Open connections."""
        return len(self._server.connections) if self._server is not None else 0

    def is_beyond(self, protocol: Any) -> bool:
        """Whether this connection was one too many, and there still are too many."""
        if protocol in self._beyond and self.count <= self._limit():
            self._beyond.discard(protocol)
        return protocol in self._beyond

    def factory(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """Makes the protocol of each new connection."""
        self._server = server

        def make() -> asyncio.Protocol:
            if self.count >= self._limit() + SPARE:
                self.refused += 1
                return _Refusal()
            protocol = server()
            if self.count >= self._limit():
                self._beyond.add(protocol)
            self._since[protocol] = time.monotonic()
            return protocol

        return make

    def begin(self, protocol: Any) -> None:
        """A request has come over this connection."""
        self._active[protocol] = self._active.get(protocol, 0) + 1

    def end(self, protocol: Any) -> None:
        """It has been answered."""
        left = self._active.pop(protocol, 1) - 1
        if left > 0:
            self._active[protocol] = left
        self._since[protocol] = time.monotonic()

    async def sweep(self) -> None:
        """Close what is silent, for ever: slow senders of headers, and what nobody uses any more."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            alive = set(self._server.connections) if self._server is not None else set()
            for protocol in [each for each in self._since if each not in alive]:
                # A connection that has just been made is not listed before its first bytes.
                if now - self._since[protocol] > self._silent_seconds:
                    del self._since[protocol]
                    self._beyond.discard(protocol)
            for protocol in alive:
                silent = now - self._since.setdefault(protocol, now)
                if not self._active.get(protocol) and silent > self._silent_seconds:
                    protocol.force_close()


class _Refusal(asyncio.Protocol):
    """Answers 503 and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            with suppress(OSError):
                transport.write(_REFUSAL % (len(_BODY), _BODY))
        transport.close()


class Site(web.BaseSite):
    """A TCP address whose connections are counted."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, connections: Connections) -> None:
        super().__init__(runner)
        self._host, self._port = host, port
        self._connections = connections

    @property
    def name(self) -> str:
        """The URL."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError."""
        await super().start()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner is not set up")
        factory = self._connections.factory(server)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(factory, self._host, self._port, backlog=1024)
