"""The real openai client against the server."""

import json

import openai
import pytest

from picoqwen_core.errors import BusyError, ContextLengthExceeded, EngineUnavailable
from picoqwen_core.messages import ChatDelta, ToolCall
from tests.server.conftest import END, FakeProvider

MESSAGES = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "light_on", "parameters": {"type": "object"}}}
CALL = ToolCall("call_1", "light_on", {"name": "Küche", "level": 3})
HELLO = (ChatDelta(reasoning="hm"), ChatDelta("Hel"), ChatDelta("lo"), END)


@pytest.fixture
async def connect(serve):
    """Serve a provider and connect to it: `api = await connect(provider)`."""
    clients = []

    async def start(*answer, api_key="none", **settings) -> openai.AsyncOpenAI:
        url = await serve(FakeProvider(*answer), **settings)
        clients.append(openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0, timeout=10))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()


async def test_models_are_listed(connect):
    api = await connect()
    assert [model.id async for model in api.models.list()] == ["tiny"]


async def test_a_completion(connect):
    api = await connect(*HELLO)
    answer = await api.chat.completions.create(model="tiny", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello"
    assert answer.choices[0].message.reasoning_content == "hm"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (7, 9)
    assert answer.usage.prompt_tokens_details.cached_tokens == 3


async def test_a_stream_with_usage(connect):
    api = await connect(*HELLO)
    stream = await api.chat.completions.create(
        model="tiny", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == "Hello"
    assert [delta.reasoning_content for delta in deltas if "reasoning_content" in delta.model_extra] == ["hm"]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage.completion_tokens) == ([], 2)


async def test_tool_calls_at_once(connect):
    api = await connect(ChatDelta(tool_call=CALL), ChatDelta(finish_reason="tool_calls"))
    answer = await api.chat.completions.create(model="tiny", messages=MESSAGES, tools=[TOOL])
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert (call.id, call.type, call.function.name) == ("call_1", "function", "light_on")
    assert json.loads(call.function.arguments) == {"name": "Küche", "level": 3}


async def test_tool_calls_in_a_stream_are_gathered_by_the_client(connect):
    second = ToolCall("call_2", "light_on", {"name": "Bad"})
    api = await connect(
        ChatDelta(tool_call=CALL), ChatDelta(tool_call=second), ChatDelta(finish_reason="tool_calls")
    )
    async with api.chat.completions.stream(model="tiny", messages=MESSAGES, tools=[TOOL]) as stream:
        answer = await stream.get_final_completion()
    calls = answer.choices[0].message.tool_calls
    assert [(call.id, json.loads(call.function.arguments)["name"]) for call in calls] == [
        ("call_1", "Küche"),
        ("call_2", "Bad"),
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ContextLengthExceeded("9 tokens, but room for 8"), openai.BadRequestError),
        (BusyError("8 are waiting"), openai.RateLimitError),
        (EngineUnavailable("it is loading"), openai.InternalServerError),
    ],
)
async def test_errors_have_the_shape_that_the_client_knows(connect, error, kind):
    api = await connect(error)
    with pytest.raises(kind, match=str(error)) as raised:
        await api.chat.completions.create(model="tiny", messages=MESSAGES)
    assert raised.value.code == error.code


async def test_mistakes_of_the_caller_are_told(connect):
    api = await connect(END, api_key="key")
    with pytest.raises(openai.NotFoundError, match="gpt-7"):
        await api.chat.completions.create(model="gpt-7", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="temperature: must be a number from 0 to 5, got 9"):
        await api.chat.completions.create(model="tiny", messages=MESSAGES, temperature=9)


async def test_a_wrong_key_is_an_authentication_error(serve):
    url = await serve(FakeProvider(END), api_key="right")
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as api:
        with pytest.raises(openai.AuthenticationError, match="API key"):
            await api.models.list()


async def test_an_error_in_the_middle_of_a_stream_reaches_the_client(connect):
    api = await connect(ChatDelta("Hel"), EngineUnavailable("it has died"))
    stream = await api.chat.completions.create(model="tiny", messages=MESSAGES, stream=True)
    chunks = aiter(stream)
    assert (await anext(chunks)).choices[0].delta.role == "assistant"
    assert (await anext(chunks)).choices[0].delta.content == "Hel"
    with pytest.raises(openai.APIError, match="it has died"):
        await anext(chunks)


async def test_raw_text_is_continued_by_the_older_interface(serve):
    provider = FakeProvider(ChatDelta("upon "), ChatDelta("a time"), END)
    async with openai.AsyncOpenAI(base_url=f"{await serve(provider)}/v1", api_key="none") as client:
        whole = await client.completions.create(model="tiny", prompt=["once "])
        pieces = [
            piece async for piece in await client.completions.create(model="tiny", prompt="once", stream=True)
        ]
        with pytest.raises(openai.BadRequestError, match="a list of one"):
            await client.completions.create(model="tiny", prompt=["a", "b"])

    assert (whole.choices[0].text, whole.usage.prompt_tokens) == ("upon a time", 7)
    assert "".join(piece.choices[0].text for piece in pieces) == "upon a time"
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert (provider.requests[0].prompt, provider.requests[0].max_tokens) == ("once ", 16)
