"""The real openai client against the server."""

import json

import openai
import pytest

from picoqwen_core.messages import ChatDelta
from tests.server.conftest import CALL, END, FakeProvider

MESSAGES = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "light_on", "parameters": {"type": "object"}}}


@pytest.fixture
async def api(base_url: str):
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=10) as client:
        yield client


async def test_models_are_listed(api: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in api.models.list()] == ["pico"]


async def test_a_completion(api: openai.AsyncOpenAI) -> None:
    answer = await api.chat.completions.create(model="pico", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 5


async def test_a_stream_with_usage(api: openai.AsyncOpenAI) -> None:
    stream = await api.chat.completions.create(
        model="pico", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 2


async def test_tool_calls(api: openai.AsyncOpenAI, provider: FakeProvider) -> None:
    provider.deltas = (ChatDelta(tool_call=CALL), ChatDelta(finish_reason="tool_calls"), END)
    answer = await api.chat.completions.create(model="pico", messages=MESSAGES, tools=[TOOL])
    (call,) = answer.choices[0].message.tool_calls or ()
    assert json.loads(call.function.arguments) == {"name": "Küche", "level": 3}


async def test_errors_have_the_shape_that_the_client_knows(api: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-7"):
        await api.chat.completions.create(model="gpt-7", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        await api.chat.completions.create(model="pico", messages=MESSAGES, temperature=9)
