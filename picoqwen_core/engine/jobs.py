"""The requests that wait for the engine thread, oldest first, and the one it works on."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from picoqwen_core.errors import BusyError


@dataclass(slots=True, eq=False)
class Job:
    """A request as it came over the wire; `cancelled` is set from the reader thread."""

    id: int
    op: Literal["chat", "generate", "score"]
    request: dict[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)


class JobQueue:
    """Filled by the reader thread, emptied by the engine thread."""

    def __init__(self, limit: int) -> None:
        """limit: most jobs that wait, beside the one that is worked on."""
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._active: Job | None = None
        self._changed = threading.Condition()

    def add(self, job: Job) -> None:
        """Put a job at the end; BusyError when the queue is full."""
        with self._changed:
            if len(self._waiting) >= self._limit:
                raise BusyError(f"{len(self._waiting)} requests are waiting already; try again later")
            self._waiting.append(job)
            self._changed.notify()

    def take(self) -> Job:
        """Wait for the next job; it is the active one until the next call."""
        with self._changed:
            self._active = None
            self._changed.wait_for(lambda: self._waiting)
            self._active = self._waiting.popleft()
            return self._active

    def cancel(self, number: int) -> None:
        """Drop a waiting job, or tell the active one; a finished one is past cancelling."""
        with self._changed:
            if self._active is not None and self._active.id == number:
                self._active.cancelled.set()
            self._waiting = deque(job for job in self._waiting if job.id != number)

    def counts(self) -> tuple[bool, int]:
        """Whether a job is worked on, and how many wait."""
        with self._changed:
            return self._active is not None, len(self._waiting)
