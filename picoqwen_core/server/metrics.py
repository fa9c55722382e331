"""GET /metrics: what counters.py counts, in Prometheus' text format.

The format is a few lines (https://prometheus.io/docs/instrumenting/exposition_formats/); its client library
would cost the API process 3 MB.
"""

import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from aiohttp import web

from picoqwen_core.memory import resident_mb
from picoqwen_core.messages import ChatDelta
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.server.counters import BUCKETS, Metrics
from picoqwen_core.server.state import State, state_of

# What is told where there are no other servers, so that a dashboard finds its lines.
_NO_OTHERS: Mapping[str, Any] = {"failovers": 0, "providers": (), "budget": {"spent_today": 0.0}}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


async def measured(deltas: AsyncGenerator[ChatDelta], state: State, model: str) -> AsyncGenerator[ChatDelta]:
    """The same deltas; what they tell of time and tokens is counted and sent to who watches."""
    start, first = time.monotonic(), None
    async with aclosing(deltas):
        async for delta in deltas:
            now = time.monotonic()
            if first is None:
                first = now
                state.metrics.begun(first - start)
            if delta.finish_reason is not None:
                state.metrics.ended(delta, now - first, now - start)
                usage = delta.usage
                state.events.send(
                    {
                        "type": "answer",
                        "model": model,
                        "finish_reason": delta.finish_reason,
                        "first_token_ms": round((first - start) * 1000, 1),
                        "prompt_tokens": usage.prompt_tokens if usage else 0,
                        "completion_tokens": usage.completion_tokens if usage else 0,
                        "cached_tokens": usage.cached_tokens if usage else 0,
                    }
                )
            else:
                state.events.send({"type": "token", "model": model})
            yield delta


async def metrics(request: web.Request) -> web.Response:
    """All counters as text."""
    text = "\n".join(_lines(state_of(request))) + "\n"
    return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _lines(state: State) -> Iterator[str]:
    counted = state.metrics
    yield from _family(
        "requests_total",
        "counter",
        "Answered requests.",
        (({"path": path, "status": status}, count) for (path, status), count in counted.requests.items()),
    )
    kinds = (({"kind": kind}, count) for kind, count in counted.tokens.items())
    yield from _family("tokens_total", "counter", "Tokens read, generated, and found in a cache.", kinds)
    rungs = (({"rung": rung}, count) for rung, count in counted.rungs.items())
    yield from _family("answers_by_rung_total", "counter", "Conversations by who answered them.", rungs)
    yield from _histogram(counted)
    for name, kind, help_, value in _single(state):
        yield from _family(name, kind, help_, [({}, value)])
    local = [each for each in state.router.providers if isinstance(each, LocalProvider)]
    labelled = [({"model": each.model_id}, each) for each in local]
    restarts = ((labels, each.health.restarts) for labels, each in labelled)
    yield from _family("engine_restarts_total", "counter", "Restarts of a model's process.", restarts)
    waiting = ((labels, each.in_flight) for labels, each in labelled)
    yield from _family("requests_in_flight", "gauge", "Requests that a model answers or will.", waiting)
    seats = state.settings.parallel_requests
    queued = ((labels, max(0, each.in_flight - seats)) for labels, each in labelled)
    yield from _family("requests_queued", "gauge", "Requests that wait for their turn.", queued)
    up = ((labels, int(each.is_available())) for labels, each in labelled)
    yield from _family("model_loaded", "gauge", "Whether a model can answer now.", up)
    yield from _family("memory_bytes", "gauge", "Resident memory of a process.", _memory(local))
    hybrid = state.router.hybrid
    yield from _others(_NO_OTHERS if hybrid is None else hybrid.as_json())


def _others(told: Mapping[str, Any]) -> Iterator[str]:
    """What is asked of other servers: who answered, who failed, how fast they are, and the money."""
    yield from _family(
        *("failovers_total", "counter", "Answers that somebody else had to give."), [({}, told["failovers"])]
    )
    providers = [({"provider": each["name"], "model": each["model"]}, each) for each in told["providers"]]
    for name in ("answers", "failures"):
        counts = ((labels, each[name]) for labels, each in providers)
        yield from _family(f"provider_{name}_total", "counter", f"{name.capitalize()} of a provider.", counts)
    conditions = ((labels, int(each["condition"] != "unavailable")) for labels, each in providers)
    yield from _family("provider_up", "gauge", "Whether a provider is asked.", conditions)
    times = (
        (labels, each["latency_ms"] / 1000) for labels, each in providers if each["latency_ms"] is not None
    )
    yield from _family("provider_latency_seconds", "gauge", "Time to the first piece, averaged.", times)
    slow = (
        (labels, each["latency_p95_ms"] / 1000)
        for labels, each in providers
        if each["latency_p95_ms"] is not None
    )
    yield from _family("provider_latency_p95_seconds", "gauge", "What 19 of 20 answers keep to.", slow)
    budget = told["budget"] or {}
    spent = [
        ({"period": name.removeprefix("spent_").removeprefix("this_")}, value)
        for name, value in budget.items()
        if name.startswith("spent_") and value is not None
    ]
    yield from _family("spent_dollars", "gauge", "What other servers have cost.", spent)


def _single(state: State) -> Iterator[tuple[str, str, str, float]]:
    counted, pool = state.metrics, state.router.pool
    yield "answers_total", "counter", "Answers that came to their end.", counted.answers
    yield "tokens_per_second", "gauge", "Speed of the last answer.", counted.tokens_per_second
    ratio = counted.tokens["cached"] / max(1, counted.tokens["prompt"])
    yield "cache_hit_ratio", "gauge", "Share of all prompts' tokens that were not read again.", ratio
    yield "connections", "gauge", "Open connections.", state.connections.count
    yield (
        *("refused_connections_total", "counter", "Connections refused at max_connections."),
        state.connections.refused,
    )
    yield "uptime_seconds", "gauge", "Time since the start.", time.monotonic() - state.started
    if pool is not None:
        yield "evictions_total", "counter", "Models unloaded to make room.", pool.evictions
        yield "memory_level", "gauge", "Steps of degradation taken for memory.", pool.level


def _memory(local: Iterable[LocalProvider]) -> Iterator[tuple[dict[str, str], float]]:
    yield {"process": "api"}, (resident_mb() or 0) * 1e6
    for each in local:
        pid = each.health.pid
        if pid is not None:
            yield {"process": each.model_id}, (resident_mb(pid) or 0) * 1e6


def _histogram(counted: Metrics) -> Iterator[str]:
    name = "picoqwen_time_to_first_token_seconds"
    yield f"# HELP {name} Time to the first piece of an answer."
    yield f"# TYPE {name} histogram"
    total = 0
    for limit in BUCKETS:
        total += counted.first_token[limit]
        yield f'{name}_bucket{{le="{limit:g}"}} {total}'
    total += counted.first_token[float("inf")]
    yield f'{name}_bucket{{le="+Inf"}} {total}'
    yield f"{name}_sum {counted.first_token_sum:g}"
    yield f"{name}_count {total}"


def _family(
    name: str, kind: str, help_: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP picoqwen_{name} {help_}"
    yield f"# TYPE picoqwen_{name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        yield f"picoqwen_{name}{{{inside}}} {value:.10g}" if inside else f"picoqwen_{name} {value:.10g}"
