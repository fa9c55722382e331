"""Server-sent events: a stream of JSON objects that ends with [DONE]."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from aiohttp import web

from picoqwen_core.errors import EngineUnavailable, PicoQwenError
from picoqwen_core.messages import ChatDelta
from picoqwen_core.server.middleware import error_body

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
Chunks = Callable[[ChatDelta], list[dict[str, Any]]]


async def timed(deltas: AsyncGenerator[ChatDelta], seconds: float) -> AsyncGenerator[ChatDelta]:
    """The same deltas; raises EngineUnavailable when the next one takes longer than `seconds`."""
    async with aclosing(deltas):
        while True:
            try:
                async with asyncio.timeout(seconds):
                    delta = await anext(deltas)
            except StopAsyncIteration:
                return
            except TimeoutError as err:
                raise EngineUnavailable(f"no answer for {seconds:g} s") from err
            yield delta


async def stream(
    request: web.Request, deltas: AsyncGenerator[ChatDelta], chunks: Chunks, first: list[dict[str, Any]]
) -> web.StreamResponse:
    """Send each delta's chunks as they come. An error before the first delta is an ordinary answer.

    When the client leaves, the handler is cancelled and the deltas are closed, which stops the engine.
    """
    async with aclosing(deltas):
        ahead = await anext(deltas, None)
        response = web.StreamResponse(headers={**_HEADERS, "X-Request-Id": request["id"]})
        await response.prepare(request)
        for chunk in first:
            await _send(response, chunk)
        try:
            while ahead is not None:
                for chunk in chunks(ahead):
                    await _send(response, chunk)
                ahead = await anext(deltas, None)
            await response.write(b"data: [DONE]\n\n")
        except PicoQwenError as err:
            await response.write(b"event: error\ndata: " + json.dumps(error_body(err)).encode() + b"\n\n")
        await response.write_eof()
        return response


async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    data = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    await response.write(b"data: " + data.encode() + b"\n\n")
