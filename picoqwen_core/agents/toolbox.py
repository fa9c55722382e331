"""What the tools that come with the server are made of: settings, a clock, a way to the network."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from picoqwen_core.errors import ConfigError


async def addresses_of(host: str, port: int) -> list[str]:
    """All addresses of a host, as the machine resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Settings and seams.

    search: "duckduckgo" or "searxng"; allowed_hosts: host[:port] of this network that pages may be read from
    in spite of their addresses; notes: the file of notes, None for memory only.
    """

    search: str = "duckduckgo"
    searxng_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    notes: Path | None = None
    now: Callable[[], float] = time.time
    resolve: Callable[..., Any] = field(default=addresses_of)

    def need(self, *libraries: str) -> None:
        """Raises ConfigError naming what is not installed."""
        missing = [library for library in libraries if find_spec(library) is None]
        if missing:
            raise ConfigError(f"{', '.join(missing)} is not installed; install picoqwen[agents]")
