"""The requests that wait for a thread to answer them, the most urgent first, and those that are answered."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from picoqwen_core.errors import BusyError

_ORDER = {"voice": 0, "chat": 1, "background": 2}


@dataclass(slots=True, eq=False)
class Job:
    """A request as it came over the wire; `cancelled` is set from the reader thread."""

    id: int
    op: Literal["chat", "generate", "score", "prime", "tokenize", "detokenize"]
    request: dict[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> int:
        """Its place in the queue, before all that came earlier with a higher one."""
        return _ORDER[self.request.get("priority", "chat")]


class JobQueue:
    """Filled by the reader thread, emptied by threads that answer."""

    def __init__(self, limit: int) -> None:
        """limit: most jobs that wait, beside those that are worked on."""
        self._limit = limit
        self._waiting: list[Job] = []
        self._active: list[Job] = []
        self._idle = 0
        self._changed = threading.Condition()

    def add(self, job: Job) -> None:
        """Put a job behind those that are as urgent; BusyError when the queue is full."""
        with self._changed:
            # Those that a thread is about to take do not wait.
            if len(self._waiting) >= self._limit + self._idle:
                raise BusyError(f"{len(self._waiting)} requests are waiting already; try again later")
            self._waiting.append(job)
            self._waiting.sort(key=lambda each: each.place)
            self._changed.notify()

    def take(self) -> Job:
        """Wait for the next job, which is active until it is done."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting)
            self._idle -= 1
            job = self._waiting.pop(0)
            self._active.append(job)
            return job

    def done(self, job: Job) -> None:
        """The job is answered."""
        with self._changed:
            self._active.remove(job)

    def cancel(self, number: int) -> None:
        """Drop a waiting job, or tell an active one; a finished one is past cancelling."""
        with self._changed:
            for job in self._active:
                if job.id == number:
                    job.cancelled.set()
            self._waiting = [job for job in self._waiting if job.id != number]

    def counts(self) -> tuple[bool, int]:
        """Whether a job is worked on, and how many wait."""
        with self._changed:
            return bool(self._active), len(self._waiting)
