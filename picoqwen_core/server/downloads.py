"""Downloads and the catalogue over HTTP: what can be fetched, what is being fetched, and how far it is."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import voluptuous as vol
from aiohttp import web

from picoqwen_core.catalog import find_offer, offers, recommended
from picoqwen_core.cpu import detect_cpu, usable_cores
from picoqwen_core.errors import ForbiddenError, ModelNotFound, RequestError
from picoqwen_core.hub.downloads import Download, Downloads
from picoqwen_core.server.fields import boolean, nullable, string, validated
from picoqwen_core.server.local_models import pool_limits
from picoqwen_core.server.middleware import error_body
from picoqwen_core.server.schemas import read_body
from picoqwen_core.server.sse import stream_objects
from picoqwen_core.server.state import state_of
from picoqwen_core.strategy import expected_bandwidth

DOWNLOAD = vol.Schema(
    {
        vol.Optional("model", default=None): nullable(string),
        vol.Optional("repository", default=None): nullable(string),
        vol.Optional("file", default=None): nullable(string),
        vol.Optional("quantization", default=None): nullable(string),
        vol.Optional("stream", default=False): nullable(boolean),
    },
    extra=vol.REMOVE_EXTRA,
)
# Events are sent no closer than this.
_SECONDS_BETWEEN = 0.25


async def catalog(request: web.Request) -> web.Response:
    """Known models with size and need, which of them is installed, fits, and suits this machine best."""
    state = state_of(request)
    memory = pool_limits(state.settings).max_bytes or 0
    settings = state.settings
    cores = settings.threads or usable_cores()
    cpu = await asyncio.to_thread(detect_cpu, cache_dir=settings.cache_dir, measure=None)
    best = recommended(memory, expected_bandwidth(cpu, settings.cpu_target))
    installed = {model.id.casefold() for model in state.router.models}
    data = [
        {
            "id": offer.id,
            "repository": offer.repository,
            "file": offer.file,
            "quantization": offer.quantization,
            "parameters": offer.parameters,
            "size": offer.size_bytes,
            "memory_mb": offer.memory_bytes // 1_000_000,
            "fits": offer.memory_bytes <= memory,
            "recommended": offer == best,
            "installed": offer.id.casefold() in installed,
        }
        for offer in offers()
    ]
    return web.json_response({"machine": {"memory_mb": memory // 1_000_000, "cores": cores}, "data": data})


async def begin(request: web.Request) -> web.StreamResponse:
    """Fetch a `model` of the catalogue, or from a `repository`; 202 with the job, or its events."""
    body = validated(DOWNLOAD, await read_body(request))
    repository, file = body["repository"], body["file"]
    if (body["model"] is None) == (repository is None):
        raise RequestError("model, or repository: one of the two is needed")
    if body["model"] is not None:
        offer = find_offer(body["model"])
        if offer is None:
            known = ", ".join(each.id for each in offers())
            raise ModelNotFound(f"model {body['model']!r} is not in the catalogue; there is: {known}")
        repository, file = offer.repository, None if body["quantization"] else offer.file
    job = downloads_of(request).begin(repository, file, body["quantization"])
    if body["stream"]:
        return await stream_objects(request, progress_of(downloads_of(request), job))
    return web.json_response(job_json(job), status=202)


async def jobs(request: web.Request) -> web.Response:
    """All downloads since the start."""
    return web.json_response({"data": [job_json(job) for job in downloads_of(request).jobs.values()]})


async def job(request: web.Request) -> web.Response:
    """One download as it is now."""
    return web.json_response(job_json(downloads_of(request).find(request.match_info["id"])))


async def events(request: web.Request) -> web.StreamResponse:
    """A download as events until it is over."""
    downloads = downloads_of(request)
    return await stream_objects(request, progress_of(downloads, downloads.find(request.match_info["id"])))


async def cancel(request: web.Request) -> web.Response:
    """Stop a download; what has arrived is used by the next attempt."""
    downloads = downloads_of(request)
    found = downloads.find(request.match_info["id"])
    await downloads.cancel(found)
    return web.json_response(job_json(found))


def downloads_of(request: web.Request) -> Downloads:
    """The jobs of the server. Raises ForbiddenError where it has no models of its own."""
    downloads = state_of(request).downloads
    if downloads is None:
        raise ForbiddenError("this server has no models folder")
    return downloads


async def progress_of(downloads: Downloads, job: Download) -> AsyncGenerator[dict[str, Any]]:
    """The job after its changes, not too often."""
    last = 0.0
    async for state in downloads.watch(job):
        if (wait := last + _SECONDS_BETWEEN - time.monotonic()) > 0 and not state.is_over:
            await asyncio.sleep(wait)
        last = time.monotonic()
        yield job_json(state)


def job_json(job: Download) -> dict[str, Any]:
    """A download in JSON; `error` has the shape that all errors have."""
    return {
        "id": job.id,
        "repository": job.repository,
        "file": job.file,
        "model": job.model,
        "state": job.state,
        "size": job.size,
        "received": job.received,
        "error": error_body(job.error)["error"] if job.error is not None else None,
    }
