"""One provider's answer, and how far the answer to a request has come; hybrid.py decides who is asked."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import NoReturn

from picoqwen_core.candidate import Candidate, answer_of
from picoqwen_core.errors import (
    ProviderError,
    ProviderHurried,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from picoqwen_core.messages import ChatDelta, ChatRequest, Served, ToolCall
from picoqwen_core.spending import Account, Purse


@dataclass(slots=True)
class Answer:
    """How far an answer has come."""

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Since it was last begun anew.
    said: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    cost: float = 0.0
    # Who gives it, or was the last to fail.
    asked: Candidate | None = None
    # Seconds in which whoever is asked has to begin; None for any time.
    within: float | None = None
    # Models that refused to go on with it.
    unable: set[str] = field(default_factory=set)

    @property
    def begun(self) -> bool:
        """Whether anything was said."""
        return bool(self.said.strip())

    @property
    def called(self) -> bool:
        """Whether a tool was called."""
        return bool(self.calls)

    def heard(self, delta: ChatDelta) -> bool:
        """Whether a piece of it goes out: a call that was made already, by its id, is not made again."""
        if delta.tool_call is not None and delta.tool_call in self.calls:
            return False
        self.calls += [delta.tool_call] if delta.tool_call is not None else []
        self.said += delta.content
        return True


@dataclass(frozen=True, slots=True)
class Attempts:
    """Asks; whatever happens, health and money are told."""

    purse: Purse
    privacy: str
    clock: Callable[[], float]

    async def of(
        self, candidate: Candidate, request: ChatRequest, answer: Answer
    ) -> AsyncGenerator[ChatDelta]:
        """One provider's answer. Raises PicoQwenError."""
        account = await self.purse.open(candidate.upstream, candidate.provider, request)
        vitals = candidate.vitals
        # An answer that broke off behind its last word goes on with nothing.
        start, first, said = self.clock(), None, request.continues
        vitals.begin()
        try:
            asked = replace(request, model=candidate.model)
            deltas = _begun_within(answer.within, candidate, answer_of(candidate, asked, self.privacy))
            async with aclosing(deltas):
                async for delta in deltas:
                    account.saw(delta)
                    if first is None:
                        first = self.clock() - start
                    if delta.finish_reason is None:
                        said = said or bool(delta.content.strip()) or delta.tool_call is not None
                        yield delta
                        continue
                    if not (said or delta.content or delta.tool_call or delta.finish_reason == "length"):
                        _fail(candidate, "the answer was empty")
                    vitals.succeeded(first, getattr(candidate.provider, "used_up_for", None))
                    yield replace(delta, served=await _served(candidate, answer, account))
                    return
                _fail(candidate, "the answer broke off")
        except (ProviderError, asyncio.CancelledError, GeneratorExit) as err:
            # Whoever could not be reached, or refused, bills nothing; others may have worked.
            spared = isinstance(err, ProviderUnavailable | ProviderRefused)
            account.uncertain = not spared or isinstance(err, ProviderTimeout)
            raise
        finally:
            vitals.left()
            cost = await account.close()
            answer.cost += cost  # not in one: the other of two may book in between


async def _begun_within(
    seconds: float | None, candidate: Candidate, deltas: AsyncGenerator[ChatDelta]
) -> AsyncGenerator[ChatDelta]:
    """The same, if it begins in time. Raises ProviderHurried."""
    async with aclosing(deltas):
        try:
            async with asyncio.timeout(seconds) as limit:
                first = await anext(deltas, None)
        except TimeoutError as err:
            if not limit.expired():
                raise
            raise ProviderHurried(f"{candidate.name}: nothing in the {seconds:.1f} s that were left") from err
        if first is not None:
            yield first
        async for delta in deltas:
            yield delta


async def _served(candidate: Candidate, answer: Answer, account: Account) -> Served:
    cost = answer.cost + await account.close()
    return Served(candidate.name, candidate.model, cost, tuple(answer.notes))


def _fail(candidate: Candidate, what: str) -> NoReturn:
    raise ProviderError(f"{candidate.name}: {what}")
