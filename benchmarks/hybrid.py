"""Faults of other servers, injected for real on 127.0.0.1: how soon somebody else answers, at what cost."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from benchmarks.stand_ins import COMPLETION_TOKENS, ENDLESS, FAULTS, PROMPT_TOKENS, WORDS, StandIn
from picoqwen_core.budget import Budget
from picoqwen_core.config import BUILT_IN_MODEL, Settings
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.messages import ChatRequest, Message, Usage
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream

QUESTION = "what time is it?"
BROKEN = "".join(WORDS[:2])
READ_PRICE, WRITTEN_PRICE = 1.25, 10.0
_START_SECONDS = 300
# Which is enough for what the built-in model says, and ends what never does.
_MAX_TOKENS = 64
_CLOCK_SKEW = "clock_skew"
# Two servers that take a request and say nothing, one after the other.
_TWO_SILENT = "two_silent"
_AHEAD_SECONDS = 40 * 86_400
_BUDGET = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault. seconds: to the first words of whoever answered instead; None where nobody did."""

    name: str
    seconds: float | None
    heard: str
    provider: str
    cost: float


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 where every fault ended with an answer."""
    parser = argparse.ArgumentParser(prog="script/bench hybrid", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--requests", type=int, default=400, help="requests for the overhead (400)")
    arguments = parser.parse_args(argv)
    faults, figures = asyncio.run(measure(arguments.requests))
    print(f"{'fault':16} {'s':>7}  {'answered by':12} {'dollars':>9}  heard")
    for each in faults:
        seconds = "never" if each.seconds is None else f"{each.seconds:.3f}"
        print(f"{each.name:16} {seconds:>7}  {each.provider:12} {each.cost:>9.6f}  {each.heard}")
    print()
    for name, value in figures.items():
        print(f"{name:20} {value:>10}")
    if arguments.json:
        print(json.dumps(figures))
    return 0 if figures["faults_answered"] == figures["faults_injected"] else 1


async def measure(requests: int) -> tuple[list[Fault], dict[str, Any]]:
    """With the built-in model on this machine, and stand-ins for everything else."""
    client = EngineClient(BUILT_IN_MODEL, model_id="pico-home", threads=1)
    local = LocalProvider(client, BUILT_IN_MODEL, ready_seconds=_START_SECONDS)
    await local.load()
    try:
        async with StandIn().serving() as server:
            faults = [
                await inject(local, server, name) for name in (*FAULTS, ENDLESS, _CLOCK_SKEW, _TWO_SILENT)
            ]
            overhead = await router_overhead(local, server, requests)
            error = await cost_error(local)
    finally:
        await local.stop()
    times = sorted(each.seconds for each in faults if each.seconds is not None)
    return faults, {
        "faults_injected": len(faults),
        "faults_answered": len(times),
        "failover_worst_s": round(times[-1], 3),
        "failover_median_s": round(statistics.median(times), 3),
        "router_overhead_ms": round(overhead * 1000, 4),
        "cost_error": error,
    }


@asynccontextmanager
async def serving(local: LocalProvider, upstreams: tuple[Upstream, ...], **more: Any) -> AsyncIterator[str]:
    """Our server over the local model and these upstreams; its URL."""
    with tempfile.TemporaryDirectory() as folder:
        books = Path(folder) / "budget.db"
        if "budget_per_day" in more:
            _spend_ahead(books)
        settings = Settings(port=0, upstreams=upstreams, budget_file=books, **more)
        app: web.Application = make_app(State(settings, Router([_Kept(local)], hybrid=make_hybrid(settings))))
        async with listening(app, settings) as url:
            yield url


async def inject(local: LocalProvider, server: StandIn, fault: str) -> Fault:
    """Ask for an answer, streamed, of a server that has this fault and of the local model after it."""
    model = "stall_first" if fault == _TWO_SILENT else fault
    names = ("cloud", "second") if fault == _TWO_SILENT else ("cloud",)
    upstreams = tuple(priced(Upstream(each, server.address(fault), model, "top-secret")) for each in names)
    body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True, "routing": "cloud_first"}
    body["max_tokens"] = _MAX_TOKENS
    capped = {"budget_per_day": _BUDGET} if fault == _CLOCK_SKEW else {}
    first, heard, ended = None, "", None
    served: dict[str, Any] = {}
    async with serving(local, upstreams, **capped) as url, ClientSession() as session:
        start = time.perf_counter()
        async with session.post(f"{url}/api/v1/chat", json=body) as response:
            async for chunk in _chunks(response):
                served = chunk.get("picoqwen", served)
                for choice in chunk.get("choices", ()):
                    heard += choice["delta"].get("content") or ""
                    ended = choice["finish_reason"] or ended
                # The words of a server that fails in the middle do not count; the mark behind them does.
                if first is None and not BROKEN.startswith(heard):
                    first = time.perf_counter() - start
    if fault == ENDLESS:
        first = time.perf_counter() - start if ended == "length" else None
    elif served.get("provider") != "local":
        first = None
    told = " ".join(heard.split())
    return Fault(fault, first, told[:70], served.get("provider", "nobody"), served.get("cost", 0.0))


async def _chunks(response: ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


async def router_overhead(local: LocalProvider, server: StandIn, requests: int) -> float:
    """Seconds that routing adds to a request that this machine answers: medians with and without, in turn."""
    settings = Settings(upstreams=(Upstream("cloud", server.url, "well", "key", trusted=True),))
    hybrid = make_hybrid(settings)
    plain, routed = Router([local]), Router([local], hybrid=hybrid)
    request = ChatRequest((Message("user", QUESTION),), max_tokens=4)
    times: dict[bool, list[float]] = {True: [], False: []}
    for index in range(requests * 2):
        times[bool(index % 2)].append(await _timed(routed if index % 2 else plain, request))
    if hybrid is not None:
        await hybrid.stop()
    return statistics.median(times[True]) - statistics.median(times[False])


async def _timed(router: Router, request: ChatRequest) -> float:
    start = time.perf_counter()
    async with aclosing(router.route(request)[0]) as deltas:
        async for _ in deltas:
            pass
    return time.perf_counter() - start


async def cost_error(local: LocalProvider, requests: int = 20) -> float:
    """The share by which our sum of money differs from that of the server's own count of tokens."""
    spent = 0.0
    async with StandIn().serving() as server:
        upstream = priced(Upstream("cloud", server.url, "well", "key", timeout=30))
        body = {"messages": [{"role": "user", "content": QUESTION}], "routing": "cloud_first"}
        async with serving(local, (upstream,)) as url, ClientSession() as session:
            for _ in range(requests):
                async with session.post(f"{url}/api/v1/chat", json=body) as response:
                    await response.json()
            async with session.get(f"{url}/api/v1/health") as response:
                spent = float((await response.json())["hybrid"]["budget"]["spent_today"])
        counted = Usage(server.prompt_tokens, server.completion_tokens)
    due = (counted.prompt_tokens * READ_PRICE + counted.completion_tokens * WRITTEN_PRICE) / 1e6
    if counted != Usage(requests * PROMPT_TOKENS, requests * COMPLETION_TOKENS):
        raise RuntimeError(f"the stand-in counted {counted} for {requests} requests")
    return round(abs(spent - due) / due, 6)


def _spend_ahead(books: Path) -> None:
    """Spend all of a day's money while the clock is ahead, as it is before it is set."""
    budget = Budget(books, now=lambda: time.time() + _AHEAD_SECONDS)
    budget.settle(budget.reserve("cloud", "any", 0), round(_BUDGET * 1e9), Usage())
    budget.close()


def priced(upstream: Upstream) -> Upstream:
    """The upstream with prices."""
    return replace(upstream, input_price=READ_PRICE, output_price=WRITTEN_PRICE)


class _Kept:
    """The local model behind a server that ends, and would take it along."""

    def __init__(self, provider: LocalProvider) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def stop(self) -> None:
        """Leave it running."""


if __name__ == "__main__":
    sys.exit(main())
