"""The engine on this machine as a provider."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from picoqwen_core.engine.client import EngineClient
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.messages import ChatDelta, ChatRequest, GenerateRequest, ModelInfo

# A worker that is loading or coming back takes seconds; a request waits this long for it.
READY_SECONDS = 10.0
_POLL_SECONDS = 0.05


class LocalProvider:
    """Answers with the model of one engine worker."""

    name = "local"

    def __init__(self, client: EngineClient, ready_seconds: float = READY_SECONDS) -> None:
        self._client = client
        self._ready_seconds = ready_seconds

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The loaded model; none until the worker has started once."""
        return (self._client.info,) if self._client.info else ()

    def is_available(self) -> bool:
        """Whether the worker is up."""
        return self._client.state == "ready"

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; waits a little for a worker that is starting."""
        await self._until_ready()
        async with aclosing(self._client.chat(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream the continuation of raw text."""
        await self._until_ready()
        async with aclosing(self._client.generate(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def _until_ready(self) -> None:
        """Wait while the worker starts; what is wrong otherwise, the client says itself."""
        try:
            async with asyncio.timeout(self._ready_seconds):
                while self._client.state == "starting":
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as err:
            raise EngineUnavailable("the model is still loading; try again in a moment") from err
