"""Streams in the shapes that OpenAI-compatible servers send, written by hand; and requests as they go out."""

import json
from typing import Any

import pytest

from picoqwen_core.errors import ProviderError
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    ToolCall,
    ToolSpec,
    Usage,
)
from picoqwen_core.providers.openai_wire import AnswerReader, accepts, body_of

USER = Message("user", "hi")


def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def piece(index: int | None, arguments: str, name: str | None = None, call_id: str | None = None) -> dict:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": index, "function": function} | ({"id": call_id} if call_id else {})


def read(*chunks: dict[str, Any]) -> tuple[list[ChatDelta], AnswerReader]:
    reader = AnswerReader()
    deltas = [delta for chunk in chunks for delta in reader.read(chunk)]
    return deltas + reader.end(), reader


def test_two_calls_whose_arguments_come_in_turns_are_put_together():
    deltas, reader = read(
        choice({"role": "assistant", "content": None}),
        choice({"tool_calls": [piece(0, "", "a", "c0")]}),
        choice({"tool_calls": [piece(1, "", "b", "c1")]}),
        choice({"tool_calls": [piece(0, '{"x"'), piece(1, '{"y": 2}')]}),
        choice({"tool_calls": [piece(0, ": 1}")]}),
        choice({}, "tool_calls"),
    )
    assert [delta.tool_call for delta in deltas] == [
        ToolCall("c0", "a", {"x": 1}),
        ToolCall("c1", "b", {"y": 2}),
    ]
    assert reader.reason == "tool_calls"


def test_whole_calls_without_a_number_or_an_id_are_told_apart():
    deltas, _ = read(
        choice({"tool_calls": [piece(None, "{}", "a")]}),
        choice({"tool_calls": [piece(None, "", "b")]}, "tool_calls"),
    )
    assert [delta.tool_call for delta in deltas] == [ToolCall("call_0", "a", {}), ToolCall("call_1", "b", {})]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_come_under_either_name(name):
    deltas, _ = read(choice({name: "hm"}), choice({"content": "yes"}, "stop"))
    assert deltas == [ChatDelta(reasoning="hm"), ChatDelta(content="yes")]


def test_the_count_comes_last_and_without_choices():
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    _, reader = read(choice({"content": "x"}, "stop"), {"choices": [], "usage": usage})
    assert reader.usage == Usage(9, 3, 4)
    _, reader = read(choice({"content": "x"}, "stop") | {"usage": {"prompt_tokens": None}})
    assert reader.usage == Usage()


def test_a_call_that_ran_out_of_tokens_is_not_made():
    deltas, reader = read(choice({"tool_calls": [piece(0, '{"x": 1}', "a", "c0")]}), choice({}, "length"))
    assert (deltas, reader.reason) == ([], "length")


@pytest.mark.parametrize(
    ("chunk", "told"),
    [
        (choice({"content": "x"}), "broke off"),
        (choice({"tool_calls": [piece(0, "{x", "a")]}, "tool_calls"), "call of 'a' cannot be read"),
        (choice({"tool_calls": [piece(0, "[1]", "a")]}, "tool_calls"), "no object as arguments"),
        (choice({"tool_calls": [7]}), "no piece of an answer"),
        ({"choices": [7]}, "no piece of an answer"),
        ({"choices": {"a": 1}}, "no piece of an answer"),
        ({"choices": [{"delta": [1]}]}, "no piece of an answer"),
    ],
)
def test_what_is_no_answer_is_an_error(chunk, told):
    with pytest.raises(ProviderError, match=told):
        read(chunk)


def test_a_whole_request_in_openais_words():
    request = ChatRequest(
        (
            USER,
            Message("assistant", reasoning="secret", tool_calls=(ToolCall("c", "a", {"x": "ü"}),)),
            Message("tool", "done", tool_call_id="c", name="a"),
        ),
        tools=(ToolSpec("a", "does a", {"type": "object"}),),
        sampling=SamplingParams(temperature=0, top_k=3, seed=5),
        stop=("\n",),
        tool_choice="a",
        parallel_tool_calls=False,
        response_format=ResponseFormat("json", schema={"type": "array"}),
    )
    body = body_of(request, "gpt-5-mini", 64, own=False)
    assert "secret" not in json.dumps(body)
    assert (body["max_completion_tokens"], body["temperature"], body["seed"], body["stop"]) == (
        64,
        0,
        5,
        ["\n"],
    )
    assert body["tool_choice"] == {"type": "function", "function": {"name": "a"}}
    assert body["parallel_tool_calls"] is False
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "a", "arguments": '{"x": "ü"}'}
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c", "content": "done"}
    assert body["response_format"]["json_schema"]["schema"] == {"type": "array"}
    assert not {"top_k", "extra_body"} & set(body)


def test_what_was_not_asked_for_is_not_sent():
    body = body_of(ChatRequest((USER,)), "m", 9, own=True)
    assert set(body) == {"model", "messages", "stream", "stream_options", "max_tokens"}
    assert "tools" not in body_of(
        ChatRequest((USER,), tools=(ToolSpec("a"),), tool_choice="none"), "m", 9, own=True
    )


def test_servers_of_the_household_get_more_fields():
    request = ChatRequest((USER,), sampling=SamplingParams(top_k=3), thinking=False)
    extra = body_of(request, "m", 9, own=True)["extra_body"]
    assert (extra["top_k"], extra["enable_thinking"]) == (3, False)


def test_forms_that_openai_does_not_know_are_not_asked_for():
    assert accepts(None)
    assert accepts(ResponseFormat("json"))
    assert not accepts(ResponseFormat("regex", text="a+"))
