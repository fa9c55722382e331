"""The client over a real worker process with a tiny model of random weights."""

import asyncio
from contextlib import aclosing

import pytest
import pytest_asyncio

from picoqwen_core.errors import (
    CheckpointError,
    ContextLengthExceeded,
    EngineError,
    EngineUnavailable,
    RequestError,
)
from picoqwen_core.messages import (
    ChatRequest,
    DetokenizeRequest,
    GenerateRequest,
    Message,
    SamplingParams,
    TokenizeRequest,
    ToolSpec,
)
from tests.engine.conftest import CONTEXT, GREEDY, collect, new_client, until_status
from tests.home.house import home
from tests.tiny import write_tiny
from tests.vocabulary import home_metadata

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO = ChatRequest((Message("user", "hello there"),), sampling=GREEDY, max_tokens=12)
ENDLESS = GenerateRequest("on and on", sampling=GREEDY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tiny_model):
    client = new_client(tiny_model)
    await client.start()
    yield client
    await client.stop()


async def test_a_started_engine_describes_its_model(client, tiny_model):
    assert client.state == "ready"
    assert client.info.id == "tiny"
    assert client.info.architecture == "qwen3"
    assert client.info.context_length == CONTEXT
    assert client.info.parameters > 0
    assert not client.info.built_in


async def test_an_answer_streams_in_pieces_and_ends_with_reason_and_usage(client):
    deltas = [delta async for delta in client.chat(HELLO)]
    assert len([delta for delta in deltas if delta.content]) > 1
    assert all(delta.finish_reason is None for delta in deltas[:-1])
    assert deltas[-1].finish_reason == "length"
    assert deltas[-1].usage.completion_tokens == 12
    assert deltas[-1].usage.prompt_tokens > 12


async def test_the_same_question_again_is_mostly_cached_and_answered_the_same(client):
    first, _ = await collect(client.chat(HELLO))
    second, last = await collect(client.chat(HELLO))
    assert first == second
    assert last.usage.cached_tokens == last.usage.prompt_tokens - 1


async def test_raw_text_is_continued_and_a_seed_repeats_it(client):
    request = GenerateRequest("once", sampling=SamplingParams(seed=3), max_tokens=20)
    first, last = await collect(client.generate(request))
    assert first
    assert (first, last.finish_reason) == ((await collect(client.generate(request)))[0], "length")


async def test_a_stop_string_ends_the_answer_before_it(client):
    whole, _ = await collect(client.generate(GenerateRequest("once", sampling=GREEDY, max_tokens=30)))
    stop = whole[8:11]
    request = GenerateRequest("once", sampling=GREEDY, max_tokens=30, stop=(stop,))
    text, last = await collect(client.generate(request))
    assert text == whole[: whole.index(stop)]
    assert last.finish_reason == "stop"
    assert last.usage.completion_tokens < 30


async def test_two_requests_at_once_are_both_answered(client):
    alone, _ = await collect(client.chat(HELLO))
    answers = await asyncio.gather(collect(client.chat(HELLO)), collect(client.chat(HELLO)))
    assert [text for text, _ in answers] == [alone, alone]


async def test_leaving_an_answer_stops_the_work(client):
    before = (await client.status()).decoded_tokens
    async with aclosing(client.generate(ENDLESS)) as stream:
        await anext(stream)
    decoded = (await until_status(client, lambda s: not s.active)).decoded_tokens - before
    assert decoded < CONTEXT // 2
    await asyncio.sleep(0.05)
    assert (await client.status()).decoded_tokens - before == decoded


async def test_cancelling_the_task_that_reads_stops_the_work(client):
    task = asyncio.create_task(collect(client.generate(ENDLESS)))
    await until_status(client, lambda s: s.active)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_status(client, lambda s: not s.active)


