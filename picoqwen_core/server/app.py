"""Builds the application: settings in, routes and the engine's life cycle out."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.errors import PicoQwenError
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.router import Router
from picoqwen_core.server import chat, generate, health, middleware, models
from picoqwen_core.server.state import STATE, State

_LOGGER = logging.getLogger(__name__)


def make_app(state: State) -> web.Application:
    """The routes over a state; whoever made the state's providers starts and stops them."""
    app = web.Application(
        middlewares=[middleware.access_log, middleware.errors, middleware.authentication],
        client_max_size=state.settings.max_body_bytes,
    )
    app[STATE] = state
    app.add_routes(
        [
            web.post("/api/v1/chat", chat.chat),
            web.post("/api/v1/generate", generate.generate),
            web.get("/api/v1/models", models.models),
            web.get("/api/v1/health", health.health),
            web.post("/v1/chat/completions", chat.chat),
            web.get("/v1/models", models.openai_models),
        ]
    )
    return app


def make_server(settings: Settings) -> web.Application:
    """The application with an engine worker for the configured model, which starts and stops with it."""
    client = EngineClient(
        settings.model,
        model_id=settings.model.stem,
        context_length=settings.max_context_length,
        threads=settings.threads,
        cache_dir=settings.cache_dir,
    )
    app = make_app(State(settings, Router([LocalProvider(client)]), client))

    async def engine(_app: web.Application) -> AsyncIterator[None]:
        starting = asyncio.create_task(_start(client), name="engine start")
        yield
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await client.stop()

    app.cleanup_ctx.append(engine)
    return app


async def _start(client: EngineClient) -> None:
    """Load the model while the server already answers; a failure shows in the log and in health."""
    try:
        await client.start()
    except PicoQwenError as err:
        _LOGGER.error("The model could not be loaded: %s", err)
        return
    if client.info is not None:
        _LOGGER.info("Loaded %s from %s", client.info.id, client.info.path)
