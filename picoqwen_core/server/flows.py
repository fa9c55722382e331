"""Flows over HTTP: which there are, runs at once or as events, their history, going on, cancelling."""

import asyncio
from dataclasses import asdict
from typing import Any

import voluptuous as vol
from aiohttp import web

from picoqwen_core.errors import RequestError
from picoqwen_core.server.access import CALLER
from picoqwen_core.server.agents import agents_of
from picoqwen_core.server.fields import boolean, described, integer, nullable, number, string, validated
from picoqwen_core.server.schemas import read_body, read_optional_body
from picoqwen_core.server.sse import stream_objects

_MOST_CHARACTERS = 20_000


def _input(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= len(value) <= _MOST_CHARACTERS:
        raise vol.Invalid(f"must be a string of 1 to {_MOST_CHARACTERS} characters")
    return value


described(_input, type="string", minLength=1, maxLength=_MOST_CHARACTERS)
_LIMITS = vol.Schema(
    {
        vol.Optional("steps"): integer(1, 1000),
        vol.Optional("tokens"): integer(1, 10_000_000),
        vol.Optional("seconds"): number(0.1, 3600),
        vol.Optional("cost"): number(0, 1000),
    }
)
RUN = vol.Schema(
    {
        vol.Required("input"): _input,
        vol.Optional("stream", default=False): nullable(boolean),
        vol.Optional("limits", default=None): nullable(_LIMITS),
        vol.Optional("model", default=None): nullable(string),
    },
    extra=vol.REMOVE_EXTRA,
)
RESUME = vol.Schema({vol.Optional("stream", default=False): nullable(boolean)}, extra=vol.REMOVE_EXTRA)


async def flows(request: web.Request) -> web.Response:
    """The flows there are, what each lacks to run, and its limits."""
    orchestrator = agents_of(request).orchestrator
    known = [
        {
            "name": flow.name,
            "description": flow.description,
            "input": flow.input,
            "tools": list(flow.tools),
            "lacks": [name for name in flow.tools if name not in orchestrator.tools],
            "limits": asdict(flow.limits),
        }
        for flow in orchestrator.flows.values()
    ]
    return web.json_response({"flows": known})


async def start(request: web.Request) -> web.StreamResponse:
    """Run a flow: its result at the end, or its events as they happen. A client that leaves ends it."""
    runner = agents_of(request).runner
    data = validated(RUN, await read_body(request))
    name, owner = request.match_info["id"], request[CALLER]
    running = runner.start(name, data["input"], owner, data["limits"], data["model"])
    return await _answered(request, running, stream=bool(data["stream"]))


async def resume(request: web.Request) -> web.StreamResponse:
    """Go on with a run that a restart broke off, from its last whole step."""
    data = validated(RESUME, await read_optional_body(request))
    running = await agents_of(request).runner.resume(request.match_info["id"], request[CALLER])
    return await _answered(request, running, stream=bool(data["stream"]))


async def runs(request: web.Request) -> web.Response:
    """The caller's last runs, the newest first; `limit` of them."""
    text = request.query.get("limit", "20")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 200:
        raise RequestError(f"limit: must be a whole number from 1 to 200, got {text[:20]!r}")
    store = agents_of(request).runner.store
    return web.json_response({"runs": await asyncio.to_thread(store.newest, request[CALLER], int(text))})


async def run(request: web.Request) -> web.Response:
    """One run."""
    store = agents_of(request).runner.store
    return web.json_response(await asyncio.to_thread(store.one, request.match_info["id"], request[CALLER]))


async def cancel(request: web.Request) -> web.Response:
    """End a run that goes on; the run as it is then."""
    found = await agents_of(request).runner.cancel(request.match_info["id"], request[CALLER])
    return web.json_response(found)


async def _answered(request: web.Request, running: Any, *, stream: bool) -> web.StreamResponse:
    events = agents_of(request).runner.events(running)
    if stream:
        return await stream_objects(request, events)
    async for _ in events:
        continue
    return web.json_response(running.result())
