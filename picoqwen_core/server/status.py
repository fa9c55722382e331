"""GET /api/v1/status: the counters of the server and of each loaded model."""

import asyncio
import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from picoqwen_core import __version__
from picoqwen_core.errors import PicoQwenError
from picoqwen_core.machine.limits import read_memory
from picoqwen_core.memory import resident_mb
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.shortage import STEPS
from picoqwen_core.server.state import state_of

_ENGINE_SECONDS = 2.0


async def status(request: web.Request) -> web.Response:
    """Uptime, memory, tokens, connections, what is downloaded, and each engine's own counters."""
    state = state_of(request)
    pool, memory = state.router.pool, read_memory()
    local = [each for each in state.router.providers if isinstance(each, LocalProvider)]
    engines = await asyncio.gather(*(_engine(each) for each in local if each.is_available()))
    jobs = state.downloads.jobs.values() if state.downloads is not None else ()
    return web.json_response(
        {
            "version": __version__,
            "uptime_s": round(time.monotonic() - state.started, 1),
            "api_rss_mb": resident_mb(),
            "memory": {
                "total_mb": memory.total // 1_000_000,
                "available_mb": memory.available // 1_000_000,
                "stalled": memory.stalled,
                "level": pool.level if pool is not None else 0,
                "step": STEPS[pool.level if pool is not None else 0],
                "for_models_mb": (pool.limits.max_bytes or 0) // 1_000_000 if pool is not None else 0,
            },
            "answers": state.metrics.answers,
            "rungs": dict(state.metrics.rungs),
            "tokens": dict(state.metrics.tokens),
            "tokens_per_second": round(state.metrics.tokens_per_second, 2),
            "connections": state.connections.count,
            "evictions": pool.evictions if pool is not None else 0,
            "downloads": sum(not job.is_over for job in jobs),
            "mcp_servers": state.mcp_clients.status() if state.mcp_clients is not None else [],
            "engines": engines,
        }
    )


async def _engine(provider: LocalProvider) -> dict[str, Any]:
    """What the worker counts; a worker that does not say has `error`."""
    try:
        return {"model": provider.model_id, **asdict(await provider.status(_ENGINE_SECONDS))}
    except (PicoQwenError, TimeoutError) as err:
        return {"model": provider.model_id, "error": str(err) or "no answer"}
