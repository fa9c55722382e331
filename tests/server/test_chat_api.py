"""POST /api/v1/chat and /v1/chat/completions over a fake provider: formats, errors, leaving."""

import asyncio
import json

import aiohttp
import pytest

from picoqwen_core.errors import BusyError, ContextLengthExceeded, EngineUnavailable
from picoqwen_core.messages import (
    ChatDelta,
    HomeArea,
    HomeContext,
    HomeEntity,
    HomeFloor,
    Message,
    SamplingParams,
    ToolCall,
    ToolSpec,
)
from tests.server.conftest import END, FakeProvider, asking, serving

PATHS = ("/api/v1/chat", "/v1/chat/completions")
FOREVER = (ChatDelta("on "),) * 3 + (3600.0,)


def events(text: str) -> list:
    """The data of a stream's events as JSON; [DONE] as it is."""
    assert text.endswith("\n\n")
    lines = text.removesuffix("\n\n").split("\n\n")
    assert all(line.startswith(("data: ", "event: error\ndata: ")) for line in lines)
    data = [line.removeprefix("event: error\n").removeprefix("data: ") for line in lines]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_at_once_is_a_chat_completion(serve, http, path):
    call = ToolCall("call_1", "HassTurnOn", {"name": "Küche"})
    provider = FakeProvider(
        ChatDelta(reasoning="hm"), ChatDelta("Hel"), ChatDelta("lo"), ChatDelta(tool_call=call), END
    )
    url = await serve(provider)

    async with http.post(url + path, json=asking()) as response:
        body = await response.json()

    assert response.status == 200
    assert body.pop("id").startswith("chatcmpl-")
    assert body.pop("created") > 1.7e9
    function = {"name": "HassTurnOn", "arguments": '{"name": "Küche"}'}
    assert body == {
        "object": "chat.completion",
        "picoqwen": {
            "provider": "local",
            "model": "tiny",
            "cost": 0.0,
            "notes": [],
            "rung": "local",
            "reason": "no other server is to be asked",
        },
        "model": "tiny",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 2,
            "total_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 3},
        },
    }


