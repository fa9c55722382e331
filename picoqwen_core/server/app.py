"""Builds the application: settings in, routes and the engines' life cycle out."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from picoqwen_core.config import Settings, models_folder
from picoqwen_core.hub.downloads import Downloads
from picoqwen_core.router import Router
from picoqwen_core.server import (
    chat,
    completions,
    downloads,
    generate,
    health,
    middleware,
    models,
    ollama,
    prime,
    score,
)
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
            web.post("/api/v1/prime", prime.prime),
            web.get("/api/v1/models", models.models),
            web.post("/api/v1/models/{id}/load", models.load),
            web.post("/api/v1/models/{id}/unload", models.unload),
            web.delete("/api/v1/models/{id}", models.delete),
            web.get("/api/v1/catalog", downloads.catalog),
            web.get("/api/v1/downloads", downloads.jobs),
            web.post("/api/v1/downloads", downloads.begin),
            web.get("/api/v1/downloads/{id}", downloads.job),
            web.get("/api/v1/downloads/{id}/events", downloads.events),
            web.delete("/api/v1/downloads/{id}", downloads.cancel),
            web.get("/api/v1/health", health.health),
            web.post("/v1/chat/completions", chat.chat),
            web.post("/v1/completions", completions.completions),
            web.get("/v1/models", models.openai_models),
            web.get("/v1/models/{id}", models.openai_model),
            web.get("/api/version", ollama.version),
            web.get("/api/tags", ollama.tags),
            web.get("/api/ps", ollama.ps),
            web.post("/api/show", ollama.show),
            web.post("/api/chat", ollama.chat),
            web.post("/api/generate", ollama.generate),
            web.post("/api/pull", ollama.pull),
            web.delete("/api/delete", ollama.delete),
        ]
    )
    app.cleanup_ctx.append(_engines)
    # Before the open connections are waited for: answers in flight then end at once, with an error event.
    app.on_shutdown.append(_stop_engines)
    return app


def make_server(settings: Settings) -> web.Application:
    """The application with the models of this machine. Raises ConfigError where the model is not there."""
    pool = make_pool(settings)
    jobs = Downloads(
        models_folder(settings),
        settings.hub_url,
        settings.hub_token,
        preferred=settings.default_quantization,
        finished=pool.scan,
    )
    return make_app(State(settings, Router(pool=pool), jobs))


async def _engines(app: web.Application) -> AsyncIterator[None]:
    router = app[STATE].router
    if router.pool is not None:
        router.pool.start()
    else:
        router.default.start()
    yield
    await _stop_engines(app)


async def _stop_engines(app: web.Application) -> None:
    router, jobs = app[STATE].router, app[STATE].downloads
    if jobs is not None:
        await jobs.stop()
    if router.pool is not None:
        await router.pool.stop()
    await asyncio.gather(*(provider.stop() for provider in router.providers))
