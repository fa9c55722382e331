"""What is wrong with a request is said with the field and the value."""

import json

import pytest

from picoqwen_core.errors import RequestError
from picoqwen_core.server.schemas import chat_request, generate_request
from tests.server.conftest import END, FakeProvider, asking

USER = {"role": "user", "content": "hello"}


def tool(**function) -> dict:
    return {"tools": [{"type": "function", "function": function}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "messages: is required"),
        ({"messages": []}, "messages: length of value must be at least 1, got []"),
        ({"messages": "hello"}, "messages: must be a list, got 'hello'"),
        ({"messages": ["hello"]}, "messages.0: must be an object, got 'hello'"),
        ({"messages": [{"content": "x"}]}, "messages.0.role: is required"),
        (
            {"messages": [{"role": "boss", "content": "x"}]},
            'messages.0.role: must be "system" or "developer" or "user" or "assistant" or "tool", '
            "got 'boss'",
        ),
        (
            {"messages": [{"role": "user", "content": 7}]},
            "messages.0.content: must be a string or a list of parts, got 7",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content.0.type: only parts of type 'text' are supported, got 'image_url'",
        ),
        (asking(temperature=9), "temperature: must be a number from 0 to 5, got 9"),
        (asking(temperature="hot"), "temperature: must be a number from 0 to 5, got 'hot'"),
        (asking(top_p=True), "top_p: must be a number from 1e-06 to 1, got True"),
        (asking(temperature=float("nan")), "temperature: must be a number from 0 to 5, got nan"),
        (asking(max_tokens=0), "max_tokens: must be a whole number from 1 to 1048576, got 0"),
        (asking(stream="yes"), "stream: must be true or false, got 'yes'"),
        (asking(stop=[""]), "stop: must be a string or a list of at most 16 non-empty strings, got ['']"),
        (asking(model=3), "model: must be a string, got 3"),
        (
            asking(tool_choice="any"),
            'tool_choice: must be "auto" or "none" or "required" or '
            '{"type": "function", "function": {"name": ...}}, got \'any\'',
        ),
        (asking(n=2), "n: is not supported, got 2"),
        (
            asking(response_format={"type": "yaml"}),
            "response_format.type: must be one of text, json_object, json_schema, regex, grammar, got 'yaml'",
        ),
        (
            asking(response_format={"type": "json_schema", "json_schema": {"name": "a"}}),
            "response_format.json_schema.schema: must be an object, got None",
        ),
        (
            asking(response_format={"type": "regex", "regex": ""}),
            "response_format.regex: must be a string that is not empty, got ''",
        ),
        (
            asking(response_format={"type": "json_object"}, guided_regex="a"),
            "guided_regex: cannot be used beside response_format",
        ),
        (asking(guided_choice=[]), "guided_choice: must be a list of 1 to 1000 strings, got []"),
        (asking(parallel_tool_calls=1), "parallel_tool_calls: must be true or false, got 1"),
        (
            asking(**tool(name="a b")),
            "tools.0.function.name: must be 1 to 128 letters, digits, '_', '.', ':' or '-', got 'a b'",
        ),
        (asking(**tool(name="a", parameters=[])), "tools.0.function.parameters: must be an object, got []"),
        (
            asking(stream_options={"include_usage": 1}),
            "stream_options.include_usage: must be true or false, got 1",
        ),
        (asking(home=[]), "home: must be an object, got []"),
        (
            asking(home={"entities": [{"id": "a", "name": "A", "state": "on"}]}),
            "home.entities.0.domain: is required",
        ),
        (
            asking(home={"areas": [{"id": "a", "name": "A", "aliases": [1]}]}),
            "home.areas.0.aliases.0: must be a string, got 1",
        ),
    ],
)
def test_a_wrong_chat_request_names_the_field_and_the_value(body, message):
    with pytest.raises(RequestError) as raised:
        chat_request(body)
    assert str(raised.value) == message


def test_a_long_value_is_cut_short():
    with pytest.raises(RequestError) as raised:
        chat_request(asking(stop="x", model=["y" * 5000]))
    assert len(str(raised.value)) < 150


def test_call_arguments_must_be_a_json_object():
    call = {"function": {"name": "t", "arguments": "{"}}
    with pytest.raises(RequestError, match=r"tool_calls\.0\.function\.arguments: must be a JSON object"):
        chat_request({"messages": [{"role": "assistant", "tool_calls": [call]}]})


def test_null_means_the_default_as_in_openai():
    body = asking(model=None, tools=None, tool_choice=None, temperature=None, stop=None, n=None, home=None)
    assert chat_request(body) == chat_request(asking())


def test_what_changes_nothing_may_be_sent():
    body = asking(n=1, logprobs=False, response_format={"type": "text"}, user="me", metadata={})
    assert chat_request(body) == chat_request(asking())


def test_raw_text_needs_a_prompt():
    assert generate_request({"prompt": "once"}).prompt == "once"
    with pytest.raises(RequestError, match="prompt: is required"):
        generate_request({"messages": [USER]})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "the body must be a JSON object, got list"),
        (b"[" * 100_000, "the body is not JSON"),
        (b'{"messages": [{"role": "user", "content": "\\ud83d"}]}', "the body is not JSON"),
    ],
)
async def test_a_body_that_is_no_object_is_refused(serve, http, raw, message):
    url = await serve(FakeProvider(END))

    async with http.post(f"{url}/api/v1/chat", data=raw) as response:
        error = (await response.json())["error"]

    assert (response.status, error["code"]) == (400, "invalid_request")
    assert error["message"].startswith(message)


async def test_both_halves_of_a_character_are_text(serve, http):
    provider = FakeProvider(END)
    url = await serve(provider)

    async with http.post(f"{url}/api/v1/chat", data=json.dumps(asking("\U0001f600"))) as response:
        assert response.status == 200

    assert provider.requests[0].messages[0].content == "\U0001f600"
