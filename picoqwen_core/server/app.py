"""Builds the application: settings in, middleware and the engines' life cycle out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from picoqwen_core.config import Settings, Source, models_folder
from picoqwen_core.hub.downloads import Downloads
from picoqwen_core.router import Router
from picoqwen_core.server import access, agents, mcp, middleware
from picoqwen_core.server.local_models import make_pool
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.routes import ROUTES
from picoqwen_core.server.state import STATE, State


def make_app(state: State) -> web.Application:
    """The routes over a state; the first provider starts with the application, all stop with it."""
    app = web.Application(
        middlewares=[
            middleware.access_log,
            middleware.errors,
            access.crowd,
            access.preflight,
            access.authentication,
            access.rate_limit,
        ],
        client_max_size=state.settings.max_body_bytes,
    )
    app[STATE] = state
    app.add_routes(ROUTES)
    app.on_response_prepare.append(access.allow_origin)
    app.on_response_prepare.append(middleware.unnamed)
    app.cleanup_ctx.append(_sweeping)
    app.cleanup_ctx.append(_engines)
    app.cleanup_ctx.append(agents.agents)
    app.cleanup_ctx.append(mcp.clients)
    app.cleanup_ctx.append(mcp.endpoint)
    # Before the open connections are waited for: answers in flight then end at once, with an error event.
    app.on_shutdown.append(agents.stop_runs)
    app.on_shutdown.append(mcp.stop_endpoint)
    app.on_shutdown.append(_stop_engines)
    return app


def make_server(settings: Settings, source: Source | None = None) -> web.Application:
    """The application with the models of this machine. Raises ConfigError where the model is not there."""
    pool = make_pool(settings)
    jobs = Downloads(
        models_folder(settings),
        settings.hub_url,
        settings.hub_token,
        preferred=settings.default_quantization,
        finished=pool.scan,
    )
    router = Router(pool=pool, hybrid=make_hybrid(settings), routing=settings.routing)
    return make_app(State(settings, router, jobs, source))


async def _sweeping(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[STATE].connections.sweep(), name="silent connections")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _engines(app: web.Application) -> AsyncIterator[None]:
    router = app[STATE].router
    if router.pool is not None:
        router.pool.start()
    else:
        router.default.start()
    if router.hybrid is not None:
        await router.hybrid.start()
    yield
    await _stop_engines(app)


async def _stop_engines(app: web.Application) -> None:
    router, jobs = app[STATE].router, app[STATE].downloads
    if jobs is not None:
        await jobs.stop()
    if router.pool is not None:
        await router.pool.stop()
    if router.hybrid is not None:
        await router.hybrid.stop()
    await asyncio.gather(*(provider.stop() for provider in router.providers))
