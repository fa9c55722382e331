"""GET /api/v1/health: whether requests would be answered, and by what."""

import time
from typing import Any

from aiohttp import web

from picoqwen_core import __version__
from picoqwen_core.memory import resident_mb
from picoqwen_core.providers.provider import Provider
from picoqwen_core.providers.shortage import STEPS
from picoqwen_core.server.state import State, state_of


async def health(request: web.Request) -> web.Response:
    """200 while the server can recover by itself; `status` is "ok", "starting" or "degraded"."""
    return web.json_response(health_json(state_of(request)))


def health_json(state: State) -> dict[str, Any]:
    """The body of the answer."""
    pool = state.router.pool
    return {
        "status": _status(state),
        "trouble": state.trouble,
        "version": __version__,
        "uptime_s": round(time.monotonic() - state.started, 1),
        "models": [model.id for model in state.router.models if model.loaded],
        "api_rss_mb": resident_mb(),
        "memory_level": pool.level if pool is not None else 0,
        "memory_step": STEPS[pool.level if pool is not None else 0],
        "engines": [_engine(provider) for provider in state.router.providers],
        "hybrid": state.router.hybrid.as_json() if state.router.hybrid is not None else None,
        "agents": state.settings.agents,
    }


def _status(state: State) -> str:
    """Degraded: something is broken, be it that it is being mended; starting: nothing is wrong yet."""
    if state.trouble is not None:
        return "degraded"
    every = [provider.health for provider in state.router.providers]
    if any(each.state != "ready" and each.error is not None for each in every):
        return "degraded"
    if state.router.pool is not None and state.router.pool.level:
        return "degraded"
    default = state.router.default.health.state
    # An idle one is loaded by the first who asks.
    return {"ready": "ok", "idle": "ok", "starting": "starting"}.get(default, "degraded")


def _engine(provider: Provider) -> dict[str, Any]:
    health = provider.health
    return {
        "model": next((model.id for model in provider.models), None),
        "state": health.state,
        "error": health.error,
        "restarts": health.restarts,
        "compiled": health.compiled if health.state == "starting" else None,
        "rss_mb": resident_mb(health.pid) if health.pid is not None else None,
    }
