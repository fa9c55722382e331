"""Token buckets: how often each caller may ask."""

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CALLERS = 10_000


class TokenBuckets:
    """A bucket for each caller: it holds a minute's worth of requests and fills evenly."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, per_minute: int) -> float:
        """Take one token; 0.0 where there was one, else the seconds until there is."""
        now = self._clock()
        tokens, then = self._buckets.pop(caller, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + max(0.0, now - then) * per_minute / 60)
        granted = tokens >= 1
        self._buckets[caller] = (tokens - 1 if granted else tokens, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) * 60 / per_minute
