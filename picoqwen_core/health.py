"""How a provider is, as far as its answers and light probes tell; who is asked is decided in hybrid.py."""

import math
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

type Condition = Literal["healthy", "degraded", "unavailable"]

# So many failures in a row, and it is left alone for a while; at once where it says that it will not do.
FAILURES_TO_OPEN = 2
# Seconds for which it is left alone, doubled each time; a fifth more or less, lest all come back at once.
FIRST_PAUSE, LONGEST_PAUSE, JITTER = 5.0, 300.0, 0.2
# How much the newest answer counts in the averages.
_WEIGHT = 0.25
_DEGRADED_SHARE = 0.2
_KEPT_LATENCIES = 100


class Vitals:
    """The health of one provider: a circuit breaker, and averages that fade."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, rng: random.Random | None = None) -> None:
        """clock: seconds that never go back; rng: where jitter comes from."""
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._in_a_row = 0
        self._pauses = 0
        self._closed_until: float | None = None
        self._banned_until = 0.0
        self._trying = False
        self._failure_share = 0.0
        self._latencies: deque[float] = deque(maxlen=_KEPT_LATENCIES)
        self.latency: float | None = None
        self.error: str | None = None
        self.answers = self.failures = 0
        self.last_seen: float | None = None

    @property
    def condition(self) -> Condition:
        """Unavailable while it is left alone, degraded while failures are fresh."""
        now = self._clock()
        if self._closed_until is not None or now < self._banned_until:
            return "unavailable"
        return "degraded" if self._failure_share > _DEGRADED_SHARE else "healthy"

    @property
    def banned_seconds(self) -> float:
        """How long it still does not want to be asked (Retry-After)."""
        return max(0.0, self._banned_until - self._clock())

    @property
    def p95(self) -> float | None:
        """The time to the first piece of an answer that 19 of the last 20 kept to, in seconds."""
        ranked = sorted(self._latencies)
        return ranked[math.ceil(0.95 * len(ranked)) - 1] if ranked else None

    def may_try(self) -> bool:
        """Whether it may be asked now; after a pause by one request at a time, until one succeeds."""
        now = self._clock()
        if now < self._banned_until:
            return False
        return self._closed_until is None or (now >= self._closed_until and not self._trying)

    def begin(self) -> None:
        """It is being asked."""
        self._trying = True

    def left(self) -> None:
        """Whoever asked did not wait for the end, which says nothing."""
        self._trying = False

    def succeeded(self, latency: float, used_up_for: float | None = None) -> None:
        """It answered, beginning after so many seconds; used_up_for: seconds in which it will refuse more."""
        self._trying = False
        self._in_a_row = self._pauses = 0
        self._closed_until, self._banned_until, self.error = None, 0.0, None
        self._failure_share *= 1 - _WEIGHT
        self._latencies.append(latency)
        self.latency = latency if self.latency is None else self.latency + _WEIGHT * (latency - self.latency)
        self.answers += 1
        self.last_seen = self._clock()
        self._banned_until = self.last_seen + min(used_up_for or 0.0, LONGEST_PAUSE)

    def failed(self, error: str, *, retry_after: float | None = None, final: bool = False) -> None:
        """It did not; final: asking again soon will not help, such as with a wrong key."""
        now = self._clock()
        again = self._closed_until is not None
        self._trying = False
        self.error = error
        self.failures += 1
        self.last_seen = now
        self._in_a_row += 1
        self._failure_share += _WEIGHT * (1 - self._failure_share)
        if retry_after is not None:
            self._banned_until = now + min(retry_after, LONGEST_PAUSE)
        elif final or again or self._in_a_row >= FAILURES_TO_OPEN:
            pause = min(FIRST_PAUSE * 2**self._pauses, LONGEST_PAUSE)
            self._pauses = min(self._pauses + 1, 16)
            self._closed_until = now + pause * (1 + self._rng.uniform(-JITTER, JITTER))

    def probed(self, error: str | None, *, final: bool = False) -> None:
        """A probe reached it, or did not; one that did makes way for a request, which is the real proof."""
        self.last_seen = self._clock()
        if error is not None:
            self.failed(error, final=final)
        elif self._closed_until is not None:
            self._closed_until = self._clock()

    def as_json(self) -> dict[str, Any]:
        """For the health endpoint."""
        return {
            "condition": self.condition,
            "error": self.error,
            "latency_ms": None if self.latency is None else round(self.latency * 1000, 1),
            "latency_p95_ms": None if self.p95 is None else round(self.p95 * 1000, 1),
            "answers": self.answers,
            "failures": self.failures,
            "retry_after_s": round(self.banned_seconds, 1),
        }
