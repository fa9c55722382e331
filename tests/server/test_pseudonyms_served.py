"""Pseudonyms from end to end: what a server on the network is told, and what the house hears of it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.messages import ChatDelta
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import END, FakeProvider, asking

HOME = {
    "entities": [
        {"id": "light.kueche", "name": "Küche Sternwarte", "state": "on", "domain": "light", "area": "kueche"}
    ],
    "areas": [{"id": "kueche", "name": "Küche"}],
}
NAMES = ("küche", "kueche", "sternwarte", "k\\u00fc")
PARAMETERS = {"type": "object", "properties": {"name": {"type": "string"}, "area": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "HassTurnOn", "parameters": PARAMETERS}}
SAID = [
    {
        "role": "system",
        "content": "Static Context:\n- names: Küche Sternwarte\n  domain: light\n  areas: Küche",
    },
    {"role": "user", "content": "KÜCHENLICHT und Sternwarte"},
]


class Parrot:
    """An OpenAI-compatible server that says the user's last words again letter by letter, and calls a tool.

    The call's name is what it was told as the name of the light, its arguments come in pieces of two letters.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.sent: list[str] = []
        self.url = ""

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.sent.append(f"{request.headers} {text}".lower())
        body = json.loads(text)
        system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if self.silent:
            await asyncio.sleep(3600)
        for letter in user:
            await response.write(event({"content": letter}))
        if "tools" in body:
            arguments = json.dumps({"name": system.partition("names: ")[2].partition("\n")[0]})
            await response.write(event(call({"name": "HassTurnOn", "arguments": ""}, id="call_1")))
            for at in range(0, len(arguments), 2):
                await response.write(event(call({"arguments": arguments[at : at + 2]})))
        await response.write(event({}, "tool_calls" if "tools" in body else "stop"))
        await response.write_eof()
        return response


def event(delta: dict, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def call(function: dict, **more) -> dict:
    return {"tool_calls": [{"index": 0, "function": function, **more}]}


@pytest.fixture
async def parrot():
    async with Parrot().serving() as server:
        yield server


def cloud(parrot: Parrot, name: str = "cloud", **more) -> Upstream:
    return Upstream(name, parrot.url, "m", "key", timeout=20, input_price=0, output_price=0, **more)


@asynccontextmanager
async def house(*upstreams: Upstream, local: FakeProvider | None = None, **more):
    settings = Settings(port=0, upstreams=upstreams, privacy="pseudonyms", **more)
    local = local or FakeProvider(ChatDelta("from here"), END)
    hybrid = make_hybrid(settings)
    # Its first answer is late, which makes the next one be asked too.
    hybrid._remote[0].vitals.failed("it broke")
    async with listening(make_app(State(settings, Router([local], hybrid=hybrid))), settings) as url:
        yield url


async def ask(http, url: str, **more) -> dict:
    async with http.post(f"{url}/api/v1/chat", json=asking(**{"messages": SAID, **more})) as response:
        return await response.json()


@pytest.mark.parametrize("routing", ["cloud_first", "local_first", "by_rung"])
async def test_no_name_reaches_the_server_and_all_come_back(http, parrot, routing, caplog):
    async with house(cloud(parrot), local=FakeProvider(EngineUnavailable("away")), routing=routing) as url:
        answer = await ask(http, url, home=HOME, tools=[TOOL])
    message = answer["choices"][0]["message"]
    assert message["content"] == "KÜCHENLICHT und Sternwarte"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"name": "Küche Sternwarte"}
    (sent,) = parrot.sent
    assert [name for name in NAMES if name in sent] == []
    assert "hassturnon" in sent
    assert "sternwarte" not in caplog.text.lower()


async def test_results_and_earlier_turns_go_by_pseudonyms_too(http, parrot):
    function = {"name": "HassTurnOn", "arguments": '{"area": "Küche"}'}
    turns = [
        *SAID,
        {"role": "assistant", "tool_calls": [{"id": "kueche_1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "kueche_1", "content": '{"done": "K\\u00fcche Sternwarte"}'},
        {"role": "user", "content": "Danke, und in der Küche?"},
    ]
    async with house(cloud(parrot), routing="cloud_first") as url:
        answer = await ask(http, url, messages=turns, home=HOME)
    assert answer["choices"][0]["message"]["content"] == "Danke, und in der Küche?"
    assert [name for name in NAMES if name in parrot.sent[0]] == []


async def test_a_server_of_the_household_is_told_the_names(http, parrot):
    async with house(cloud(parrot, trusted=True), routing="cloud_first") as url:
        await ask(http, url, home=HOME)
    assert "sternwarte" in parrot.sent[0]


async def test_neither_of_two_that_are_asked_at_once_is_told_a_name(http, parrot):
    async with (
        Parrot(silent=True).serving() as silent,
        house(cloud(silent), cloud(parrot, name="second"), routing="cloud_first") as url,
    ):
        answer = await ask(http, url, home=HOME)
    assert answer["choices"][0]["message"]["content"] == "KÜCHENLICHT und Sternwarte"
    assert [len(silent.sent), len(parrot.sent)] == [1, 1]
    assert [name for name in NAMES if name in silent.sent[0] + parrot.sent[0]] == []


async def test_a_home_of_which_no_name_is_known_stays_in_the_house(http, parrot):
    async with house(cloud(parrot), routing="cloud_first") as url:
        answer = await ask(http, url, messages=[{"role": "user", "content": "on"}], tools=[TOOL])
    assert answer["picoqwen"]["notes"] == ["not cloud: privacy is pseudonyms"]
    assert parrot.sent == []
