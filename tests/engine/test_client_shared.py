"""Several clients of one real worker at once: shared passes, prefixes, priming, restarts, draft models."""

import asyncio
import os
import shutil
import signal
from contextlib import aclosing
from dataclasses import replace

import pytest
import pytest_asyncio

from picoqwen_core.errors import CheckpointError
from picoqwen_core.messages import (
    ChatRequest,
    GenerateRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    ToolSpec,
)
from tests.engine.conftest import GREEDY, KERNEL_CACHE, collect, new_client, until, until_status
from tests.factories import write_tiny_gguf

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDLESS = GenerateRequest("on and on", sampling=GREEDY)
LONG = "The home has a lamp in the kitchen and one in the hall. " * 30


def asked(text: str, seed: int | None = None, max_tokens: int = 24) -> ChatRequest:
    messages = (Message("system", LONG), Message("user", text))
    sampling = SamplingParams(temperature=0.9, seed=seed) if seed is not None else GREEDY
    return ChatRequest(messages, sampling=sampling, max_tokens=max_tokens)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tiny_model):
    client = new_client(tiny_model)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
def kernels(tmp_path):
    """A folder with the compiled kernels and no prefixes."""
    shutil.copytree(
        KERNEL_CACHE, tmp_path / "cache", dirs_exist_ok=True, ignore=shutil.ignore_patterns("prefixes")
    )
    return tmp_path / "cache"


async def test_an_answer_with_a_seed_does_not_depend_on_what_else_runs(client):
    requests = [asked(f"question {number}", seed=number) for number in range(4)]
    alone = [(await collect(client.chat(request)))[0] for request in requests]
    for _ in range(2):
        together = await asyncio.gather(*(collect(client.chat(request)) for request in requests))
        assert [text for text, _ in together] == alone


async def test_a_seed_holds_beside_constrained_guessed_primed_and_broken_off_requests(client):
    """What the others are, and what is known from before, changes no token of an answer with a seed."""
    setting = {"type": "object", "properties": {"room": {"enum": ["hall", "attic"]}}, "required": ["room"]}
    tool = ToolSpec("set_room", parameters=setting)
    plain = [asked(f"question {number}", seed=number) for number in range(2)]
    requests = [
        *plain,
        replace(
            plain[0], max_tokens=200, thinking=False, response_format=ResponseFormat("json", schema=setting)
        ),
        replace(plain[1], max_tokens=200, thinking=False, tools=(tool,), tool_choice="required"),
        # Its own words again: what is guessed ahead is often right.
        asked("lamp lamp lamp lamp lamp lamp", seed=7, max_tokens=48),
    ]
    alone = [await answered(client, request) for request in requests]
    guessed = (await client.status()).guessed_tokens

    async def disturb() -> None:
        for number in range(3):
            await client.prime(asked(f"primed {number}"))
            async with aclosing(client.generate(ENDLESS)) as endless:
                for _ in range(5):
                    await anext(endless)

    for order in (requests, requests[::-1]):
        others = asyncio.create_task(disturb())
        together = await asyncio.gather(*(answered(client, request) for request in order))
        await others
        assert (together if order is requests else together[::-1]) == alone
    assert guessed > 0
    assert all(text or calls for text, calls in alone)


async def answered(client, request: ChatRequest) -> tuple[str, tuple]:
    """What is said and thought, and the calls without their ids, which are drawn for each answer."""
    text, calls = "", []
    async for delta in client.chat(request):
        text += delta.reasoning + delta.content
        if delta.tool_call is not None:
            calls.append((delta.tool_call.name, dict(delta.tool_call.arguments)))
    return text, tuple(calls)


async def test_a_second_conversation_reads_only_what_differs(client):
    await collect(client.chat(asked("first")))
    _, last = await collect(client.chat(asked("second")))
    assert last.usage.cached_tokens > 0.8 * last.usage.prompt_tokens


async def test_a_short_answer_does_not_wait_for_a_long_one(client):
    async with aclosing(client.generate(ENDLESS)) as running:
        await anext(running)
        _, last = await collect(client.chat(asked("quick", max_tokens=3)))
        assert last.finish_reason == "length"
        assert (await client.status()).active
        await anext(running)


