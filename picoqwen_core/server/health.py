"""GET /api/v1/health: whether requests would be answered, and by what."""

import time
from typing import Any

import psutil
from aiohttp import web

from picoqwen_core import __version__
from picoqwen_core.server.state import State, state_of

MEGABYTE = 1_000_000


async def health(request: web.Request) -> web.Response:
    """200 while the server can recover by itself; `status` is "ok", "starting" or "degraded"."""
    state = state_of(request)
    return web.json_response(
        {
            "status": _status(state),
            "version": __version__,
            "uptime_s": round(time.monotonic() - state.started, 1),
            "models": [info.id for info in state.router.models],
            "api_rss_mb": _rss_mb(None),
            "engine": _engine(state),
        }
    )


def _status(state: State) -> str:
    if state.router.is_available():
        return "ok"
    starting = state.client is not None and state.client.state == "starting"
    return "starting" if starting else "degraded"


def _engine(state: State) -> dict[str, Any] | None:
    client = state.client
    if client is None:
        return None
    pid = client.worker_pid
    return {
        "state": client.state,
        "error": client.error,
        "restarts": client.restarts,
        "rss_mb": _rss_mb(pid) if pid is not None else None,
    }


def _rss_mb(pid: int | None) -> float | None:
    """Resident memory of a process, None when it has just ended."""
    try:
        return round(float(psutil.Process(pid).memory_info().rss) / MEGABYTE, 1)
    except psutil.Error:
        return None
