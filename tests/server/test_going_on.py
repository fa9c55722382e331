"""An answer that breaks off anywhere, gone on with by another server: nothing is lost, said or done twice."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.messages import ChatDelta, ToolCall
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import END, FakeProvider, asking
from tests.server.test_pseudonyms_served import call, event

WHOLE = "Küche: 21 °C, 🔥 und hell.\nGut? "
MARK = "\n\n[The answer broke off; here it is again from the beginning.]\n\n"
CALLED = ToolCall("c1", "HassTurnOn", {"name": "lamp"})
TOOL = {"type": "function", "function": {"name": "HassTurnOn", "parameters": {"type": "object"}}}


def body_of(pieces: list[dict]) -> bytes:
    """Events whose letters are bytes, so that a cut may fall into the middle of one."""
    return b"".join(
        b"data: " + json.dumps(json.loads(event(each)[6:]), ensure_ascii=False).encode() + b"\n\n"
        for each in pieces
    )


@asynccontextmanager
async def cut_off(body: bytes, at: int):
    """A server that sends so many bytes of a stream, and resets the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[:at])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


class Second:
    """Goes on with the whole text from what it is given, or does what `way` says."""

    def __init__(self, way: str = "goes_on") -> None:
        self.way = way
        self.bodies: list[dict] = []
        self.url = ""

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        last = body["messages"][-1]
        begun = last["content"] if last["role"] == "assistant" else ""
        if begun and self.way == "refuses":
            return web.json_response({"error": {"message": "prefill is not supported"}}, status=400)
        assert not begun or body["continue_final_message"]
        said = {"goes_on": WHOLE.removeprefix(begun), "echoes": WHOLE}.get(self.way, "Anders.")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(said), 4):
            await response.write(event({"content": said[at : at + 4]}))
        if "tools" in body:
            function = {"name": CALLED.name, "arguments": json.dumps(CALLED.arguments)}
            await response.write(event(call(function, id="c2")))
        await response.write(event({}, "tool_calls" if "tools" in body else "stop"))
        await response.write_eof()
        return response


def upstream(name: str, url: str, **more) -> Upstream:
    return Upstream(name, url, "m", timeout=20, trusted=True, **more)


@asynccontextmanager
async def house(*upstreams: Upstream, local: FakeProvider | None = None, **more):
    settings = Settings(port=0, upstreams=upstreams, **{"routing": "cloud_first", "hedge": "off"} | more)
    local = local or FakeProvider(EngineUnavailable("away"))
    state = State(settings, Router([local], hybrid=make_hybrid(settings)))
    async with listening(make_app(state), settings) as url:
        yield url


async def ask(http, url: str, **more) -> dict:
    async with http.post(f"{url}/api/v1/chat", json=asking(**more)) as response:
        return await response.json()


def text(answer: dict) -> str:
    return answer["choices"][0]["message"]["content"]


PIECES = [{"content": WHOLE[at : at + 3]} for at in range(0, len(WHOLE), 3)]
STREAM = body_of(PIECES)
# Here and there, and all of the bytes of a letter that has four.
FIRE = STREAM.index("🔥".encode())
CUTS = sorted({*range(1, len(STREAM), 331), *range(FIRE, FIRE + 5)})


@pytest.mark.parametrize(("way", "cuts"), [("goes_on", CUTS), ("echoes", CUTS[1::3])])
async def test_wherever_it_is_cut_the_answer_is_whole(http, way, cuts):
    async with Second(way).serving() as second:
        for cut in cuts:
            async with (
                cut_off(STREAM, cut) as first,
                house(upstream("first", first), upstream("second", second.url)) as url,
            ):
                answer = await ask(http, url)
            assert (cut, text(answer)) == (cut, WHOLE)
            assert answer["picoqwen"]["provider"] == "second"


