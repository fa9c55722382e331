"""Server-sent events: a stream of JSON objects that ends with [DONE], or with an error event."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web

from picoqwen_core.errors import PicoQwenError
from picoqwen_core.messages import ChatDelta
from picoqwen_core.server.completion import truncated_headers
from picoqwen_core.server.middleware import error_body, unexpected
from picoqwen_core.server.progress import Waiting
from picoqwen_core.server.state import state_of

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
_NO_HEADERS: Mapping[str, str] = {}
_PROGRESS_SECONDS = 0.5
type Chunks = Callable[[ChatDelta], list[dict[str, Any]]]


async def stream(
    request: web.Request,
    deltas: AsyncGenerator[ChatDelta],
    chunks: Chunks,
    first: list[dict[str, Any]],
    waiting: Waiting | None = None,
) -> web.StreamResponse:
    """Send each delta's chunks as they come. An error before the first delta is an ordinary answer.

    When the client leaves, the handler is cancelled and the deltas are closed, which stops the engine. A
    client that takes nothing for idle_timeout seconds is cut off, to the same effect. waiting: what to tell,
    as events of the name "progress", until the first delta comes; an error after those is an event too.
    """
    patience = state_of(request).settings.idle_timeout
    async with aclosing(deltas), _asked(deltas) as asked:
        response = await _told(request, asked, waiting) if waiting is not None else None
        if response is None:
            ahead = await asked
            response = await _begun(
                request, truncated_headers(ahead.truncated if ahead is not None else None)
            )
        opening = b"".join(_event(chunk) for chunk in first)
        try:
            async with aclosing(_events(request, asked, deltas, chunks)) as events:
                async for event in events:
                    await _within(patience, response.write(opening + event))
                    opening = b""
            await _within(patience, response.write_eof())
        except (ConnectionError, TimeoutError):
            _cut_off(request)
        return response


@asynccontextmanager
async def _asked(deltas: AsyncGenerator[ChatDelta]) -> AsyncIterator[asyncio.Future[ChatDelta | None]]:
    """The first delta, asked for; a generator that is being asked could not be closed at the end."""
    asked = asyncio.ensure_future(anext(deltas, None))
    try:
        yield asked
    finally:
        if not asked.done():
            asked.cancel()
            await asyncio.wait([asked])


async def _told(
    request: web.Request, asked: asyncio.Future[Any], waiting: Waiting
) -> web.StreamResponse | None:
    """Wait for the first delta; the response, if the client was told something meanwhile."""
    patience, response = state_of(request).settings.idle_timeout, None
    while not (await asyncio.wait([asked], timeout=_PROGRESS_SECONDS))[0]:
        if (told := waiting()) is not None:
            response = response or await _begun(request)
            try:
                await _within(patience, response.write(b"event: progress\n" + _event(told)))
            except (ConnectionError, TimeoutError):
                _cut_off(request)
                break
    return response


async def _begun(request: web.Request, more: Mapping[str, str] = _NO_HEADERS) -> web.StreamResponse:
    response = web.StreamResponse(headers={**_HEADERS, "X-Request-Id": request["id"], **more})
    await response.prepare(request)
    return response


async def stream_objects(
    request: web.Request, objects: AsyncGenerator[Mapping[str, Any]]
) -> web.StreamResponse:
    """Send JSON objects as events to the end; an error before the first is an ordinary answer."""
    async with aclosing(objects):
        ahead = await anext(objects, None)
        response = await _begun(request)
        patience = state_of(request).settings.idle_timeout
        try:
            try:
                while ahead is not None:
                    await _within(patience, response.write(_event(ahead)))
                    ahead = await anext(objects, None)
                await _within(patience, response.write(b"data: [DONE]\n\n"))
            except PicoQwenError as err:
                await _within(patience, response.write(_error_event(err)))
            await _within(patience, response.write_eof())
        except (ConnectionError, TimeoutError):
            _cut_off(request)
        return response


async def _events(
    request: web.Request,
    asked: asyncio.Future[ChatDelta | None],
    deltas: AsyncGenerator[ChatDelta],
    chunks: Chunks,
) -> AsyncGenerator[bytes]:
    """What goes over the wire after the opening, to the end, whichever it is."""
    try:
        ahead = await asked
        while ahead is not None:
            if made := chunks(ahead):
                yield b"".join(_event(chunk) for chunk in made)
            ahead = await anext(deltas, None)
        yield b"data: [DONE]\n\n"
    except PicoQwenError as err:
        yield _error_event(err)
    except Exception as err:
        yield _error_event(unexpected(request, err))


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _error_event(error: PicoQwenError) -> bytes:
    return b"event: error\n" + _event(error_body(error))


async def _within(seconds: float, sending: Awaitable[None]) -> None:
    async with asyncio.timeout(seconds):
        await sending


def _cut_off(request: web.Request) -> None:
    """The client has left, or does not read: what it has not taken by now is dropped."""
    if request.transport is not None:
        request.transport.abort()
