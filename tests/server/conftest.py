"""A served application over a provider of the test's own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from picoqwen_core.config import Settings
from picoqwen_core.errors import PicoQwenError
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    GenerateRequest,
    InstalledModel,
    ModelInfo,
    ToolCall,
    Usage,
)
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.state import State

INFO = ModelInfo("pico", "/models/pico.gguf", "qwen3", 4_000_000, 4_400_000, "Q8_0", 512, built_in=False)
END = ChatDelta(finish_reason="stop", usage=Usage(5, 2, 3))
READY = ProviderHealth("ready")
CALL = ToolCall("call_1", "light_on", {"name": "Küche", "level": 3})


@dataclass
class FakeProvider:
    """Answers with prepared deltas and remembers what it was asked and whether it was closed."""

    deltas: Sequence[ChatDelta | PicoQwenError] = (ChatDelta(content="Hel"), ChatDelta(content="lo"), END)
    pause: float = 0.0
    name: str = "fake"
    models: tuple[InstalledModel, ...] = (InstalledModel("pico", 4_400_000, loaded=True, info=INFO),)
    health: ProviderHealth = READY
    running: bool = False
    requests: list[ChatRequest | GenerateRequest] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    def is_available(self) -> bool:
        return True

    def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def _stream(self, request: ChatRequest | GenerateRequest) -> AsyncGenerator[ChatDelta]:
        self.requests.append(request)
        try:
            for delta in self.deltas:
                await asyncio.sleep(self.pause)
                if isinstance(delta, PicoQwenError):
                    raise delta
                self.sent += 1
                yield delta
        finally:
            self.closed.set()

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        return self._stream(request)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        return self._stream(request)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
async def client(provider: FakeProvider, settings: Settings) -> AsyncIterator[TestClient]:
    app = make_app(State(settings, Router([provider])))
    server = TestServer(app, handler_cancellation=True)
    async with TestClient(server) as test_client:
        yield test_client


@pytest.fixture
async def base_url(client: TestClient) -> str:
    """For clients of their own: the address that the application listens on."""
    assert isinstance(client.app, web.Application)
    return str(client.make_url("/v1"))