@pytest.mark.parametrize(("way", "requests"), [("anew", 1), ("refuses", 2)])
async def test_who_cannot_go_on_begins_anew_behind_a_mark(http, way, requests):
    half = body_of([{"content": "Anders als"}])
    async with (
        Second(way).serving() as second,
        cut_off(half, len(half)) as first,
        house(upstream("first", first), upstream("second", second.url)) as url,
    ):
        answer = await ask(http, url)
        async with http.get(f"{url}/api/v1/health") as response:
            vitals = (await response.json())["hybrid"]["providers"][-1]
    assert text(answer) == f"Anders als{MARK}Anders."
    assert (len(second.bodies), vitals["name"], vitals["failures"]) == (requests, "second", 0)


async def test_a_service_is_not_asked_to_go_on(http):
    half = body_of(PIECES[:4])
    async with (
        Second().serving() as second,
        cut_off(half, len(half)) as first,
        house(upstream("first", first), Upstream("second", second.url, "m", timeout=20)) as url,
    ):
        answer = await ask(http, url)
    assert text(answer) == f"{WHOLE[:12]}{MARK}{WHOLE}"
    assert second.bodies[0]["messages"] == [{"role": "user", "content": "hello"}]


async def test_a_call_that_was_cut_is_made_once_by_who_goes_on(http):
    cut = [*PIECES[:4], call({"name": CALLED.name, "arguments": '{"name": "la'}, id="c1")]
    body = body_of(cut)
    async with (
        Second().serving() as second,
        cut_off(body, len(body)) as first,
        house(upstream("first", first), upstream("second", second.url)) as url,
    ):
        answer = await ask(http, url, tools=[TOOL])
    (made,) = answer["choices"][0]["message"]["tool_calls"]
    assert (made["id"], text(answer)) == ("c2", WHOLE)


@pytest.mark.parametrize("routing", ["local_first", "by_rung"])
async def test_another_server_goes_on_with_what_this_machine_has_begun(http, routing):
    local = FakeProvider(ChatDelta(WHOLE[:7]), EngineUnavailable("it has died"))
    async with (
        Second().serving() as second,
        house(upstream("second", second.url), local=local, routing=routing) as url,
    ):
        answer = await ask(http, url)
    assert (text(answer), answer["picoqwen"]["rung"]) == (WHOLE, "cloud")


@pytest.mark.parametrize("routing", ["local_first", "by_rung"])
async def test_nobody_goes_on_with_what_has_called_a_tool(http, routing):
    local = FakeProvider(ChatDelta("Well."), ChatDelta(tool_call=CALLED), EngineUnavailable("it has died"))
    async with (
        Second().serving() as second,
        house(upstream("second", second.url), local=local, routing=routing) as url,
    ):
        answer = await ask(http, url, tools=[TOOL])
    assert "it has died" in answer["error"]["message"]
    assert second.bodies == []


async def test_this_machine_goes_on_with_what_another_server_has_begun(http):
    local = FakeProvider(ChatDelta(WHOLE[12:]), END)
    half = body_of(PIECES[:4])
    async with cut_off(half, len(half)) as first, house(upstream("first", first), local=local) as url:
        answer = await ask(http, url)
    assert text(answer) == WHOLE
    (request,) = local.requests
    assert (request.continues, request.messages[-1].content) == (True, WHOLE[:12].rstrip())


async def test_our_own_server_goes_on_where_it_is_asked_to(http, serve):
    inner = FakeProvider(ChatDelta(WHOLE[12:]), END, model="big")
    half = body_of(PIECES[:4])
    async with cut_off(half, len(half)) as first:
        behind = Upstream("behind", f"{await serve(inner)}/v1", "big", trusted=True, timeout=20)
        async with house(upstream("first", first), behind) as url:
            assert text(await ask(http, url)) == WHOLE
    (request,) = inner.requests
    assert (request.continues, request.thinking) == (True, False)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"continue_final_message": True}, "the last message must be the assistant's text"),
        ({"add_generation_prompt": False}, "needs continue_final_message"),
    ],
)
async def test_what_cannot_be_gone_on_with_is_refused(http, serve, more, told):
    url = await serve(FakeProvider(END))
    assert told in (await ask(http, url, **more))["error"]["message"]
