"""The engine of this machine as a provider: loading when wanted, waiting, trying again, giving up."""

import asyncio
from contextlib import aclosing
from types import SimpleNamespace

import pytest

from picoqwen_core.errors import CheckpointError, ConfigError, EngineUnavailable
from picoqwen_core.messages import ChatDelta, ChatRequest, GenerateRequest, Message
from picoqwen_core.providers.local import LocalProvider

HELLO = ChatRequest((Message("user", "hello"),))


class FakeClient:
    """An EngineClient without a process; each start takes the next outcome, an error or seconds to wait."""

    def __init__(self, *outcomes: Exception | float) -> None:
        self.state, self.error, self.info = "stopped", None, None
        self.restarts, self.worker_pid = 0, None
        self.compiled = None
        self.starts = 0
        self._outcomes = iter(outcomes)

    async def start(self) -> None:
        self.starts += 1
        self.state = "starting"
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            self.state, self.error = "failed", str(outcome)
            raise outcome
        await asyncio.sleep(outcome)
        self.state, self.error, self.info = "ready", None, SimpleNamespace(size_bytes=7)

    async def stop(self) -> None:
        self.state = "stopped"

    async def chat(self, request):
        if self.state != "ready":
            raise EngineUnavailable(f"the engine is {self.state}: {self.error}")
        yield ChatDelta("hi")

    generate = chat


@pytest.fixture
async def provide(tmp_path):
    """A provider over a client with these outcomes; stopped at the end of the test."""
    made = []

    def start(*outcomes: Exception | float, **options) -> tuple[LocalProvider, FakeClient]:
        path = tmp_path / "tiny.gguf"
        path.write_bytes(b"x" * 5)
        client = FakeClient(*outcomes)
        made.append(LocalProvider(client, path, **{"ready_seconds": 5.0, "retry_delays": [0.0]} | options))
        return made[-1], client

    yield start
    for provider in made:
        await provider.stop()


async def said(provider: LocalProvider) -> str:
    async with asyncio.timeout(5), aclosing(provider.chat(HELLO)) as deltas:
        return "".join([delta.content async for delta in deltas])


async def test_a_model_is_loaded_when_it_is_first_asked_for(provide):
    provider, client = provide(0.0)
    (before,) = provider.models
    assert (before.id, before.size_bytes, before.loaded, provider.health.state) == ("tiny", 5, False, "idle")

    assert [await said(provider), await said(provider)] == ["hi", "hi"]

    (after,) = provider.models
    assert (after.size_bytes, after.loaded, provider.health.state, client.starts) == (7, True, "ready", 1)


async def test_a_request_waits_for_a_model_that_is_loading(provide):
    provider, _ = provide(0.2)
    provider.start()
    assert provider.health.state == "starting"

    assert await said(provider) == "hi"


async def test_raw_text_waits_too(provide):
    provider, _ = provide(0.1)
    async with asyncio.timeout(5), aclosing(provider.generate(GenerateRequest("once"))) as deltas:
        assert [delta.content async for delta in deltas] == ["hi"]


async def test_a_request_does_not_wait_for_ever(provide):
    provider, _ = provide(3600.0, ready_seconds=0.05)

    with pytest.raises(EngineUnavailable, match="model 'tiny' is still loading"):
        await said(provider)


async def test_an_engine_that_does_not_start_is_tried_again(provide):
    provider, client = provide(EngineUnavailable("killed"), EngineUnavailable("killed"), 0.0)
    provider.start()

    async with asyncio.timeout(5):
        while not provider.is_available():
            await asyncio.sleep(0.01)

    assert client.starts == 3


async def test_a_damaged_file_is_not_tried_again_and_says_so(provide):
    provider, client = provide(CheckpointError("tiny.gguf: no GGUF file"))
    provider.start()
    async with asyncio.timeout(5):
        while provider.health.state == "starting":
            await asyncio.sleep(0.01)

    with pytest.raises(EngineUnavailable, match=r"failed: tiny\.gguf: no GGUF file"):
        await said(provider)

    assert client.starts == 1
    assert provider.health.error == "tiny.gguf: no GGUF file"


async def test_an_option_that_cannot_be_is_not_tried_again(provide):
    provider, client = provide(ConfigError("cpu_target is 'raspberry_pi_5', whose kernels cannot run here"))
    provider.start()
    async with asyncio.timeout(5):
        while provider.health.state == "starting":
            await asyncio.sleep(0.01)

    with pytest.raises(EngineUnavailable, match="cpu_target is"):
        await said(provider)

    assert client.starts == 1


async def test_a_stopped_provider_does_not_start_again(provide):
    provider, client = provide(3600.0)
    provider.start()
    await asyncio.sleep(0)
    await provider.stop()

    with pytest.raises(EngineUnavailable, match="stopped"):
        await said(provider)

    assert (client.starts, provider.health.state) == (1, "stopped")
