"""Runs the server until it is told to stop."""

import asyncio
import errno
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from picoqwen_core.config import Settings, Source
from picoqwen_core.errors import ConfigError, PicoQwenError
from picoqwen_core.memory import forget_code, settle
from picoqwen_core.router import Router
from picoqwen_core.server.announce import announce_server
from picoqwen_core.server.app import make_server
from picoqwen_core.server.connections import Connections, Site
from picoqwen_core.server.log_tail import LogTail
from picoqwen_core.server.logs import hide_unreadable, shape
from picoqwen_core.server.notify import notify, reloading, watchdog
from picoqwen_core.server.reload import REFUSED, read_again, take
from picoqwen_core.server.state import STATE, State
from picoqwen_core.server.supervisor import announce_app

_LOGGER = logging.getLogger(__name__)
_READY_POLL_SECONDS = 0.05
_UNTIL_MENDED = "%s. Until this is mended and the app started again, the built-in model answers alone"
# With the 2 + 2 seconds that an engine may take at worst, the whole stays under 5.
_SHUTDOWN_SECONDS = 0.5


async def serve(settings: Settings, source: Source | None = None, trouble: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM; trouble: what health says is wrong with settings that were left out.

    Raises ConfigError when the model or the address cannot be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    app = make_server(settings, source)
    tail = LogTail()
    logging.getLogger().addHandler(tail)
    shape(settings)
    app[STATE].log, app[STATE].trouble = tail.lines, trouble
    if trouble is not None:
        # Also for the page, which shows the end of the log.
        _LOGGER.error(_UNTIL_MENDED, trouble)
    again = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, again.set)
    async with listening(app, settings) as url:
        tasks = [
            asyncio.create_task(_announce(app[STATE].router, url), name="announce"),
            asyncio.create_task(watchdog(), name="watchdog"),
            asyncio.create_task(announce_app(settings, int(url.rpartition(":")[2])), name="discovery"),
            asyncio.create_task(announce_server(settings, int(url.rpartition(":")[2])), name="network"),
            asyncio.create_task(_reloading(app[STATE], again), name="reload"),
        ]
        settle()
        # Of TLS and hashing, starting touches 3 MB that are hardly used again.
        for library in ("libcrypto", "libssl", "libstdc++"):
            forget_code(library)
        notify("READY=1")
        await stop.wait()
        notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _reloading(state: State, again: asyncio.Event) -> None:
    """Read the settings at each SIGHUP; what is wrong in them changes nothing."""
    while True:
        await again.wait()
        again.clear()
        reloading()
        try:
            take(state, *await asyncio.to_thread(read_again, state))
        except PicoQwenError as err:
            _LOGGER.error(REFUSED, err)
        notify("READY=1")


@asynccontextmanager
async def listening(app: web.Application, settings: Settings) -> AsyncIterator[str]:
    """The application on its address; yields the URL. Raises ConfigError when the address cannot be had."""
    hide_unreadable()
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,  # a client that leaves cancels the handler, and with it the engine's work
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    try:
        # What had started before something failed is stopped, too.
        await runner.setup()
        await _listen(runner, settings, app[STATE].connections)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings, connections: Connections) -> None:
    try:
        await Site(runner, settings.host, settings.port, connections).start()
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {settings.port} is already in use; stop what uses it, or choose another with --port"
            ) from err
        where = f"{settings.host}:{settings.port}"
        raise ConfigError(f"cannot listen on {where}: {err.strerror or err}") from err


async def _announce(router: Router, url: str) -> None:
    """Say that requests will be answered, once the model is loaded; say so in the log when it cannot be.

    Where no model is loaded before somebody asks for it, there is nothing to wait for.
    """
    provider = router.default
    at_start = router.pool is None or router.pool.has_residents
    while at_start and provider.health.state in ("idle", "starting"):
        await asyncio.sleep(_READY_POLL_SECONDS)
    if at_start and provider.health.state == "failed":
        _LOGGER.error("Serving without a model at %s; see GET /api/v1/health", url)
    while at_start and not provider.is_available():
        await asyncio.sleep(_READY_POLL_SECONDS)
    print(f"picoqwen is ready on {url}", flush=True)  # noqa: T201 - scripts wait for this line
