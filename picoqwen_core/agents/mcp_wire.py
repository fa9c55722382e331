"""How another MCP server is reached: a process by its pipes, or an address by Streamable HTTP.

The protocol's package speaks over both. The pipes are our own, because the package's collect a line of any
length and log every line that is no message; so is the limit of an answer in JSON, which it reads whole.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import httpx2
from mcp.client.stdio import get_default_environment
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from picoqwen_core.mcp_servers import McpServer

_LOGGER = logging.getLogger(__name__)
# Of one message.
MAX_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10.0
# A server that prints what is no message is given up after so many lines in a row.
_MOST_RUBBISH = 200
_EXIT_SECONDS = 2.0
type Streams = tuple[Any, Any]


@asynccontextmanager
async def streams(server: McpServer) -> AsyncIterator[Streams]:
    """What is read from the server and what is written to it.

    Raises OSError where the command cannot be started; an address is tried with the first message.
    """
    if server.command:
        async with _pipes(server) as pipes:
            yield pipes
        return
    headers = dict(server.headers)
    if server.api_key:
        headers["Authorization"] = f"Bearer {server.api_key}"
    # A stream of notifications may be silent for long; calls have a limit of their own.
    timeout = httpx2.Timeout(max(server.timeout, _CONNECT_SECONDS), connect=_CONNECT_SECONDS, read=300.0)
    limited = _Limited(httpx2.AsyncHTTPTransport())
    async with (
        httpx2.AsyncClient(headers=headers, timeout=timeout, transport=limited, trust_env=False) as client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=MAX_BYTES) as pair,
    ):
        yield pair


class _Limited(httpx2.AsyncBaseTransport):
    """Breaks off an answer that is no stream of events and longer than a message may be."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The inner transport's answer, counted."""
        response = await self._inner.handle_async_request(request)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.stream = _Counted(response.stream, request)
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in self._inner:
            count += len(chunk)
            if count > MAX_BYTES:
                raise httpx2.ReadError(f"more than {MAX_BYTES} bytes in one answer", request=self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def _pipes(server: McpServer) -> AsyncIterator[Streams]:
    """A process's stdin and stdout; it is stopped in the end, with whatever it has started."""
    process = await asyncio.create_subprocess_exec(
        server.command,
        *server.args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # What it has to say to people may be much, and may hold secrets.
        stderr=asyncio.subprocess.DEVNULL,
        env={**get_default_environment(), **server.env},
        start_new_session=True,
        limit=MAX_BYTES,
    )
    incoming, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    sent, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_read(process, incoming, server.name), name=f"mcp {server.name} reads"),
        asyncio.create_task(_write(process, outgoing, incoming), name=f"mcp {server.name} writes"),
    ]
    try:
        yield received, sent
    finally:
        for task in tasks:
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*tasks, return_exceptions=True)
            await _stop(process)
        for stream in (incoming, received, sent, outgoing):
            stream.close()


async def _read(process: asyncio.subprocess.Process, incoming: Any, name: str) -> None:
    """Messages, a line each, until the process ends or makes no sense; then the session hears of it."""
    assert process.stdout is not None
    rubbish = 0
    try:
        while rubbish < _MOST_RUBBISH and (line := await process.stdout.readline()):
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                rubbish += 1
                _LOGGER.debug("MCP server %s printed a line that is no message", name)
                continue
            rubbish = 0
            await incoming.send(SessionMessage(message))
    except ValueError:
        _LOGGER.warning("MCP server %s printed a line of more than %d bytes", name, MAX_BYTES)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        return
    finally:
        incoming.close()


async def _write(process: asyncio.subprocess.Process, outgoing: Any, incoming: Any) -> None:
    assert process.stdin is not None
    try:
        async for message in outgoing:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except (OSError, RuntimeError):
        # Nobody reads any more: the session must not wait for an answer.
        incoming.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close its input and let it go; where it does not, end the process and all that it started."""
    if process.stdin is not None:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_SECONDS):
                await process.wait()
                break
    # Children that outlived it hold its pipes.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
