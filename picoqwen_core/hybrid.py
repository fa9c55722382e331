"""Who answers a conversation, and who does when that one fails: order, failover, privacy and money.

How a provider fares is kept in health.py, what was spent in budget.py. Mid-answer rules: docs/hybrid.md.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from picoqwen_core.attempt import Answer, Attempts
from picoqwen_core.candidate import Candidate, may_ask
from picoqwen_core.continuation import ANEW, Continuation, continuation
from picoqwen_core.errors import (
    BudgetExceeded,
    ContextLengthExceeded,
    NobodyAnswered,
    PicoQwenError,
    ProviderError,
    ProviderHurried,
    ProviderRefused,
    RequestError,
)
from picoqwen_core.hedge import Runner, Sleep, is_late, patience, race, stop_all
from picoqwen_core.ladder import is_built_in, without_home
from picoqwen_core.messages import ChatDelta, ChatRequest, Usage
from picoqwen_core.providers.provider import Provider
from picoqwen_core.restart import restarted
from picoqwen_core.spending import Purse

if TYPE_CHECKING:
    from picoqwen_core.providers.remote import Remote

_LOGGER = logging.getLogger(__name__)
_PROBE_JITTER = 0.1
# Somebody listens for 5 seconds; what is left is for this machine to begin, which may be busy.
FAILOVER_SECONDS = 4.6
# Where nothing was lost yet everybody has the time of their settings; less than that last is no chance.
_AT_ONCE_SECONDS, _LEAST_SECONDS = 0.5, 0.3


class Hybrid:
    """Chooses among this machine and the upstreams, request by request."""

    def __init__(
        self,
        upstreams: Sequence["Remote"],
        *,
        strategy: str = "local_first",
        privacy: str = "no_home",
        purse: Purse | None = None,
        probe_seconds: float = 60.0,
        hedge: str = "degraded",
        failover_seconds: float = FAILOVER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        """Nothing is started yet. purse: pays for upstreams that cost money; None pays nothing; hedge: when
        a second one is asked beside a slow first (upstreams.HEDGES); failover_seconds: after which this
        machine answers, though there are others that have not been asked."""
        self.upstreams = tuple(upstreams)
        self.strategy, self.privacy = strategy, privacy
        self._purse = purse or Purse(None)
        self._probe_seconds, self._hedge, self._sleep = probe_seconds, hedge, sleep
        self._failover_seconds = failover_seconds
        self._attempts = Attempts(self._purse, privacy, clock)
        self._clock, self._rng = clock, rng or random.Random()  # noqa: S311 - jitter
        self._remote = [Candidate(each, each.upstream.model_id, each.upstream) for each in self.upstreams]
        # Models of this machine that might have been asked.
        self._local: dict[str, Provider] = {}
        self._probes: list[asyncio.Task[None]] = []
        self.failovers = self.hedged = 0

    async def start(self) -> None:
        """Begin to watch the upstreams."""
        await self._purse.refresh()
        self._probes = [
            asyncio.create_task(self._watch(each, provider), name=f"probing {each.name}")
            for each, provider in zip(self._remote, self.upstreams, strict=True)
        ]

    async def stop(self) -> None:
        """Stop watching, and close what is open."""
        for task in self._probes:
            task.cancel()
        for task in self._probes:
            with suppress(asyncio.CancelledError):
                await task
        self._probes = []
        await asyncio.gather(*(each.stop() for each in self.upstreams))
        await self._purse.close()

    def as_json(self) -> dict[str, Any]:
        """Everybody's health and the money, for the health endpoint."""
        local = [
            {"name": "local", "model": name, **each.vitals.as_json()} for name, each in self._local.items()
        ]
        remote = [
            {
                "name": each.name,
                "model": each.model,
                "trusted": each.upstream is not None and each.upstream.trusted,
            }
            | each.vitals.as_json()
            for each in self._remote
        ]
        return {
            "routing": self.strategy,
            "privacy": self.privacy,
            "failovers": self.failovers,
            "hedged": self.hedged,
            "providers": [*local, *remote],
            "budget": self._purse.as_json(),
        }

    def plan(self, request: ChatRequest, local: Provider, local_model: str) -> list[Candidate]:
        """Everybody who may answer, in the order of asking.

        This machine is always among them, but for raw text that others may go on with where it has no more
        than the built-in model, which writes none.
        """
        self._local[local_model] = local
        here = Candidate(local, local_model)
        named = [each for each in self._remote if each.model == request.model]
        there = [each for each in self._remote if may_ask(each, request, self.privacy)]
        lastly = [] if request.raw and there and is_built_in(local.models) else [here]
        if named:
            told = [each for each in named if each in there]
            return [*told, *lastly] if told else [here]
        ordered = self._ordered(request, lastly, there)
        # Who is down is asked last of all: better a poor chance than silence.
        return sorted(ordered, key=lambda each: not each.is_available())

    def others(self, request: ChatRequest) -> tuple[list[Candidate], list[Candidate], list[str]]:
        """The upstreams that may be told the whole of a request, those that may be told a part that says
        nothing of the home, and why the rest may not be asked."""
        whole = [each for each in self._remote if may_ask(each, request, self.privacy)]
        spare = without_home(request)
        part = [each for each in self._remote if each not in whole and may_ask(each, spare, self.privacy)]
        rest = [each for each in self._remote if each not in whole and each not in part]
        return whole, part, [f"not {each.name}: privacy is {self.privacy}" for each in rest]

    async def chat(
        self, request: ChatRequest, plan: Sequence[Candidate], said: str = ""
    ) -> AsyncGenerator[ChatDelta]:
        """Stream an answer of the first who gives one; the last delta says who that was.

        said: what somebody else has said of it before they broke off. Raises RequestError for what nobody
        could answer, and NobodyAnswered when all have failed.
        """
        reservations = self._reservations(request, plan)
        answer, waiting, start = Answer(notes=list(reservations), said=said), list(plan), self._clock()
        while waiting:
            candidate = answer.asked = waiting.pop(0)
            if candidate.upstream is not None and candidate.vitals.banned_seconds:
                answer.failures.append(
                    f"{candidate.name} asks for {candidate.vitals.banned_seconds:.0f} s of peace"
                )
                continue
            answer.within = self._seconds_left(candidate, start, waiting)
            before = answer.said
            going_on = None
            if candidate.model not in answer.unable:
                going_on = await continuation(candidate, request, before, self.privacy)
            try:
                async with aclosing(self._asked(candidate, waiting, request, answer, going_on)) as deltas:
                    async for delta in deltas:
                        if delta is ANEW:
                            yield ChatDelta(
                                content=restarted(request.home.language if request.home else "en")
                            )
                            answer.said = ""
                            continue
                        if answer.heard(delta):
                            yield delta
            except PicoQwenError as err:
                unheard = answer.said == before and not answer.called
                if going_on and unheard and isinstance(err, ProviderRefused | RequestError):
                    _LOGGER.info("%s does not go on with an answer: %s", candidate.name, err)
                    answer.unable.add(candidate.model)
                    waiting.insert(0, candidate)
                    continue
                self._failed(answer.asked, request, answer, err)
            else:
                return
        raise NobodyAnswered("nobody could answer: " + "; ".join([*answer.failures, *reservations]))

    def _seconds_left(self, candidate: Candidate, start: float, waiting: Sequence[Candidate]) -> float | None:
        """Seconds that a further server has to begin, while this machine could speak; None for any time.

        The first may take what its settings say.
        """
        passed = self._clock() - start
        here = any(each.upstream is None and each.is_available() for each in waiting)
        if candidate.upstream is None or not here or passed < _AT_ONCE_SECONDS:
            return None
        return max(self._failover_seconds - passed, _LEAST_SECONDS)

    async def _asked(
        self,
        first: Candidate,
        waiting: list[Candidate],
        request: ChatRequest,
        answer: Answer,
        going_on: Continuation | None,
    ) -> AsyncGenerator[ChatDelta]:
        """The answer of the first, or of another one where the first is late and that may be hedged."""
        seconds = patience(first.vitals, self._hedge)
        begun = answer.begun or answer.called or request.messages[-1].role == "tool"
        if going_on is not None:
            deltas = going_on.joined(self._attempts.of(first, going_on.request, answer))
        elif first.upstream is None or seconds is None or begun or answer.within is not None:
            deltas = self._attempts.of(first, request, answer)
        else:
            deltas = self._hedged(first, seconds, waiting, request, answer)
        anew = going_on is None and answer.begun
        async with aclosing(deltas):
            async for delta in deltas:
                if anew:
                    yield ANEW
                anew = False
                yield delta

    async def _hedged(
        self,
        first: Candidate,
        seconds: float,
        waiting: list[Candidate],
        request: ChatRequest,
        answer: Answer,
    ) -> AsyncGenerator[ChatDelta]:
        """The answer of who begins first; the other is cancelled, and asked again if that one fails."""
        runners = [Runner(first, self._attempts.of(first, request, answer))]
        ends: list[asyncio.Task[None]] = []
        try:
            late = await is_late(runners[0], seconds, self._sleep)
            second = next((each for each in waiting if self._may_hedge(each)), None) if late else None
            if second is not None:
                waiting.remove(second)
                self.hedged += 1
                answer.notes.append(f"{first.name}: late after {seconds:.1f} s; {second.name} was asked too")
                runners.append(Runner(second, self._attempts.of(second, request, answer)))
            winner, losers = await race(runners, lambda who, err: self._failed(who, request, answer, err))
            answer.asked = winner.who
            ends = [asyncio.create_task(each.stop(), name="a hedge's end") for each in losers]
            waiting += [each.who for each in losers]
            async for delta in winner.deltas():
                if delta.served is None:
                    yield delta
                    continue
                await asyncio.gather(winner.ended(), *ends)
                yield replace(
                    delta, served=replace(delta.served, cost=answer.cost, notes=tuple(answer.notes))
                )
        finally:
            await asyncio.gather(stop_all(runners), *ends)

    def _may_hedge(self, candidate: Candidate) -> bool:
        """Whether it may be asked too. The built-in model would always begin first, and knows little."""
        built_in = candidate.upstream is None and is_built_in(candidate.provider.models)
        return not built_in and candidate.is_available()

    def _failed(
        self, candidate: Candidate, request: ChatRequest, answer: Answer, error: PicoQwenError
    ) -> None:
        """Remember it; raises where nobody else may go on."""
        if isinstance(error, BudgetExceeded):
            answer.failures.append(str(error))
            answer.notes.append(f"not {candidate.name}: {error}")
            return
        if isinstance(error, RequestError) and not isinstance(error, ContextLengthExceeded):
            raise error
        if not isinstance(error, ContextLengthExceeded | ProviderHurried):
            candidate.vitals.failed(
                str(error),
                retry_after=getattr(error, "retry_after", None),
                final=isinstance(error, ProviderRefused),
            )
        message = str(error)
        told = message if message.startswith(candidate.name) else f"{candidate.name}: {message}"
        answer.failures.append(told)
        answer.notes.append(told)
        self.failovers += 1
        _LOGGER.warning("No answer from %s: %s", candidate.name, error)
        if answer.called:
            raise ProviderError(
                f"{told}; it had called a tool already, so nobody else was asked, lest it be called twice"
            ) from error
        if answer.begun and request.response_format is not None:
            raise ProviderError(f"{told}; what was said of the answer cannot be taken back") from error

    def _ordered(
        self, request: ChatRequest, here: list[Candidate], there: list[Candidate]
    ) -> list[Candidate]:
        everyone = [*here, *there]
        match request.routing or self.strategy:
            case "cloud_first":
                return [*there, *here]
            case "cheapest":
                most = {
                    each.model: each.provider.get_cost_estimate(_most(each, request)) for each in everyone
                }
                return sorted(everyone, key=lambda each: most[each.model])
            case "fastest":
                return sorted(everyone, key=lambda each: each.provider.get_latency_estimate())
        return everyone

    def _reservations(self, request: ChatRequest, plan: Sequence[Candidate]) -> list[str]:
        """Why somebody who might have been asked is not."""
        asked = {each.model for each in plan}
        left_out = [each for each in self._remote if each.model not in asked]
        wanted = [each for each in left_out if request.model in (None, each.model)]
        return [
            f"not {each.name}: privacy is {self.privacy}"
            for each in wanted
            if not may_ask(each, request, self.privacy)
        ]

    async def _watch(self, candidate: Candidate, provider: "Remote") -> None:
        """Probe it when nothing else has told of it for long."""
        while True:
            await asyncio.sleep(self._probe_seconds * (1 + self._rng.uniform(-_PROBE_JITTER, _PROBE_JITTER)))
            vitals = candidate.vitals
            fresh = (
                vitals.last_seen is not None and self._clock() - vitals.last_seen < self._probe_seconds / 2
            )
            if fresh or vitals.banned_seconds:
                continue
            try:
                await provider.probe()
            except ProviderError as err:
                vitals.probed(str(err), final=isinstance(err, ProviderRefused))
            else:
                vitals.probed(None)


def _most(candidate: Candidate, request: ChatRequest) -> Usage:
    """The most tokens that an answer may take; this machine's cost nothing."""
    if candidate.upstream is None:
        return Usage()
    usage: Usage = candidate.provider.estimate(request)  # type: ignore[attr-defined]
    return usage
