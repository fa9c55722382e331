"""Runs the server until it is told to stop."""

import asyncio
import errno
import logging
import signal

from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.errors import ConfigError
from picoqwen_core.server.app import make_server
from picoqwen_core.server.state import STATE

_READY_POLL_SECONDS = 0.05
_SHUTDOWN_SECONDS = 3.0


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigError when the address cannot be had."""
    runner = web.AppRunner(
        make_server(settings),
        access_log=None,
        handler_cancellation=True,  # a client that leaves cancels the handler, and with it the engine's work
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await _listen(runner, settings)
        announcing = asyncio.create_task(_announce(runner.app, settings), name="announce")
        await stop.wait()
        announcing.cancel()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as err:
        where = f"{settings.host}:{settings.port}"
        if err.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {settings.port} is already in use; stop what uses it, or choose another with --port"
            ) from err
        raise ConfigError(f"cannot listen on {where}: {err.strerror}") from err


async def _announce(app: web.Application, settings: Settings) -> None:
    """Say that requests will be answered, once the model is loaded (or cannot be)."""
    client = app[STATE].client
    while client is not None and client.state in ("starting", "stopped"):
        await asyncio.sleep(_READY_POLL_SECONDS)
    if client is not None and client.state == "ready":
        print(f"picoqwen is ready on http://{settings.host}:{settings.port}", flush=True)  # noqa: T201
    else:
        logging.getLogger(__name__).error("Serving without a model; see GET /api/v1/health")
