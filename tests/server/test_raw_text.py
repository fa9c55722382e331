"""Raw text that another server goes on with: by the older interface, or in a chat where it has none."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from benchmarks.stand_ins import StandIn
from picoqwen_core.config import Settings
from picoqwen_core.messages import ChatDelta, GenerateRequest
from picoqwen_core.raw_text import INSTRUCTION
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import END, FakeProvider

PROMPT = "Once upon a time"


def writer(*answer, model: str = "tiny") -> FakeProvider:
    return FakeProvider(*(answer or (ChatDelta(" there was"), ChatDelta(" a lamp."), END)), model=model)


@pytest.fixture
async def house(tmp_path: Path):
    """A server over one local model and other servers: `url = await house(local, upstreams, **settings)`."""
    async with AsyncExitStack() as stack:

        async def start(local: FakeProvider, *upstreams: Upstream, **more) -> str:
            settings = Settings(port=0, upstreams=upstreams, budget_file=tmp_path / "b.db", **more)
            state = State(settings, Router([local], hybrid=make_hybrid(settings)))
            return await stack.enter_async_context(listening(make_app(state), settings))

        yield start


async def go_on(http: aiohttp.ClientSession, url: str, **more) -> dict:
    async with http.post(f"{url}/api/v1/generate", json={"prompt": PROMPT, **more}) as response:
        return {"status": response.status, **await response.json()}


async def test_a_server_that_has_the_older_interface_gets_the_text_as_it_is(house, http, serve):
    there = writer()
    shed = Upstream("shed", f"{await serve(there)}/v1", "tiny", trusted=True)
    here = writer(ChatDelta("from here"), END)
    url = await house(here, shed)
    answer = await go_on(http, url, model="shed/tiny", max_tokens=9, stop="END", top_k=5)
    assert answer["text"] == " there was a lamp."
    assert (answer["picoqwen"]["provider"], answer["model"]) == ("shed", "shed/tiny")
    (asked,) = there.requests
    assert isinstance(asked, GenerateRequest)
    assert (asked.prompt, asked.max_tokens, asked.stop) == (PROMPT, 9, ("END",))
    assert asked.sampling.top_k == 5
    assert not here.requests


async def test_a_server_without_it_is_asked_in_a_chat(house, http):
    async with StandIn().serving() as stand_in:
        cloud = Upstream("cloud", stand_in.url, "well", "key", input_price=1, output_price=1)
        url = await house(writer(ChatDelta("from here"), END), cloud, routing="cloud_first")
        first, second = await go_on(http, url), await go_on(http, url)
    assert first["text"] == second["text"] == "The lamp is on."
    assert first["picoqwen"]["cost"] == pytest.approx(120e-6)
    assert first["picoqwen"]["notes"] == []
    told = {"role": "system", "content": INSTRUCTION}, {"role": "user", "content": PROMPT}
    assert [tuple(each["messages"]) for each in stand_in.bodies] == [told, told]


async def test_the_strategy_decides_who_goes_on_where_no_model_is_named(house, http, serve):
    shed = Upstream("shed", f"{await serve(writer())}/v1", "tiny", trusted=True)
    url = await house(writer(ChatDelta("from here"), END), shed)
    asked = {"local_first": "local", "cloud_first": "shed", "by_rung": "local"}
    served = {each: (await go_on(http, url, routing=each))["picoqwen"]["provider"] for each in asked}
    assert served == asked
    assert (await go_on(http, url, routing="local_only"))["text"] == "from here"
    assert (await go_on(http, url, model="tiny"))["text"] == "from here"


@pytest.mark.parametrize("routing", ["local_first", "by_rung", "cheapest"])
async def test_the_built_in_model_writes_no_free_text_where_another_may(house, http, serve, routing):
    shed = Upstream("shed", f"{await serve(writer())}/v1", "tiny", trusted=True)
    built_in = writer(ChatDelta("turn_on light"), END, model="pico-home")
    url = await house(built_in, shed, routing=routing)
    assert (await go_on(http, url))["text"] == " there was a lamp."
    assert not built_in.requests


async def test_the_error_names_the_server_that_did_not_go_on(house, http):
    built_in = writer(model="pico-home")
    gone = Upstream("shed", "http://127.0.0.1:1/v1", "tiny", trusted=True)
    answer = await go_on(http, await house(built_in, gone), model="shed/tiny")
    assert answer["status"] == 503
    assert "shed: the connection failed" in answer["error"]["message"]
    assert not built_in.requests


async def test_text_stays_here_where_privacy_says_so_or_the_server_cannot_hold_the_form(house, http, serve):
    there = writer()
    cloud = Upstream("cloud", f"{await serve(there)}/v1", "tiny", input_price=0, output_price=0)
    url = await house(writer(ChatDelta("from here"), END), cloud, routing="cloud_first", privacy="nothing")
    answer = await go_on(http, url)
    assert answer["text"] == "from here"
    assert answer["picoqwen"]["notes"] == ["not cloud: privacy is nothing"]
    open_url = await house(writer(ChatDelta("from here"), END), cloud, routing="cloud_first")
    assert (await go_on(http, open_url, logprobs=1))["text"] == "from here"
    assert not there.requests


@pytest.mark.parametrize("path", ["/api/v1/generate", "/v1/completions", "/api/generate"])
async def test_every_interface_of_raw_text_streams_from_another_server(house, http, serve, path):
    shed = Upstream("shed", f"{await serve(writer())}/v1", "tiny", trusted=True)
    url = await house(writer(ChatDelta("from here"), END), shed)
    body = {"prompt": PROMPT, "model": "shed/tiny", "stream": True, "raw": True}
    async with http.post(url + path, json=body) as response:
        lines = [line.removeprefix("data: ") for line in (await response.text()).splitlines()]
    chunks = [json.loads(line) for line in lines if line.startswith("{")]
    texts = [
        each.get("text") or each.get("response") or "".join(c["text"] for c in each.get("choices", ()))
        for each in chunks
    ]
    assert "".join(texts) == " there was a lamp."


@asynccontextmanager
async def breaking_off(*texts: str):
    """A server of the older interface that says so much and closes the connection; its address."""
    choices = ({"choices": [{"index": 0, "text": each, "finish_reason": None}]} for each in texts)
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in choices)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n")
        writer.write(body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def test_a_text_that_breaks_off_is_gone_on_with_from_its_last_word(house, http):
    local = writer(ChatDelta("was a lamp."), END)
    async with breaking_off(" there", " ") as address:
        url = await house(local, Upstream("shed", address, "tiny", trusted=True), routing="cloud_first")
        answer = await go_on(http, url)
    assert answer["text"] == " there was a lamp."
    assert [each.prompt for each in local.requests] == [f"{PROMPT} there"]