@pytest.mark.parametrize("path", PATHS)
async def test_a_stream_is_made_of_chunks_and_ends_with_done(serve, http, path):
    url = await serve(FakeProvider(ChatDelta(reasoning="hm"), ChatDelta("Hé"), END))

    async with http.post(url + path, json=asking(stream=True)) as response:
        text = await response.text()

    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    *chunks, done = events(text)
    assert done == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
        [{"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "Hé"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    ]
    assert all("usage" not in chunk for chunk in chunks)


async def test_each_tool_call_has_a_chunk_of_its_own(serve, http):
    calls = [ToolCall(f"call_{n}", "HassTurnOn", {"n": n}) for n in range(2)]
    url = await serve(FakeProvider(*(ChatDelta(tool_call=call) for call in calls), END))

    async with http.post(url + PATHS[0], json=asking(stream=True)) as response:
        chunks = events(await response.text())

    assert [chunk["choices"][0]["delta"] for chunk in chunks[1:3]] == [
        {
            "tool_calls": [
                {
                    "index": n,
                    "id": f"call_{n}",
                    "type": "function",
                    "function": {"name": "HassTurnOn", "arguments": f'{{"n": {n}}}'},
                }
            ]
        }
        for n in range(2)
    ]


async def test_usage_comes_in_a_last_chunk_where_it_is_asked_for(serve, http):
    url = await serve(FakeProvider(ChatDelta("a"), END))

    body = asking(stream=True, stream_options={"include_usage": True})
    async with http.post(url + PATHS[1], json=body) as response:
        *chunks, last, _done = events(await response.text())

    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 9


async def test_a_request_reaches_the_provider_as_it_was_meant(serve, http):
    provider = FakeProvider(END)
    url = await serve(provider)
    entity = {"id": "light.a", "name": "A", "state": "on", "domain": "light", "attributes": {"brightness": 3}}
    entity["features"] = ["color"]
    fan = {"id": "fan.b", "name": "B", "state": "off", "domain": "fan", "modes": {"preset": ["eco"]}}
    body = {
        "model": "tiny",
        "messages": [
            {
                "role": "developer",
                "content": [{"type": "text", "text": "be "}, {"type": "text", "text": "kind"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [_call('{"a": 1}')]},
            {"role": "tool", "tool_call_id": "c1", "content": "{}"},
        ],
        "tools": [{"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}],
        "temperature": 0,
        "max_tokens": 5,
        "stop": "END",
        "enable_thinking": False,
        "unknown": "ignored",
        "home": {
            "entities": [entity, fan],
            "areas": [{"id": "k", "name": "Kitchen", "aliases": ["cook"], "floor": "g"}],
            "floors": [{"id": "g", "name": "Ground"}],
            "area": "k",
        },
    }

    async with http.post(url + PATHS[0], json=body) as response:
        assert response.status == 200

    (request,) = provider.requests
    assert request.messages == (
        Message("system", "be kind"),
        Message("assistant", tool_calls=(ToolCall("c1", "t", {"a": 1}),)),
        Message("tool", "{}", tool_call_id="c1"),
    )
    assert request.tools == (ToolSpec("t", "", {"type": "object"}),)
    assert request.sampling == SamplingParams(temperature=0)
    assert (request.max_tokens, request.stop, request.thinking) == (5, ("END",), False)
    assert request.home == HomeContext(
        (
            HomeEntity("light.a", "A", "on", "light", attributes={"brightness": 3}, features=("color",)),
            HomeEntity("fan.b", "B", "off", "fan", modes={"preset": ("eco",)}),
        ),
        (HomeArea("k", "Kitchen", ("cook",), "g"),),
        (HomeFloor("g", "Ground"),),
        "k",
    )


def _part(text: str) -> dict:
    return {"type": "text", "text": text}


def _call(arguments: str) -> dict:
    return {"id": "c1", "type": "function", "function": {"name": "t", "arguments": arguments}}


async def test_tools_that_must_not_be_called_stay_in_the_prompt_so_that_its_prefix_is_found_again(
    serve, http
):
    """Any change at the beginning of a prompt makes peers read all of it again."""
    provider = FakeProvider(END)
    url = await serve(provider)
    tools = [{"type": "function", "function": {"name": "t"}}]

    async with http.post(url + PATHS[0], json=asking(tools=tools, tool_choice="none")) as response:
        assert response.status == 200

    assert [tool.name for tool in provider.requests[0].tools] == ["t"]
    assert provider.requests[0].tool_choice == "none"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"features": "red"}, "home.entities.0.features"),
        ({"features": [1]}, "home.entities.0.features"),
        ({"modes": ["eco"]}, "must be an object"),
        ({"modes": {"preset": "eco"}}, "'preset' must be a list of strings"),
    ],
)
async def test_what_an_entity_can_do_is_checked(serve, http, wrong, told):
    url = await serve(FakeProvider(END))
    entity = {"id": "light.a", "name": "A", "state": "on", "domain": "light", **wrong}
    body = {"messages": [{"role": "user", "content": "x"}], "home": {"entities": [entity]}}
    async with http.post(url + PATHS[0], json=body) as response:
        assert response.status == 400
        assert told in (await response.json())["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_stops_the_work_at_once(serve, http, stream):
    provider = FakeProvider(*FOREVER)
    url = await serve(provider)

    task = asyncio.create_task(_read_all(http, url, stream))
    async with asyncio.timeout(5):
        while provider.sent < 3:
            await asyncio.sleep(0.01)
        task.cancel()
        await provider.closed.wait()

    assert provider.sent == 3


async def _read_all(http, url, stream):
    async with http.post(url + PATHS[0], json=asking(stream=stream)) as response:
        return await response.read()


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (ContextLengthExceeded("9 tokens, but room for 8"), 400, "context_length_exceeded", None),
        (EngineUnavailable("it is loading"), 503, "engine_unavailable", "5"),
        (BusyError("8 are waiting"), 429, "busy", "5"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_before_the_first_word_has_its_status(serve, http, error, status, code, retry, stream):
    url = await serve(FakeProvider(error))

    async with http.post(url + PATHS[0], json=asking(stream=stream)) as response:
        body = await response.json()

    assert response.status == status
    assert response.headers.get("Retry-After") == retry
    kind = "server_error" if status == 503 else "invalid_request_error"
    assert body == {"error": {"message": str(error), "type": kind, "code": code}}


async def test_an_error_in_the_middle_is_an_error_event_and_the_end(serve, http):
    url = await serve(FakeProvider(ChatDelta("Hel"), EngineUnavailable("it has died")))

    async with http.post(url + PATHS[0], json=asking(stream=True)) as response:
        text = await response.text()

    assert text.count("event: error\n") == 1
    error = {"message": "it has died", "type": "server_error", "code": "engine_unavailable"}
    assert events(text)[-1] == {"error": error}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_defect_of_ours_is_logged_and_not_told(serve, http, caplog, stream):
    url = await serve(FakeProvider(ChatDelta("Hel"), ZeroDivisionError("secret")))

    headers = {"X-Request-Id": "abc"}
    async with http.post(url + PATHS[0], json=asking(stream=stream), headers=headers) as response:
        text = await response.text()

    assert "secret" not in text
    assert "under request abc" in text
    assert "secret" in caplog.text


async def test_an_answer_that_does_not_begin_is_given_up(serve, http):
    provider = FakeProvider(3600.0)
    url = await serve(provider, first_token_timeout=0.05)

    async with http.post(url + PATHS[0], json=asking(stream=True)) as response:
        body = await response.json()

    assert response.status == 503
    assert body["error"]["message"] == "no answer began within 0.05 s"
    assert provider.closed.is_set()


async def test_an_answer_that_stops_in_the_middle_is_given_up(serve, http):
    provider = FakeProvider(0.1, *FOREVER)
    url = await serve(provider, idle_timeout=0.05)

    async with http.post(url + PATHS[0], json=asking(stream=True)) as response:
        last = events(await response.text())[-1]

    assert last["error"]["message"] == "the answer did not go on within 0.05 s"
    assert provider.closed.is_set()


async def test_a_client_that_does_not_read_is_cut_off(serve, http):
    provider = FakeProvider(*[ChatDelta("x" * 1_000_000)] * 100, END)
    url = await serve(provider, idle_timeout=0.2)

    async with http.post(url + PATHS[0], json=asking(stream=True)) as response:
        async with asyncio.timeout(10):
            await provider.closed.wait()
        with pytest.raises(aiohttp.ClientError):
            await response.read()

    assert provider.sent < 100


async def test_stopping_the_server_ends_what_is_being_answered(http):
    provider = FakeProvider(*FOREVER)
    async with asyncio.timeout(5):
        async with serving(provider) as url:
            task = asyncio.create_task(_read_all(http, url, stream=True))
            while provider.sent < 3:
                await asyncio.sleep(0.01)
        with pytest.raises(Exception, match=r"payload|disconnected|closed"):
            await task

    assert provider.closed.is_set()


async def test_a_model_is_asked_for_by_name(serve, http):
    small, large = FakeProvider(END), FakeProvider(END, model="large")
    url = await serve(small, large)

    async with http.post(url + PATHS[0], json=asking(model="large")) as response:
        assert (await response.json())["model"] == "large"
    async with http.post(url + PATHS[0], json=asking(model="huge")) as response:
        error = (await response.json())["error"]

    assert (len(small.requests), len(large.requests)) == (0, 1)
    assert response.status == 404
    assert error["code"] == "model_not_found"
    assert error["message"] == "model 'huge' is not installed; there is: tiny, large"
