"""Lines of JSON, as Ollama streams them; an error in the middle is a line too."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from aiohttp import web

from picoqwen_core.errors import PicoQwenError
from picoqwen_core.server.middleware import unexpected
from picoqwen_core.server.state import state_of


async def stream_lines(
    request: web.Request, objects: AsyncGenerator[Mapping[str, Any]]
) -> web.StreamResponse:
    """Send objects as they come; an error before the first is an ordinary answer."""
    patience = state_of(request).settings.idle_timeout
    async with aclosing(objects):
        ahead = await anext(objects, None)
        headers = {"Content-Type": "application/x-ndjson", "X-Request-Id": request["id"]}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            async with aclosing(_lines(request, ahead, objects)) as lines:
                async for line in lines:
                    async with asyncio.timeout(patience):
                        await response.write(line)
            async with asyncio.timeout(patience):
                await response.write_eof()
        except (ConnectionError, TimeoutError):
            # The client has left, or does not read: what it has not taken by now is dropped.
            if request.transport is not None:
                request.transport.abort()
        return response


async def _lines(
    request: web.Request, ahead: Mapping[str, Any] | None, objects: AsyncGenerator[Mapping[str, Any]]
) -> AsyncGenerator[bytes]:
    try:
        while ahead is not None:
            yield json.dumps(ahead, ensure_ascii=False).encode() + b"\n"
            ahead = await anext(objects, None)
    except PicoQwenError as err:
        yield json.dumps({"error": str(err)}).encode() + b"\n"
    except Exception as err:
        yield json.dumps({"error": str(unexpected(request, err))}).encode() + b"\n"
