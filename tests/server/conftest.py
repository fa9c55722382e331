import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from benchmarks.stand_ins import StandIn
from picoqwen_core.config import Settings
from picoqwen_core.health import Vitals
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    DetokenizeRequest,
    GenerateRequest,
    InstalledModel,
    Primed,
    ScoreRequest,
    TokenizeRequest,
    Tokens,
    Usage,
)
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State

ROOT = Path(__file__).resolve().parents[2]
# Shared by all test runs, so that kernels are compiled once.
KERNEL_CACHE = ROOT / ".cache" / "numba"
END = ChatDelta(finish_reason="stop", usage=Usage(prompt_tokens=7, completion_tokens=2, cached_tokens=3))


class FakeProvider:
    """Answers with what it was given: a delta is sent, an error raised, a number of seconds waited."""

    name = "fake"

    def __init__(
        self, *answer: ChatDelta | Exception | float, model: str = "tiny", scores: Sequence[float] = ()
    ) -> None:
        self.answer = answer
        self.scores = list(scores)
        self.health = ProviderHealth("ready")
        self.requests: list[ChatRequest | GenerateRequest | ScoreRequest] = []
        self.closed = asyncio.Event()
        self.vitals = Vitals()
        self.sent = 0
        self._model = model

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        return (InstalledModel(self._model, 1_000, self.is_available()),)

    def get_cost_estimate(self, tokens: Usage) -> float:
        return 0.0

    def get_latency_estimate(self) -> float:
        return self.vitals.latency or 0.0

    def is_available(self) -> bool:
        return self.health.state == "ready"

    def start(self) -> None:
        self.health = self.health or ProviderHealth("ready")

    async def stop(self) -> None:
        self.health = ProviderHealth("stopped")

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        async for delta in self._answer(request):
            yield delta

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        async for delta in self._answer(request):
            yield delta

    async def score(self, request: ScoreRequest) -> list[float]:
        async for _ in self._answer(request):
            pass
        return self.scores

    async def prime(self, request: ChatRequest) -> Primed:
        async for _ in self._answer(request):
            pass
        return Primed(7, 3)

    async def tokenize(self, request: TokenizeRequest) -> Tokens:
        return Tokens(tuple(request.text.encode()), tuple(request.text))

    async def detokenize(self, request: DetokenizeRequest) -> str:
        return bytes(each % 128 for each in request.tokens).decode()

    async def _answer(
        self, request: ChatRequest | GenerateRequest | ScoreRequest
    ) -> AsyncGenerator[ChatDelta]:
        self.requests.append(request)
        try:
            for item in self.answer:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, ChatDelta):
                    self.sent += 1
                    yield item
                else:
                    await asyncio.sleep(item)
        finally:
            self.closed.set()


@asynccontextmanager
async def serving(*providers: FakeProvider, **settings) -> AsyncIterator[str]:
    """The application over these providers on a free port; its URL."""
    state = State(Settings(port=0, **settings), Router(providers))
    async with listening(make_app(state), state.settings) as url:
        yield url


@pytest.fixture
async def serve() -> AsyncIterator[Callable]:
    """Serve providers until the end of the test: `url = await serve(provider, api_key=...)`."""
    async with AsyncExitStack() as stack:

        async def start(*providers: FakeProvider, **settings) -> str:
            return await stack.enter_async_context(serving(*providers, **settings))

        yield start


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


def asking(text: str = "hello", **more) -> dict:
    """The body of a chat request."""
    return {"messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
async def stand_in():
    """Another server, which answers as it is told."""
    async with StandIn().serving() as server:
        yield server


@pytest.fixture
async def house(stand_in, tmp_path: Path):
    """Serve one local provider and upstreams: `url = await house(local, upstreams, **settings)`."""
    async with AsyncExitStack() as stack:

        async def start(local: FakeProvider, upstreams, **more) -> str:
            settings = Settings(port=0, upstreams=tuple(upstreams), budget_file=tmp_path / "b.db", **more)
            state = State(settings, Router([local], hybrid=make_hybrid(settings)))
            return await stack.enter_async_context(listening(make_app(state), settings))

        yield start