async def test_a_waiting_request_can_be_left_before_its_turn(tiny_model):
    client = new_client(tiny_model, sequences=1)
    await client.start()
    try:
        async with aclosing(client.generate(ENDLESS)) as running:
            await anext(running)
            waiting = asyncio.create_task(collect(client.chat(HELLO)))
            await until_status(client, lambda s: s.queued == 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await until_status(client, lambda s: s.queued == 0)).active
    finally:
        await client.stop()


async def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(client):
    request = ChatRequest((Message("user", "x y z " * CONTEXT),))
    with pytest.raises(ContextLengthExceeded, match=rf"\d{{4,}} tokens.*{CONTEXT}"):
        await collect(client.chat(request))
    assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


async def test_wrong_parameters_come_back_as_the_request_error_they_are(client):
    with pytest.raises(RequestError, match="top_p"):
        await collect(client.chat(ChatRequest(HELLO.messages, sampling=SamplingParams(top_p=3))))


async def test_a_mistake_inside_the_engine_fails_one_request_and_not_the_engine(client):
    pid = client.worker_pid
    with pytest.raises(EngineError, match="TypeError"):
        await collect(client.generate(GenerateRequest(prompt=7)))
    assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"
    assert client.worker_pid == pid


async def test_tools_and_the_choice_of_thinking_reach_the_template(client):
    _, plain = await collect(client.chat(HELLO))
    tools = (ToolSpec("HassTurnOn", "Turns on", {"type": "object"}),)
    with_tools = ChatRequest(HELLO.messages, tools=tools, sampling=GREEDY, max_tokens=1, thinking=False)
    _, last = await collect(client.chat(with_tools))
    assert last.usage.prompt_tokens > plain.usage.prompt_tokens + 100


async def test_a_built_in_model_is_told_by_its_metadata_and_answers_with_the_home(tmp_path):
    client = new_client(write_tiny(tmp_path / "home.gguf", home_metadata()))
    await client.start()
    try:
        assert client.info.built_in
        request = ChatRequest((Message("user", "turn on the kitchen lamp"),), home=home())
        text, last = await collect(client.chat(request))
        # Random weights decide nothing sensible, so it says something.
        assert text
        assert last.finish_reason == "stop"
        assert last.usage.prompt_tokens > 5
    finally:
        await client.stop()


async def test_a_file_that_is_no_model_fails_the_start_with_the_reason(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"not a model")
    client = new_client(tmp_path / "broken.gguf")
    with pytest.raises(CheckpointError, match=r"broken\.gguf"):
        await client.start()
    assert client.state == "failed"
    assert "broken.gguf" in client.error
    assert client.worker_pid is None
    await client.stop()


async def test_an_engine_that_is_not_started_answers_unavailable(tiny_model):
    client = new_client(tiny_model)
    with pytest.raises(EngineUnavailable, match="stopped"):
        await collect(client.chat(HELLO))


async def test_text_is_told_as_tokens_and_tokens_as_text(client):
    found = await client.tokenize(TokenizeRequest("hello there"))
    assert "".join(found.pieces) == "hello there"
    assert await client.detokenize(DetokenizeRequest(found.ids)) == "hello there"

    asked = await client.tokenize(TokenizeRequest(messages=HELLO.messages))
    _, last = await collect(client.chat(HELLO))
    assert len(asked.ids) == last.usage.prompt_tokens

    with pytest.raises(RequestError, match="tokens: 99999 is not in the vocabulary"):
        await client.detokenize(DetokenizeRequest((99999,)))


async def test_where_memory_is_short_prefixes_are_dropped_and_contexts_shorter_and_later_as_before(client):
    await collect(client.chat(HELLO))
    await client.save_memory(1)
    await collect(client.chat(HELLO))
    _, last = await collect(client.chat(HELLO))
    assert last.usage.cached_tokens == 0

    await client.save_memory(2)
    status = await client.status()
    assert status.memory_step == 2
    assert status.context_limit == CONTEXT // 2

    await client.save_memory(0)
    await collect(client.chat(HELLO))
    _, last = await collect(client.chat(HELLO))
    assert last.usage.cached_tokens > 0
