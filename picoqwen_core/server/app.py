"""Builds the application: settings in, routes and the engines' life cycle out."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.router import Router
from picoqwen_core.server import chat, generate, health, middleware, models, score
from picoqwen_core.server.local_models import make_pool
from picoqwen_core.server.state import STATE, State


def make_app(state: State) -> web.Application:
    """The routes over a state; the first provider starts with the application, all stop with it."""
    app = web.Application(
        middlewares=[middleware.access_log, middleware.errors, middleware.authentication],
        client_max_size=state.settings.max_body_bytes,
    )
    app[STATE] = state
    app.add_routes(
        [
            web.post("/api/v1/chat", chat.chat),
            web.post("/api/v1/generate", generate.generate),
            web.post("/api/v1/score", score.score),
            web.get("/api/v1/models", models.models),
            web.post("/api/v1/models/{id}/load", models.load),
            web.post("/api/v1/models/{id}/unload", models.unload),
            web.delete("/api/v1/models/{id}", models.delete),
            web.get("/api/v1/health", health.health),
            web.post("/v1/chat/completions", chat.chat),
            web.get("/v1/models", models.openai_models),
            web.get("/v1/models/{id}", models.openai_model),
        ]
    )
    app.cleanup_ctx.append(_engines)
    # Before the open connections are waited for: answers in flight then end at once, with an error event.
    app.on_shutdown.append(_stop_engines)
    return app


def make_server(settings: Settings) -> web.Application:
    """The application with the models of this machine. Raises ConfigError where the model is not there."""
    return make_app(State(settings, Router(pool=make_pool(settings))))


async def _engines(app: web.Application) -> AsyncIterator[None]:
    router = app[STATE].router
    if router.pool is not None:
        router.pool.start()
    else:
        router.default.start()
    yield
    await _stop_engines(app)


async def _stop_engines(app: web.Application) -> None:
    router = app[STATE].router
    if router.pool is not None:
        await router.pool.stop()
    await asyncio.gather(*(provider.stop() for provider in router.providers))
