"""Lets an ASGI application answer an aiohttp request; nothing here knows what it answers."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

type Event = MutableMapping[str, Any]
type Application = Callable[
    [Event, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[None]
]
_LEAVING_SECONDS = 2.0
# aiohttp writes these itself.
_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection"})


async def serve_asgi(
    request: web.Request, application: Application, user: Any, patience: float
) -> web.StreamResponse:
    """The application's answer, streamed as it comes.

    user: who asks, for the application's scope. patience: seconds for each piece of the request to come and
    each piece of the answer to be taken. The application is told of a client that leaves, and may then end in
    its own way for a moment: being cancelled would look to it as if it had failed.
    """
    exchange = _Exchange(request, patience)
    task = asyncio.create_task(
        _run(application, _scope(request, user), exchange), name=f"answer {request['id']}"
    )
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        exchange.left.set()
        _, pending = await asyncio.wait([task], timeout=_LEAVING_SECONDS)
        if pending:
            task.cancel()
            await asyncio.wait([task])
        raise
    return await exchange.finished()


async def _run(application: Application, scope: Event, exchange: "_Exchange") -> None:
    await application(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, request: web.Request, patience: float) -> None:
        self._request = request
        self._patience = patience
        self._read = False
        # The client has left: what is sent goes nowhere.
        self.left = asyncio.Event()
        self._status, self._headers = 500, list[tuple[str, str]]()
        self._body = b""
        self._response: web.StreamResponse | None = None

    async def receive(self) -> Event:
        """A piece of the request's body; after the last one, that the client has left."""
        if self._read:
            await self.left.wait()
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(self._patience):
                body = await self._request.content.readany()
        except TimeoutError as err:
            raise web.HTTPRequestTimeout from err
        self._read = self._request.content.at_eof()
        return {"type": "http.request", "body": body, "more_body": not self._read}

    async def send(self, event: Event) -> None:
        """The answer's start, or a piece of its body."""
        if event["type"] == "http.response.start":
            self._status = event["status"]
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event["headers"]]
            self._headers = [pair for pair in pairs if pair[0].lower() not in _HOP_BY_HOP]
            # A stream: its client waits for the headers, though there may be nothing to say for long.
            if not any(name.lower() == "content-length" for name, _ in pairs) and not self.left.is_set():
                headers = CIMultiDict([*self._headers, ("X-Request-Id", self._request["id"])])
                self._response = web.StreamResponse(status=self._status, headers=headers)
                await self._response.prepare(self._request)
        elif self._response is None:
            self._body += event.get("body", b"")
        elif not self.left.is_set():
            await self._write(self._response, event.get("body", b""))

    async def finished(self) -> web.StreamResponse:
        """What aiohttp is given back."""
        if self._response is not None:
            async with asyncio.timeout(self._patience):
                await self._response.write_eof()
            return self._response
        return web.Response(status=self._status, headers=CIMultiDict(self._headers), body=self._body or None)

    async def _write(self, response: web.StreamResponse, body: bytes) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await response.write(body)
        except TimeoutError as err:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the client takes nothing") from err


def _scope(request: web.Request, user: Any) -> Event:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": request.raw_path.encode("latin-1", "replace"),
        "query_string": request.query_string.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": (request.remote, 0) if request.remote else None,
        "server": None,
        "user": user,
    }
