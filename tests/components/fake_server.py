"""A Pico-Qwen server that answers what a test tells it to, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

DONE = b"data: [DONE]\n\n"
PICO = {"id": "pico-home", "loaded": True, "built_in": True}
LARGE = {"id": "qwen3-4b", "loaded": False, "built_in": None}
RESOURCES = ("score", "prime", "load", "unload")
type Parts = Iterable[bytes] | AsyncIterable[bytes]


def event(delta: dict[str, Any]) -> bytes:
    """One event of a chat stream."""
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def words(*texts: str) -> list[bytes]:
    """A whole answer of text."""
    return [event({"role": "assistant", "content": ""}), *(event({"content": t}) for t in texts), DONE]


def finish(reason: str = "stop", served: dict[str, Any] | None = None, **usage: Any) -> bytes:
    """The two events with which a server ends an answer."""
    head = {"object": "chat.completion.chunk", "model": "pico-home"}
    end = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    end |= {"picoqwen": served} if served else {}
    last = {**head, "choices": [], "usage": usage}
    return b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in (end, last))


def call(name: str, arguments: str) -> bytes:
    """A tool call, as one event."""
    function = {"name": name, "arguments": arguments}
    return event({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]})


class FakeServer:
    """`answers` holds the streams of the coming chats; `chats` the bodies of those that came."""

    def __init__(self) -> None:
        self.answers: list[Parts | Callable[[], Parts]] = []
        self.chats: list[dict[str, Any]] = []
        self.generations: list[dict[str, Any]] = []
        self.api_key: str | None = None
        self.generated: web.Response | None = None
        self.models_body: Any = {"data": [PICO]}
        self.health_body: dict[str, Any] = {
            "status": "ok",
            "version": "0.1.0",
            "api_rss_mb": 40.5,
            "engines": [{"model": "pico-home", "state": "ready", "error": None, "rss_mb": 100.0}],
        }
        # What came to the other resources, and what they answer; None is a server that does not have them.
        self.asked: dict[str, list[Any]] = {name: [] for name in RESOURCES}
        self.replies: dict[str, web.Response | Callable[[Any], Any] | None] = dict.fromkeys(RESOURCES)
        self.client_left = asyncio.Event()
        # The counters; None is a server that does not count.
        self.counters: dict[str, Any] | None = None
        # Whether there are events, and who watches them.
        self.has_events = False
        self.watchers: list[web.WebSocketResponse] = []
        # The flows, what was run, and what the coming runs answer; None is a server that has none.
        self.flows: list[str] | None = None
        self.runs: list[dict[str, Any]] = []
        self.run_replies: list[web.Response] = []
        self._server: TestServer | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """Where it listens; the same after it was down."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application(middlewares=[self._check_key])
        app.router.add_get("/api/v1/models", self._models)
        app.router.add_post("/api/v1/chat", self._chat)
        app.router.add_post("/api/v1/generate", self._generate)
        app.router.add_get("/api/v1/health", self._health)
        app.router.add_get("/api/v1/status", self._status)
        app.router.add_get("/api/v1/events", self._events)
        app.router.add_get("/api/v1/flows", self._flows)
        app.router.add_post("/api/v1/flows/{flow}/runs", self._run)
        app.router.add_post("/api/v1/{name:score|prime}", self._other)
        app.router.add_post("/api/v1/models/{model}/{name:load|unload}", self._other)
        self._server = TestServer(app, host="127.0.0.1", port=self._port or 0)
        # A request that is still being answered at the end of a test is not waited for.
        await self._server.start_server(shutdown_timeout=0.5)
        self._port = self._server.port

    async def stop(self) -> None:
        """Refuse connections from now on."""
        for each in list(self.watchers):
            await each.close()
        if self._server is not None:
            await self._server.close()
            self._server = None

    @web.middleware
    async def _check_key(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"error": {"message": "wrong key", "code": "auth"}}, status=401)
        return await handler(request)

    async def _models(self, request: web.Request) -> web.Response:
        if isinstance(self.models_body, str):
            return web.Response(text=self.models_body, content_type="text/html")
        return web.json_response(self.models_body)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response(self.health_body)

    async def _status(self, request: web.Request) -> web.Response:
        return _missing() if self.counters is None else web.json_response(self.counters)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not self.has_events:
            return _missing()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.watchers.append(socket)
        await socket.send_json({"type": "status", "status": self.health_body["status"]})
        async for _ in socket:
            continue
        self.watchers.remove(socket)
        return socket

    async def tell(self, **event: Any) -> None:
        """Send an event to who watches."""
        for each in self.watchers:
            await each.send_json(event)

    async def _flows(self, request: web.Request) -> web.Response:
        if self.flows is None:
            return _missing()
        return web.json_response(
            {"flows": [{"name": each, "description": "", "input": ""} for each in self.flows]}
        )

    async def _run(self, request: web.Request) -> web.Response:
        if self.flows is None or request.match_info["flow"] not in self.flows:
            return _missing("flow_not_found")
        self.runs.append(await request.json())
        return self.run_replies.pop(0)

    async def _other(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        reply = self.replies[name]
        if reply is None:
            return _missing()
        body = {**await request.json(), **{k: v for k, v in request.match_info.items() if k != "name"}}
        self.asked[name].append(body)
        return web.json_response(reply(body)) if callable(reply) else reply

    async def _generate(self, request: web.Request) -> web.Response:
        self.generations.append(await request.json())
        assert self.generated is not None
        return self.generated

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.chats.append(await request.json())
        answer = self.answers.pop(0)
        if isinstance(answer, web.Response):
            return answer
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            async for part in _each(answer() if callable(answer) else answer):
                await response.write(part)
        except asyncio.CancelledError:
            self.client_left.set()
            raise
        return response


def _missing(code: str = "not_found") -> web.Response:
    return web.json_response({"error": {"message": "no such path", "code": code}}, status=404)


async def _each(parts: Parts) -> AsyncIterable[bytes]:
    if isinstance(parts, AsyncIterable):
        async for part in parts:
            yield part
    else:
        for part in parts:
            yield part


async def then_silence(*parts: bytes) -> AsyncIterable[bytes]:
    """The parts, and then nothing more while the connection stays open."""
    for part in parts:
        yield part
    await asyncio.Event().wait()
