"""GET /api/v1/models and GET /v1/models, and what is done to a model: load, unload, delete."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import voluptuous as vol
from aiohttp import web

from picoqwen_core.errors import ForbiddenError, ModelNotFound
from picoqwen_core.memory import resident_mb
from picoqwen_core.messages import InstalledModel
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.pool import ModelPool
from picoqwen_core.providers.provider import Provider
from picoqwen_core.server.fields import boolean, integer, nullable, number, string, validated
from picoqwen_core.server.schemas import read_optional_body
from picoqwen_core.server.sse import stream_objects
from picoqwen_core.server.state import state_of

LOAD = vol.Schema(
    {
        vol.Optional("quantization", default=None): nullable(string),
        vol.Optional("context_size", default=None): nullable(integer(64, 1 << 20)),
        vol.Optional("keep_alive", default=None): nullable(number(-1, 1 << 31)),
        vol.Optional("pinned", default=None): nullable(boolean),
        vol.Optional("stream", default=False): nullable(boolean),
    },
    extra=vol.REMOVE_EXTRA,
)
_PROGRESS_SECONDS = 0.5


async def models(request: web.Request) -> web.Response:
    """Id, size in bytes and whether it is loaded; what only the loaded model tells is null until then."""
    providers = state_of(request).router.providers
    data = [entry(provider, model) for provider in providers for model in provider.models]
    return web.json_response({"data": data})


async def openai_models(request: web.Request) -> web.Response:
    """OpenAI's shape."""
    data = [_openai_entry(model) for model in state_of(request).router.models]
    return web.json_response({"object": "list", "data": data})


async def openai_model(request: web.Request) -> web.Response:
    """One model in OpenAI's shape."""
    provider, name = state_of(request).router.choose(request.match_info["id"])
    found = next(model for model in provider.models if model.id == name)
    return web.json_response(_openai_entry(found))


async def load(request: web.Request) -> web.StreamResponse:
    """Load a model, with a context of so many tokens; answers the model's entry once it is ready.

    With `stream` it answers events: {"state": "starting", ...} while it loads, at last the entry.
    """
    body = validated(LOAD, await read_optional_body(request))
    provider = _pool(request).find(request.match_info["id"], body["quantization"])
    if body["pinned"] is not None:
        provider.pinned = body["pinned"] or _pool(request).is_resident(provider)
    if body["keep_alive"] is not None:
        provider.keep_alive = body["keep_alive"]
    loading = _loading(provider, body["context_size"])
    if body["stream"]:
        return await stream_objects(request, loading)
    async for progress in loading:
        last = progress
    return web.json_response(last)


async def unload(request: web.Request) -> web.Response:
    """Give a model's memory back; the next request to it loads it again."""
    pool = _pool(request)
    provider = pool.find(request.match_info["id"])
    await pool.unload(provider)
    return web.json_response(_local_entry(provider))


async def delete(request: web.Request) -> web.Response:
    """Unload a model and remove its file from the models folder."""
    pool = _pool(request)
    provider = pool.find(request.match_info["id"])
    await pool.delete(provider)
    return web.json_response({"id": provider.model_id, "deleted": True})


def entry(provider: Provider, model: InstalledModel) -> dict[str, Any]:
    """A model as the list of models has it."""
    info, health = model.info, provider.health
    return {
        "id": model.id,
        "size": model.size_bytes,
        "loaded": model.loaded,
        "state": health.state,
        "error": health.error,
        "parameters": info.parameters if info else None,
        "quantization": info.quantization if info else None,
        "context_length": info.context_length if info else None,
        "built_in": info.built_in if info else None,
        "pinned": isinstance(provider, LocalProvider) and provider.pinned,
        "memory_mb": resident_mb(health.pid) if health.pid is not None else None,
    }


def _local_entry(provider: LocalProvider) -> dict[str, Any]:
    return entry(provider, provider.models[0])


async def _loading(provider: LocalProvider, context_size: int | None) -> AsyncGenerator[dict[str, Any]]:
    """The model's entry now and then while it loads, and once it has."""
    task = asyncio.create_task(provider.load(context_size), name=f"load {provider.model_id}")
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_PROGRESS_SECONDS)
            if not task.done():
                yield _local_entry(provider)
        await task
        yield _local_entry(provider)
    finally:
        # Whoever asked and left does not stop the loading itself, which belongs to the provider.
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])


def _openai_entry(model: InstalledModel) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": "picoqwen"}


def _pool(request: web.Request) -> ModelPool:
    """The models of this machine; a name that only a remote provider has is refused with the reason."""
    router, name = state_of(request).router, request.match_info.get("id", "")
    if router.pool is None:
        if any(model.id == name for model in router.models):
            raise ForbiddenError(f"model {name!r} is not one of this machine")
        raise ModelNotFound(f"model {name!r} is not installed; this server has no models of its own")
    return router.pool
