"""The application over real engine workers with tiny random models."""

import asyncio
import subprocess
import sys
from contextlib import aclosing

import aiohttp
import openai
import pytest
import pytest_asyncio

from picoqwen_core.config import Settings
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app, make_server
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.server.conftest import KERNEL_CACHE, ROOT, asking
from tests.tiny import write_tiny

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Watched(LocalProvider):
    """Tells when a stream has been left, which is after the worker has been told."""

    def __init__(self, client: EngineClient, *rest) -> None:
        super().__init__(client, *rest)
        self.client = client
        self.left = asyncio.Event()

    async def chat(self, request):
        try:
            async with aclosing(super().chat(request)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self.left.set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory):
    path = write_tiny(tmp_path_factory.mktemp("model") / "tiny.gguf")
    client = EngineClient(path, model_id="tiny", threads=1, cache_dir=KERNEL_CACHE)
    return Watched(client, path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(engine):
    """A served tiny model that never ends an answer by itself."""
    settings = Settings(port=0)
    async with listening(make_app(State(settings, Router([engine]))), settings) as url:
        async with asyncio.timeout(100):
            while not engine.is_available():
                await asyncio.sleep(0.05)
        yield url


async def test_the_openai_client_streams_an_answer_of_the_engine(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", timeout=30) as api:
        stream = await api.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=20,
            stream=True,
            stream_options={"include_usage": True},
        )
        *chunks, last = [chunk async for chunk in stream]

    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) > 3
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.usage.completion_tokens == 20


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_stops_decoding_within_a_token(url, engine, stream):
    engine.left.clear()
    before = (await engine.client.status()).decoded_tokens
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        asked = asyncio.create_task(_read_all(session, url, stream))
        while (await engine.client.status()).decoded_tokens < before + 5:
            await asyncio.sleep(0.005)
        asked.cancel()
        await asyncio.wait_for(engine.left.wait(), 5)

    when_told = (await engine.client.status()).decoded_tokens
    async with asyncio.timeout(5):
        while (status := await engine.client.status()).active:
            await asyncio.sleep(0.005)

    # The token that was being computed, and the one that was begun while the counter was read.
    assert status.decoded_tokens - when_told <= 2
    assert before + 5 <= status.decoded_tokens < before + 3000


async def _read_all(session: aiohttp.ClientSession, url: str, stream: bool) -> bytes:
    async with session.post(f"{url}/api/v1/chat", json=asking(stream=stream)) as response:
        return await response.read()


async def test_home_assistants_own_llama_cpp_integration_accepts_the_server(url):
    """Its probe, unmodified: the list of models, then a short answer with a tool, at once and streamed."""
    probe = (
        "import asyncio, sys, openai\n"
        "from homeassistant.components.llama_cpp import api\n"
        "async def main():\n"
        "    client = openai.AsyncOpenAI(base_url=sys.argv[1], api_key='none', max_retries=0)\n"
        "    (model,) = await api.async_list_models(client)\n"
        "    for stream in (False, True):\n"
        "        await api.async_validate_completions(client, model, stream=stream)\n"
        "    print('accepted', model)\n"
        "asyncio.run(main())\n"
    )
    # In a process of its own, because importing Home Assistant replaces voluptuous and httpx.
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", probe, f"{url}/v1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.stdout == "accepted tiny\n", result.stderr


async def test_of_a_folder_the_first_model_is_loaded_and_others_when_asked_for(tmp_path):
    for name in ("b-second", "a-first"):
        write_tiny(tmp_path / f"{name}.gguf")
    settings = Settings(port=0, model=tmp_path, built_in=False, threads=1, cache_dir=KERNEL_CACHE)
    timeout = aiohttp.ClientTimeout(total=60)
    async with (
        listening(make_server(settings), settings) as url,
        aiohttp.ClientSession(url, timeout=timeout) as session,
    ):
        async with session.post("/api/v1/generate", json={"prompt": "once", "max_tokens": 2}) as response:
            assert (await response.json())["model"] == "a-first"
        assert await _loaded(session) == {"a-first": True, "b-second": False}
        body = {"prompt": "once", "max_tokens": 2, "model": "b-second"}
        async with session.post("/api/v1/generate", json=body) as response:
            assert (await response.json())["model"] == "b-second"
        assert await _loaded(session) == {"a-first": True, "b-second": True}


async def _loaded(session: aiohttp.ClientSession) -> dict[str, bool]:
    async with session.get("/api/v1/models") as response:
        return {model["id"]: model["loaded"] for model in (await response.json())["data"]}
