"""Who watches the server: queues of events that are never waited for."""

import asyncio
from collections.abc import Mapping
from typing import Any

_MOST_WAITING = 256


class Watchers:
    """Hands each event to every watcher; one that does not keep up misses events."""

    def __init__(self) -> None:
        self.watchers: set[asyncio.Queue[Mapping[str, Any]]] = set()

    def watch(self) -> asyncio.Queue[Mapping[str, Any]]:
        """A queue that gets every event from now on; discard it from `watchers` at the end."""
        queue: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(_MOST_WAITING)
        self.watchers.add(queue)
        return queue

    def send(self, event: Mapping[str, Any]) -> None:
        """Never waits."""
        for queue in self.watchers:
            if not queue.full():
                queue.put_nowait(event)
