"""What the tools that come with the server are made of: settings, a clock, a way to the network."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp


async def addresses_of(host: str, port: int) -> list[str]:
    """All addresses of a host, as the machine resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=6)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Settings and seams. `session` gives the client session that is open while the server runs.

    search: "duckduckgo" or "searxng"; allowed_hosts: host[:port] of this network that pages may be read from
    in spite of their addresses; notes: the file of notes, None for memory only.
    """

    session: Callable[[], "aiohttp.ClientSession"] | None = None
    search: str = "duckduckgo"
    searxng_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    notes: Path | None = None
    now: Callable[[], float] = time.time
    resolve: Callable[..., Any] = field(default=addresses_of)
