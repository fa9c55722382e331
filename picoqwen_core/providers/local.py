"""The engine on this machine as a provider: one model, loaded when it is wanted."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from picoqwen_core.engine.client import RESTART_DELAYS, EngineClient
from picoqwen_core.errors import CheckpointError, EngineUnavailable, PicoQwenError
from picoqwen_core.messages import ChatDelta, ChatRequest, GenerateRequest, InstalledModel, ScoreRequest
from picoqwen_core.providers.provider import ProviderHealth

_LOGGER = logging.getLogger(__name__)

# A worker that is loading or coming back takes seconds; a request waits this long for it.
READY_SECONDS = 10.0
_POLL_SECONDS = 0.05


class LocalProvider:
    """Answers with the model of one engine worker."""

    name = "local"

    def __init__(
        self,
        client: EngineClient,
        path: Path,
        *,
        ready_seconds: float = READY_SECONDS,
        retry_delays: Sequence[float] = RESTART_DELAYS[1:],
    ) -> None:
        """Nothing is started yet.

        path: the client's GGUF file; ready_seconds: how long a request waits for a worker that starts;
        retry_delays: seconds between attempts to start it, the last one repeats.
        """
        self._client = client
        self._path = path
        self._ready_seconds = ready_seconds
        self._retry_delays = tuple(retry_delays)
        self._loading: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """The one model; its file's name without the ending is its id."""
        info = self._client.info
        size = info.size_bytes if info is not None else _size(self._path)
        return (InstalledModel(self._path.stem, size, self.is_available(), info),)

    @property
    def health(self) -> ProviderHealth:
        """The state of the worker and of the attempt to start it."""
        client = self._client
        state = client.state
        if state == "stopped" and not self._stopped:
            # Asked to start, but the task that does has not had its turn yet.
            return ProviderHealth("starting" if self._loading else "idle")
        return ProviderHealth(state, client.error, client.restarts, client.worker_pid)

    def is_available(self) -> bool:
        """Whether the worker is up."""
        return self._client.state == "ready"

    def start(self) -> None:
        """Load the model in the background."""
        if self._loading is None and not self._stopped:
            self._loading = asyncio.create_task(self._load(), name=f"loading {self._path.stem}")

    async def stop(self) -> None:
        """End the worker, or the attempt to start it."""
        self._stopped = True
        if self._loading is not None:
            self._loading.cancel()
            with suppress(asyncio.CancelledError):
                await self._loading
        await self._client.stop()

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; waits a little for a worker that is starting."""
        await self._until_ready()
        async with aclosing(self._client.chat(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream the continuation of raw text; waits like chat."""
        await self._until_ready()
        async with aclosing(self._client.generate(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def score(self, request: ScoreRequest) -> list[float]:
        """The log probability of each choice; waits like chat."""
        await self._until_ready()
        return await self._client.score(request)

    async def _load(self) -> None:
        """Try until the worker is up; a file that cannot be used will not mend itself."""
        for attempt in itertools.count():
            try:
                await self._client.start()
            except CheckpointError as err:
                _LOGGER.error("The model cannot be loaded: %s", err)
                return
            except PicoQwenError as err:
                delay = self._retry_delays[min(attempt, len(self._retry_delays) - 1)]
                _LOGGER.error("The engine did not start, trying again in %g s: %s", delay, err)
                await asyncio.sleep(delay)
            else:
                _LOGGER.info("Loaded %s", self._path)
                return

    async def _until_ready(self) -> None:
        """Wait while the worker starts; what is wrong otherwise, the client says itself."""
        self.start()
        try:
            async with asyncio.timeout(self._ready_seconds):
                while self.health.state == "starting":
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as err:
            raise EngineUnavailable(
                f"model {self._path.stem!r} is still loading; try again in a moment"
            ) from err


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
