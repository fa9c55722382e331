"""A stand-in for an OpenAI-compatible server that fails in the way that the asked model's name says."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from benchmarks.certificates import self_signed

WORDS = ("The ", "lamp ", "is ", "on.")
PROMPT_TOKENS, COMPLETION_TOKENS = 100, 20
# What happens before the answer's status, or instead of an answer: status, headers, body.
REFUSALS: Mapping[str, tuple[int, dict[str, str], bytes]] = {
    "http_401": (401, {}, b'{"error": {"message": "Incorrect API key provided: top-secret"}}'),
    "http_404": (404, {}, b'{"error": {"message": "there is no such model"}}'),
    "http_429": (429, {"Retry-After": "30"}, b'{"error": {"message": "slow down"}}'),
    "http_500": (500, {}, b'{"error": {"message": "it broke"}}'),
    "http_503_page": (503, {"Content-Type": "text/html"}, b"<html>" + b"x" * 10_000_000),
}
STREAMS = (
    "stall_first",
    "stall_mid",
    "cut_first",
    "cut_mid",
    "cut_mid_call",
    "ends_early",
    "garbage",
    "not_objects",
    "wrong_type",
    "says_nothing",
    "error_event",
    "endless_nothing",
)
# What never reaches it: nobody listens, there is no such host, and a certificate that nobody has signed or
# that is another host's.
_ADDRESSES = {"refused": "http://127.0.0.1:1/v1", "no_such_host": "http://no-such-host.invalid/v1"}
FAULTS = (*_ADDRESSES, "self_signed", *REFUSALS, *STREAMS)
# Those after whose first words somebody else has to begin anew.
MID_ANSWER = frozenset({"stall_mid", "cut_mid", "ends_early"})
# It never stops talking: what it said is cut, and is the answer.
ENDLESS = "endless"
# It answers, and says that it will not answer another.
LAST_ONE = "last_one"
_USED_UP = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"}
# It speaks slowly and for long, so that the network can be taken away meanwhile.
DRIP = "drip"
_DRIPS, _DRIP_SECONDS = 10, 0.2


class StandIn:
    """Counts what it was asked and what it sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.prompt_tokens = self.completion_tokens = 0
        # Who went away before the end.
        self.left = 0
        self.url = self.secure_url = ""
        # The certificate of secure_url, which is that of another host, as PEM.
        self.certificate = ""
        self._over = asyncio.Event()

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1") -> AsyncIterator["StandIn"]:
        """Listen on a free port of that address."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        # A client that leaves cancels the handler, as it stands where it stalls.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, 0).start()
            context, self.certificate = self_signed("elsewhere.invalid")
            await web.TCPSite(runner, host, 0, ssl_context=context).start()
            ports = [address[1] for address in runner.addresses]
            self.url, self.secure_url = f"http://{host}:{ports[0]}/v1", f"https://{host}:{ports[1]}/v1"
            yield self
        finally:
            self._over.set()
            await runner.cleanup()

    def address(self, fault: str) -> str:
        """Where an upstream with this fault is to be asked."""
        return self.secure_url if fault == "self_signed" else _ADDRESSES.get(fault, self.url)

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        fault = body["model"]
        if fault in REFUSALS:
            status, headers, page = REFUSALS[fault]
            return web.Response(
                status=status, headers={"Content-Type": "application/json", **headers}, body=page
            )
        kind = "text/html" if fault == "wrong_type" else "text/event-stream"
        response = web.StreamResponse(
            headers={"Content-Type": kind} | (_USED_UP if fault == LAST_ONE else {})
        )
        await response.prepare(request)
        if fault == "stall_first":
            await self._stall()
        if fault == "cut_first":
            return _cut(request, response)
        try:
            for event in _events(fault):
                await response.write(event)
                await asyncio.sleep(_DRIP_SECONDS if fault == DRIP else 0)
            while fault.startswith("endless"):
                await response.write(_event(_choice({"content": "and " if fault == ENDLESS else ""})))
        except asyncio.CancelledError:
            self.left += 1
            raise
        except ConnectionError:
            self.left += 1
            return response
        if fault == "stall_mid":
            await self._stall()
        if fault in ("cut_mid", "cut_mid_call"):
            await asyncio.sleep(0.05)  # what was written goes out before the connection is reset
            return _cut(request, response)
        if fault in ("well", "calls", DRIP):
            self.prompt_tokens += PROMPT_TOKENS
            self.completion_tokens += COMPLETION_TOKENS
        with suppress(ConnectionError):
            await response.write_eof()
        return response

    async def _stall(self) -> None:
        try:
            await self._over.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise


def _cut(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response


def _events(fault: str) -> list[bytes]:
    words = [_event(_choice({"content": word})) for word in WORDS]
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
    end = [_event(_choice({}, "stop")), _event({"choices": [], "usage": usage}), b"data: [DONE]\n\n"]
    call = {"index": 0, "id": "call_7", "function": {"name": "HassTurnOn", "arguments": '{"name": "la'}}
    rest = {"index": 0, "function": {"arguments": 'mp"}'}}
    called = [_event(_choice({}, "tool_calls")), *end[1:]]
    return {
        "well": [*words, *end],
        LAST_ONE: [*words, *end],
        DRIP: [*words * _DRIPS, *end],
        "calls": [_event(_choice({"tool_calls": [each]})) for each in (call, rest)] + called,
        "cut_mid_call": [_event(_choice({"tool_calls": [call]}))],
        "garbage": [b"data: {not json\n\n"],
        "not_objects": [b"data: [1, 2]\n\n", b'data: "text"\n\n', b'data: {"choices": [7]}\n\n'],
        "wrong_type": [b"<html><body>Please log in</body></html>"],
        "says_nothing": end,
        "endless_nothing": [],
        "error_event": [_event({"error": {"message": "out of memory"}})],
    }.get(fault, words[:2])


def _choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice]}


def _event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
