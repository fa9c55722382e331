"""Builds the application: settings in, routes and the engines' life cycle out."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from picoqwen_core.config import Settings, model_files
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.router import Router
from picoqwen_core.server import chat, generate, health, middleware, models, score
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
            web.get("/api/v1/health", health.health),
            web.post("/v1/chat/completions", chat.chat),
            web.get("/v1/models", models.openai_models),
        ]
    )
    app.cleanup_ctx.append(_engines)
    # Before the open connections are waited for: answers in flight then end at once, with an error event.
    app.on_shutdown.append(_stop_engines)
    return app


def make_server(settings: Settings) -> web.Application:
    """The application with one engine for each model file. Raises ConfigError where there is none."""
    providers = []
    for path in model_files(settings.model):
        client = EngineClient(
            path,
            model_id=path.stem,
            context_length=settings.max_context_length,
            threads=settings.threads,
            cache_dir=settings.cache_dir,
        )
        providers.append(LocalProvider(client, path))
    return make_app(State(settings, Router(providers)))


async def _engines(app: web.Application) -> AsyncIterator[None]:
    app[STATE].router.default.start()
    yield
    await _stop_engines(app)


async def _stop_engines(app: web.Application) -> None:
    await asyncio.gather(*(provider.stop() for provider in app[STATE].router.providers))
