"""The server as the real `ollama` client sees it."""

import ollama
import pytest

from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.messages import ChatDelta, ToolCall
from tests.server.conftest import END, FakeProvider

CALL = ToolCall("call_1", "HassTurnOn", {"name": "Kitchen lamp"})
HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "HassTurnOn", "parameters": {"type": "object"}}}


@pytest.fixture
def ask(serve):
    """A client of a server over this provider."""

    async def start(*answer) -> tuple[ollama.AsyncClient, FakeProvider]:
        provider = FakeProvider(*answer)
        return ollama.AsyncClient(host=await serve(provider)), provider

    return start


async def test_models_are_listed_and_shown(ask):
    client, _ = await ask(END)

    (model,) = (await client.list()).models
    shown = await client.show(model.model)
    running = await client.ps()

    assert (model.model, model.size) == ("tiny:latest", 1000)
    assert "tools" in shown.capabilities
    assert [each.model for each in running.models] == ["tiny:latest"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_conversation_is_answered(ask, stream):
    client, provider = await ask(ChatDelta(reasoning="hm"), ChatDelta("hi "), ChatDelta("you"), END)
    options = {"temperature": 0, "num_ctx": 8192, "num_predict": 9, "repeat_penalty": 1.1}

    answer = await client.chat(
        "tiny:latest", HELLO, stream=stream, think=True, options=options, keep_alive=-1, tools=[TOOL]
    )
    parts = [part async for part in answer] if stream else [answer]

    assert "".join(part.message.content for part in parts) == "hi you"
    assert "".join(part.message.thinking or "" for part in parts) == "hm"
    assert (parts[-1].done, parts[-1].done_reason, parts[-1].prompt_eval_count) == (True, "stop", 7)
    (request,) = provider.requests
    assert (request.thinking, request.max_tokens, request.tools[0].name) == (True, 9, "HassTurnOn")
    assert (request.sampling.temperature, request.sampling.repetition_penalty) == (0, 1.1)


async def test_a_tool_is_called_and_its_result_read(ask):
    client, provider = await ask(ChatDelta(tool_call=CALL), ChatDelta(finish_reason="tool_calls"))
    turns = [
        *HELLO,
        ollama.Message(
            role="assistant",
            tool_calls=[
                ollama.Message.ToolCall(
                    function=ollama.Message.ToolCall.Function(name="HassTurnOn", arguments={"name": "x"})
                )
            ],
        ),
        ollama.Message(role="tool", content='{"data": {}, "error": false}'),
    ]

    answer = await client.chat("tiny", turns, tools=[TOOL])

    (call,) = answer.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("HassTurnOn", {"name": "Kitchen lamp"})
    assert provider.requests[0].messages[1].tool_calls[0].arguments == {"name": "x"}


async def test_a_prompt_is_answered_in_turns_and_raw(ask):
    client, provider = await ask(ChatDelta("upon"), END)

    assert (await client.generate("tiny", "once", system="Be brief.")).response == "upon"
    assert (await client.generate("tiny", "once", raw=True)).response == "upon"

    assert [message.role for message in provider.requests[0].messages] == ["system", "user"]
    assert provider.requests[1].prompt == "once"


async def test_a_request_without_a_prompt_only_loads(ask):
    client, provider = await ask(END)
    assert (await client.generate("tiny")).done_reason == "load"
    assert (await client.chat("tiny", [])).done_reason == "load"
    assert provider.requests == []


async def test_errors_are_told_as_ollama_tells_them(ask):
    client, _ = await ask(EngineUnavailable("it is gone"))

    with pytest.raises(ollama.ResponseError, match="model 'other' is not installed") as missing:
        await client.chat("other", HELLO)
    with pytest.raises(ollama.ResponseError, match="it is gone") as gone:
        await client.chat("tiny", HELLO)
    with pytest.raises(ollama.ResponseError, match="images: is not supported"):
        await client.chat("tiny", [{"role": "user", "content": "", "images": [b"x"]}])
    assert (missing.value.status_code, gone.value.status_code) == (404, 503)


async def test_an_error_in_the_middle_is_raised(ask):
    client, _ = await ask(ChatDelta("hi"), EngineUnavailable("it is gone"))
    with pytest.raises(ollama.ResponseError, match="it is gone"):
        async for _ in await client.chat("tiny", HELLO, stream=True):
            pass


@pytest.mark.parametrize(
    "body",
    [
        {"model": 7},
        {"messages": "hi"},
        {"messages": ["hi"]},
        {"messages": [{"role": "user"}], "options": []},
        {"messages": [{"role": "user"}], "keep_alive": "soon"},
        {"messages": [{"role": "user"}], "format": 7},
    ],
)
async def test_a_wrong_field_is_a_clear_refusal(serve, http, body):
    url = await serve(FakeProvider(END))
    async with http.post(f"{url}/api/chat", json=body) as response:
        answer = await response.json()
    assert (response.status, answer["code"]) == (400, "invalid_request")
    assert isinstance(answer["error"], str)
