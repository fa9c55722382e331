"""Anthropic's format through its own package, against a stand-in; the streams are written by hand after the
documented format, not recorded."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from picoqwen_core.errors import ProviderError, ProviderRefused, ProviderTimeout, ProviderUnavailable
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    GenerateRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    ToolCall,
    ToolSpec,
    Usage,
)
from picoqwen_core.providers.anthropic import AnthropicProvider
from picoqwen_core.providers.anthropic_wire import body_of
from picoqwen_core.raw_text import INSTRUCTION
from picoqwen_core.upstreams import Upstream

ASKED = ChatRequest((Message("user", "hi"),))
LAMP = ToolSpec("HassTurnOn", "Turns on", {"properties": {"name": {"type": "string"}}})
STARTED = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m",
        "stop_reason": None,
        "usage": {"input_tokens": 20, "cache_read_input_tokens": 5, "output_tokens": 1},
    },
}
STOPPED = {"type": "message_stop"}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def said(*words: str, index: int = 0) -> list[dict[str, Any]]:
    deltas = ({"type": "text_delta", "text": each} for each in words)
    return block(index, {"type": "text", "text": ""}, *deltas)


def called(index: int, name: str, *pieces: str) -> list[dict[str, Any]]:
    deltas = ({"type": "input_json_delta", "partial_json": each} for each in pieces)
    return block(index, {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}, *deltas)


def ended(reason: str, written: int = 9) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": written}}, STOPPED]


@dataclass
class StandIn:
    """Sends what it was given: events, raw bytes, or a refusal."""

    events: list[dict[str, Any]] = field(default_factory=list)
    raw: bytes | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    heads: list[Any] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[AnthropicProvider]:
        app = web.Application()
        app.router.add_post("/v1/messages", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        provider = AnthropicProvider(
            Upstream("claude", self.url, "m", "top-secret", timeout=20, kind="anthropic")
        )
        try:
            yield provider
        finally:
            await provider.stop()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.heads.append(request.headers)
        if self.status != 200:
            error = {"type": "error", "error": {"type": "x", "message": self.refusal}}
            return web.json_response(error, status=self.status, headers=self.headers)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in self.events:
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        await response.write(self.raw or b"")
        return response


async def answer(stand_in: StandIn, request: ChatRequest = ASKED) -> list[ChatDelta]:
    async with stand_in.serving() as provider:
        return [delta async for delta in provider.chat(request)]


async def test_text_comes_piece_by_piece_and_the_count_last():
    stand_in = StandIn([STARTED, {"type": "ping"}, *said("The lamp ", "is on."), *ended("end_turn")])
    assert await answer(stand_in) == [
        ChatDelta("The lamp "),
        ChatDelta("is on."),
        ChatDelta(finish_reason="stop", usage=Usage(25, 9, 5)),
    ]
    (head,) = stand_in.heads
    assert head["Authorization"] == "Bearer top-secret"


async def test_raw_text_is_asked_for_in_a_chat():
    stand_in = StandIn([STARTED, *said(" there was"), *ended("end_turn")])
    async with stand_in.serving() as provider:
        heard = [delta async for delta in provider.generate(GenerateRequest("Once", max_tokens=9))]
    assert heard[0] == ChatDelta(" there was")
    (body,) = stand_in.bodies
    assert body["messages"][-1]["role"] == "user"
    assert INSTRUCTION in str(body["system"])


async def test_thoughts_are_kept_apart_and_their_signature_left_out():
    thought = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "Eq="},
    )
    hidden = block(1, {"type": "redacted_thinking", "data": "xyz"})
    deltas = await answer(StandIn([STARTED, *thought, *hidden, *said("yes", index=2), *ended("end_turn")]))
    assert deltas[:-1] == [ChatDelta(reasoning="hm"), ChatDelta("yes")]


async def test_calls_come_whole_after_the_text():
    lamp = called(1, "HassTurnOn", "", '{"name": "la', 'mp"}')
    deltas = await answer(
        StandIn([STARTED, *said("Well."), *lamp, *called(2, "GetTime"), *ended("tool_use")])
    )
    assert [each.tool_call for each in deltas if each.tool_call] == [
        ToolCall("toolu_1", "HassTurnOn", {"name": "lamp"}),
        ToolCall("toolu_2", "GetTime", {}),
    ]
    assert deltas[-1].finish_reason == "tool_calls"


async def test_a_call_that_ran_out_of_tokens_is_not_made():
    deltas = await answer(StandIn([STARTED, *called(0, "HassTurnOn", '{"na'), *ended("max_tokens")]))
    assert deltas == [ChatDelta(finish_reason="length", usage=Usage(25, 9, 5))]


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "stop"),
        ("something_new", "stop"),
    ],
)
async def test_every_reason_to_stop_has_one_of_ours(reason, ours):
    assert (await answer(StandIn([STARTED, *said("x"), *ended(reason)])))[-1].finish_reason == ours


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, ProviderRefused, None),
        (401, ProviderRefused, None),
        (404, ProviderRefused, None),
        (429, ProviderUnavailable, 30),
        (500, ProviderUnavailable, None),
        (529, ProviderUnavailable, None),
    ],
)
async def test_a_refusal_is_told_without_the_key_and_asked_once(status, kind, retry):
    headers = {"Retry-After": "30"} if retry else {}
    stand_in = StandIn(status=status, headers=headers, refusal="not with top-secret")
    with pytest.raises(kind) as raised:
        await answer(stand_in)
    assert str(raised.value) == f"claude: HTTP {status}: 'not with (key)'"
    assert getattr(raised.value, "retry_after", None) == retry
    assert len(stand_in.bodies) == 1


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize(
    ("events", "raw", "told"),
    [
        ([STARTED, *said("The lamp")], b"", "the answer broke off"),
        ([STARTED, *said("x"), ended("end_turn")[0]], b"", "the answer broke off"),
        ([STARTED, *said("x"), OVERLOADED], b"", "claude: it broke off: 'Overloaded'"),
        ([STARTED], b"event: message_delta\ndata: {nonsense\n\n", "it sent what is no answer"),
        ([STARTED, *called(0, "a", "{oops"), *ended("tool_use")], b"", "the call of 'a' cannot be read"),
    ],
)
async def test_an_answer_that_breaks_is_an_error(events, raw, told):
    with pytest.raises(ProviderError) as raised:
        await answer(StandIn(events, raw))
    assert told in str(raised.value)
    assert not isinstance(raised.value, ProviderTimeout | ProviderRefused | ProviderUnavailable)


async def test_a_conversation_with_calls_goes_out_as_turns():
    calls = (ToolCall("c1", "HassTurnOn", {"name": "lamp"}), ToolCall("c 2", "GetTime", {}))
    request = ChatRequest(
        (
            Message("system", "Be short."),
            Message("user", "On, and the time?"),
            Message("assistant", " ", reasoning="hm", tool_calls=calls),
            Message("tool", '{"ok": true}', tool_call_id="c1"),
            Message("tool", "", tool_call_id="c 2"),
            Message("user", "Well?"),
        ),
        tools=(LAMP,),
        tool_choice="required",
        parallel_tool_calls=False,
        stop=("END", "\n"),
        max_tokens=50,
    )
    stand_in = StandIn([STARTED, *said("x"), *ended("end_turn")])
    await answer(stand_in, request)
    assert stand_in.bodies == [
        {
            "model": "m",
            "max_tokens": 50,
            "stream": True,
            "system": "Be short.",
            "stop_sequences": ["END"],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "On, and the time?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool_use", "id": "c1", "name": "HassTurnOn", "input": {"name": "lamp"}},
                        {"type": "tool_use", "id": "c_2", "name": "GetTime", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "c1", "content": '{"ok": true}'},
                        {"type": "tool_result", "tool_use_id": "c_2"},
                        {"type": "text", "text": "Well?"},
                    ],
                },
            ],
            "tools": [
                {
                    "name": "HassTurnOn",
                    "description": "Turns on",
                    "input_schema": {"type": "object", "properties": {"name": {"type": "string"}}},
                }
            ],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        }
    ]


def body(most: int = 4000, **more: Any) -> dict[str, Any]:
    return body_of(ChatRequest(**{"messages": ASKED.messages, **more}), "m", most)


def test_a_thought_takes_half_and_sets_the_sampling_itself():
    warm = SamplingParams(temperature=1.5, top_k=5)
    assert body(thinking=True, sampling=warm)["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert "temperature" not in body(thinking=True, sampling=warm)
    assert body(thinking=True, thinking_budget=1500)["thinking"]["budget_tokens"] == 1500
    assert "thinking" not in body(2000, thinking=True)
    assert "thinking" not in body(thinking=True, tools=(LAMP,), tool_choice="HassTurnOn")
    assert body(sampling=warm) == body() | {"temperature": 1.0, "top_k": 5}


def test_a_tool_is_chosen_by_name_or_kept_from_use():
    assert body(tools=(LAMP,), tool_choice="HassTurnOn")["tool_choice"] == {
        "type": "tool",
        "name": "HassTurnOn",
    }
    assert body(tools=(LAMP,), tool_choice="none")["tool_choice"] == {"type": "none"}


async def test_a_form_is_asked_for_where_the_format_knows_it():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    wanted = ResponseFormat("json", schema=schema)
    assert body(response_format=wanted)["output_config"] == {
        "format": {"type": "json_schema", "schema": schema}
    }
    async with StandIn().serving() as provider:
        assert provider.accepts(ChatRequest(ASKED.messages, response_format=wanted))
        assert not provider.accepts(ChatRequest(ASKED.messages, response_format=ResponseFormat("json")))
        await provider.probe()  # no list of models, and yet it is there


def test_a_conversation_that_the_assistant_began_gets_a_first_turn():
    turns = body(messages=(Message("assistant", "Hello."), Message("user", "hi")))["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]


async def test_an_answer_that_never_ends_is_cut():
    long = said(*["word " * 40] * 100)
    deltas = await answer(StandIn([STARTED, *long]), ChatRequest(ASKED.messages, max_tokens=10))
    assert deltas[-1].finish_reason == "length"
    assert sum(len(each.content) for each in deltas) < 2000
