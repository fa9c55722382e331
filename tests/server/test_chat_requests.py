"""POST /api/v1/chat: answers, streams, tools, the home, and what is refused."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.messages import ChatDelta, ChatRequest
from tests.server.conftest import CALL, END, FakeProvider

HELLO = {"messages": [{"role": "user", "content": "hi"}]}


async def events(response: Any) -> list[str]:
    """The data lines of a stream."""
    text = await response.text()
    return [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]


async def test_an_answer_comes_in_one_piece(client: TestClient) -> None:
    response = await client.post("/api/v1/chat", json=HELLO)
    body = await response.json()
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == 7
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}


async def test_a_stream_ends_with_done(client: TestClient) -> None:
    response = await client.post("/api/v1/chat", json={**HELLO, "stream": True})
    lines = await events(response)
    assert response.content_type == "text/event-stream"
    assert lines[-1] == "[DONE]"
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]
    assert [delta.get("content") for delta in deltas] == ["", "Hel", "lo", None]


async def test_each_tool_call_has_a_chunk_of_its_own(client: TestClient, provider: FakeProvider) -> None:
    provider.deltas = (ChatDelta(tool_call=CALL), ChatDelta(tool_call=CALL), END)
    response = await client.post("/api/v1/chat", json={**HELLO, "stream": True})
    calls = [
        json.loads(line)["choices"][0]["delta"].get("tool_calls") for line in (await events(response))[:-1]
    ]
    made = [call for call in calls if call]
    assert [len(call) for call in made] == [1, 1]
    assert [call[0]["index"] for call in made] == [0, 1]
    assert json.loads(made[0][0]["function"]["arguments"]) == {"name": "Küche", "level": 3}


async def test_the_request_reaches_the_provider_whole(client: TestClient, provider: FakeProvider) -> None:
    body = {
        "model": "pico",
        "messages": [
            {
                "role": "system",
                "content": [{"type": "text", "text": "be "}, {"type": "text", "text": "brief"}],
            },
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "{}"},
        ],
        "tools": [{"type": "function", "function": {"name": "a__b", "parameters": {"type": "object"}}}],
        "temperature": 0,
        "max_tokens": 7,
        "stop": "END",
        "seed": 3,
        "home": {
            "entities": [{"id": "light.a", "name": "Lamp", "domain": "light", "state": "on", "area": "k"}],
            "areas": [{"id": "k", "name": "Kitchen", "aliases": ["Cook"], "floor": None}],
            "area": "k",
            "language": "nl",
        },
    }
    assert (await client.post("/api/v1/chat", json=body)).status == 200
    (request,) = provider.requests
    assert isinstance(request, ChatRequest)
    assert request.messages[0].content == "be brief"
    assert request.messages[2].tool_calls[0].arguments == {"a": 1}
    assert request.tools[0].name == "a__b"
    assert (request.sampling.temperature, request.sampling.seed) == (0, 3)
    assert (request.max_tokens, request.stop) == (7, ("END",))
    assert request.home is not None
    assert request.home.entities[0].area == "k"
    assert request.home.areas[0].aliases == ("Cook",)
    assert request.home.language == "nl"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "role"),
        ({"temperature": "hot"}, "'hot'"),
        ({"top_p": 3}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": [{"type": "function", "function": {"name": "bad name"}}]}, "name"),
        ({"home": {"entities": [{"id": "light.a"}]}}, "home.entities.0"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "image_url"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"model": "gpt-7"}, "gpt-7"),
    ],
    ids=str,
)
async def test_a_bad_request_is_told_what_is_wrong(
    client: TestClient, change: dict[str, Any], told: str
) -> None:
    response = await client.post("/api/v1/chat", json={**HELLO, **change})
    assert response.status in (400, 404)
    error = (await response.json())["error"]
    assert told in error["message"]
    assert error["code"] in ("invalid_request", "model_not_found")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b""])
async def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    response = await client.post("/api/v1/chat", data=body, headers={"Content-Type": "application/json"})
    assert response.status == 400
    assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_a_body_over_the_limit_is_refused(client: TestClient) -> None:
    long = {"messages": [{"role": "user", "content": "x" * 5_000_000}]}
    response = await client.post("/api/v1/chat", json=long)
    assert response.status == 413


async def test_a_client_that_leaves_stops_the_work(client: TestClient, provider: FakeProvider) -> None:
    provider.deltas = [ChatDelta(content="word ")] * 1000
    provider.pause = 0.01
    async with client.post("/api/v1/chat", json={**HELLO, "stream": True}) as response:
        await response.content.readline()
    await asyncio.wait_for(provider.closed.wait(), 5)
    assert provider.sent < 100


async def test_an_engine_that_is_down_is_told_before_the_stream(
    client: TestClient, provider: FakeProvider
) -> None:
    provider.deltas = (EngineUnavailable("the engine is starting"),)
    for stream in (False, True):
        response = await client.post("/api/v1/chat", json={**HELLO, "stream": stream})
        assert response.status == 503
        assert response.headers["Retry-After"]
        assert (await response.json())["error"]["code"] == "engine_unavailable"


async def test_an_engine_that_dies_in_the_middle_ends_the_stream_with_an_error(
    client: TestClient, provider: FakeProvider
) -> None:
    provider.deltas = (ChatDelta(content="Hel"), EngineUnavailable("the engine died"))
    response = await client.post("/api/v1/chat", json={**HELLO, "stream": True})
    text = await response.text()
    assert "event: error\n" in text
    assert "the engine died" in text
    assert "[DONE]" not in text


async def test_silence_has_a_limit(client: TestClient, provider: FakeProvider, settings: Settings) -> None:
    object.__setattr__(settings, "first_token_timeout", 0.05)
    provider.pause = 5
    response = await client.post("/api/v1/chat", json=HELLO)
    assert response.status == 503
    assert provider.closed.is_set()


async def test_raw_text_is_continued(client: TestClient) -> None:
    response = await client.post("/api/v1/generate", json={"prompt": "Once"})
    assert (await response.json())["text"] == "Hello"
    streamed = await client.post("/api/v1/generate", json={"prompt": "Once", "stream": True})
    lines = await events(streamed)
    assert "".join(json.loads(line)["text"] for line in lines[:-1]) == "Hello"


async def test_models_and_health_are_told(client: TestClient) -> None:
    (model,) = (await (await client.get("/api/v1/models")).json())["data"]
    assert (model["id"], model["size"], model["loaded"]) == ("pico", 4_400_000, True)
    health = await (await client.get("/api/v1/health")).json()
    assert (health["status"], health["models"]) == ("ok", ["pico"])
    assert health["api_rss_mb"] > 1


async def test_an_unknown_path_is_a_json_error(client: TestClient) -> None:
    response = await client.get("/api/v2/nothing")
    assert response.status == 404
    assert "error" in await response.json()
