"""Hedged requests: when a second provider is asked beside a slow first one, and which of the two is kept.

Who the two are, and what becomes of failures and money, is decided in hybrid.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from picoqwen_core.errors import PicoQwenError
from picoqwen_core.health import Vitals
from picoqwen_core.messages import ChatDelta

# So many answers, and its 95th percentile says something.
_SAMPLES = 5
# Nobody hears a shorter wait, and fast servers would be asked in vain for a jitter of the network.
_SHORTEST_SECONDS = 0.3

type Sleep = Callable[[float], Awaitable[None]]


def patience(vitals: Vitals, hedge: str) -> float | None:
    """Seconds without a first piece after which a second provider is asked; None where none is."""
    known = vitals.p95 if vitals.answers >= _SAMPLES else None
    degraded = vitals.condition == "degraded"
    if hedge == "off" or not (degraded or (hedge == "always" and known is not None)):
        return None
    return max(known or 0.0, _SHORTEST_SECONDS)


class Runner[T]:
    """One provider's answer, read by a task of its own until that is stopped."""

    def __init__(self, who: T, deltas: AsyncGenerator[ChatDelta]) -> None:
        self.who = who
        self.has_answered = False
        self.settled = asyncio.Event()
        self._came: asyncio.Queue[ChatDelta | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._read(deltas), name="a hedged request")

    async def deltas(self) -> AsyncGenerator[ChatDelta]:
        """Its answer. Raises what it raised."""
        while (delta := await self._came.get()) is not None:
            yield delta
        await self._task

    async def ended(self) -> None:
        """Wait until it has ended by itself, and its cost is booked."""
        await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Cancel it, and wait until its connection is closed and its cost is booked."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            # Looked at, lest the loop complain of an error that nobody wanted.
            self._task.exception()

    async def _read(self, deltas: AsyncGenerator[ChatDelta]) -> None:
        try:
            async with aclosing(deltas):
                async for delta in deltas:
                    self._came.put_nowait(delta)
                    if delta.content.strip() or delta.reasoning or delta.tool_call or delta.finish_reason:
                        self.has_answered = True
                        self.settled.set()
        finally:
            self._came.put_nowait(None)
            self.settled.set()


async def is_late[T](runner: Runner[T], seconds: float, sleep: Sleep) -> bool:
    """Wait for its first piece or its failure, at most so many seconds; whether there was neither."""
    alarm = asyncio.ensure_future(sleep(seconds))
    settled = asyncio.ensure_future(runner.settled.wait())
    try:
        await asyncio.wait([alarm, settled], return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
        settled.cancel()
    return not runner.settled.is_set()


async def race[T](
    runners: Sequence[Runner[T]], failed: Callable[[T, PicoQwenError], None]
) -> tuple[Runner[T], list[Runner[T]]]:
    """Who has begun to answer first (or the last one left, whatever it does), and those that had not yet.

    failed: told of each that fails while there is another; what it raises ends the race.
    """
    left = list(runners)
    while True:
        settled = await _next_settled(left)
        left.remove(settled)
        if settled.has_answered or not left:
            return settled, left
        try:
            async for _ in settled.deltas():
                pass
        except PicoQwenError as err:
            failed(settled.who, err)


async def stop_all[T](runners: Sequence[Runner[T]]) -> None:
    """Cancel them, and wait until all have ended."""
    await asyncio.gather(*(each.stop() for each in runners))


async def _next_settled[T](runners: list[Runner[T]]) -> Runner[T]:
    """The first of them that has answered or failed; the earlier asked where there are two."""
    waits = [asyncio.ensure_future(each.settled.wait()) for each in runners]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    return next(each for each in runners if each.settled.is_set())