async def test_one_of_several_that_leaves_disturbs_nobody(client):
    alone, _ = await collect(client.chat(asked("stay", seed=1)))
    async with aclosing(client.generate(ENDLESS)) as leaving:
        await anext(leaving)
        staying = asyncio.create_task(collect(client.chat(asked("stay", seed=1))))
        await anext(leaving)
    assert (await staying)[0] == alone
    await until_status(client, lambda status: not status.active)


async def test_a_primed_prompt_answers_from_what_was_read(client):
    prompt = ChatRequest((Message("system", "Primed. " + LONG),))
    primed = await client.prime(prompt)
    assert (primed.state, primed.cached_tokens < 40) == ("ready", True)
    again = await client.prime(prompt)
    assert again.cached_tokens >= again.prompt_tokens - 1
    request = ChatRequest((*prompt.messages, Message("user", "now")), sampling=GREEDY, max_tokens=2)
    _, last = await collect(client.chat(request))
    assert last.usage.cached_tokens > primed.prompt_tokens - 20


async def test_leaving_while_priming_keeps_the_worker_at_work(client):
    task = asyncio.create_task(client.prime(ChatRequest((Message("system", "Other. " + LONG * 2),))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await collect(client.chat(asked("still there", max_tokens=2))))[1].finish_reason == "length"


async def test_prefixes_outlast_a_killed_worker(tiny_model, kernels):
    client = new_client(tiny_model, cache_dir=kernels, cache_file_mb=50, restart_delays=(0.1,))
    await client.start()
    try:
        expected, _ = await collect(client.chat(asked("again", seed=2)))
        await client.prime(asked("again"))
        await until(lambda: list((kernels / "prefixes").glob("*.kv")) != [])
        os.kill(client.worker_pid, signal.SIGKILL)
        await until(lambda: client.restarts == 1 and client.state == "ready", 60)
        text, last = await collect(client.chat(asked("again", seed=2)))
        assert text == expected
        assert last.usage.cached_tokens > 0.5 * last.usage.prompt_tokens
    finally:
        await client.stop()


async def test_a_damaged_file_of_prefixes_costs_the_prefixes_and_a_line_in_the_log(
    tiny_model, kernels, capfd
):
    for _ in range(2):
        client = new_client(tiny_model, cache_dir=kernels, cache_file_mb=50)
        await client.start()
        _, last = await collect(client.chat(asked("hello", max_tokens=2)))
        assert last.usage.cached_tokens == 0
        await until(lambda: list((kernels / "prefixes").glob("*.kv")) != [])
        await client.stop()
        (path,) = (kernels / "prefixes").glob("*.kv")
        path.write_bytes(path.read_bytes()[:-5])
    assert capfd.readouterr().err.count("is ignored") == 1


async def test_memory_for_prefixes_is_bounded(tiny_model):
    client = new_client(tiny_model, cache_memory_mb=1, context_length=2048)
    await client.start()
    try:
        texts = [f"{number} {LONG}" for number in range(24)]
        for text in texts[:4]:
            await collect(client.generate(GenerateRequest(text, sampling=GREEDY, max_tokens=1)))
        before = (await client.status()).rss_bytes
        for text in texts[4:]:
            await collect(client.generate(GenerateRequest(text, sampling=GREEDY, max_tokens=1)))
        # Each prompt alone needs more than this.
        assert (await client.status()).rss_bytes - before < 8_000_000
    finally:
        await client.stop()


async def test_a_draft_model_changes_no_answer(client, tiny_model):
    expected, _ = await collect(client.chat(asked("draft", max_tokens=60)))
    drafted = new_client(tiny_model, draft=tiny_model)
    await drafted.start()
    try:
        assert (await collect(drafted.chat(asked("draft", max_tokens=60))))[0] == expected
        assert (await drafted.status()).right_guesses > 10
    finally:
        await drafted.stop()


async def test_a_draft_model_of_another_vocabulary_is_refused(tiny_model, tmp_path):
    client = new_client(tiny_model, draft=write_tiny_gguf(tmp_path / "other.gguf"))
    with pytest.raises(CheckpointError, match="vocabulary"):
        await client.start()
    await client.stop()
