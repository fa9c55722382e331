"""The engine on this machine as a provider: one model, loaded when it is wanted."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

from picoqwen_core.engine.client import RESTART_DELAYS, EngineClient, file_signature
from picoqwen_core.errors import (
    CheckpointError,
    ConfigError,
    EngineUnavailable,
    InsufficientMemory,
    PicoQwenError,
)
from picoqwen_core.health import Vitals
from picoqwen_core.installed import model_file
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    DetokenizeRequest,
    EngineStatus,
    GenerateRequest,
    InstalledModel,
    Primed,
    ScoreRequest,
    TokenizeRequest,
    Tokens,
    Usage,
)
from picoqwen_core.providers.provider import ProviderHealth

_LOGGER = logging.getLogger(__name__)

# A worker that is loading or coming back takes seconds; a request waits this long for it.
READY_SECONDS = 10.0
_POLL_SECONDS = 0.05
_TELL_SECONDS = 1.0

type Admission = Callable[["LocalProvider"], Awaitable[None]]


async def _always(_provider: "LocalProvider") -> None:
    """Admit without asking for room."""


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
        admit: Admission = _always,
    ) -> None:
        """Nothing is started yet.

        path: the client's model file; ready_seconds: how long a request waits for a worker that starts;
        retry_delays: seconds between attempts to start it, the last one repeats;
        admit: makes room in memory before a start, or raises InsufficientMemory.
        """
        self.path = path
        self.pinned = False
        self.in_flight = 0
        self.vitals = Vitals()
        self.last_used = time.monotonic()
        self.keep_alive: float | None = None
        self._file = model_file(path)
        self._client = client
        self._ready_seconds = ready_seconds
        self._retry_delays = tuple(retry_delays)
        self._admit = admit
        self._loading: asyncio.Task[None] | None = None
        self._stopped = False
        self._refused: InsufficientMemory | None = None
        # Why no requests are taken; the built-in model always takes them.
        self._refusal: str | None = None
        # How the last attempt to start ended.
        self._attempted = asyncio.Event()
        self._failure: PicoQwenError | None = None
        # What the file was when it could not be used: a changed one is tried again.
        self._unusable: tuple[int, int] | None = None

    @property
    def model_id(self) -> str:
        """The model's name: that of its file without the ending."""
        return self._file.id

    @property
    def modified(self) -> float:
        """When the model's file changed last, in seconds since 1970."""
        return file_signature(self.path)[0] / 1e9

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """The one model."""
        info = self._client.info
        size = info.size_bytes if info is not None else model_file(self.path).size_bytes
        return (InstalledModel(self.model_id, size, self.is_available(), info),)

    @property
    def health(self) -> ProviderHealth:
        """The state of the worker and of the attempt to start it."""
        client = self._client
        state = client.state
        if state == "stopped" and not self._stopped:
            if self._refused is not None:
                return ProviderHealth("failed", str(self._refused), client.restarts)
            # Asked to start, but the task that does has not had its turn yet.
            return ProviderHealth("starting" if self._loading else "idle")
        return ProviderHealth(state, client.error, client.restarts, client.worker_pid, client.compiled)

    @property
    def is_started(self) -> bool:
        """Whether a worker holds memory, or is about to."""
        return self._loading is not None and self.health.state in ("ready", "starting")

    def is_available(self) -> bool:
        """Whether the worker is up."""
        return self._client.state == "ready"

    def get_cost_estimate(self, tokens: Usage) -> float:
        """This machine asks for no money."""
        del tokens
        return 0.0

    def get_latency_estimate(self) -> float:
        """Seconds to the first piece of an answer: the average, or none, which favours this machine."""
        return self.vitals.latency or 0.0

    def start(self) -> None:
        """Load the model in the background; a file that could not be used is tried again once it changed."""
        if self._stopped:
            return
        if self._unusable is not None and self._unusable != file_signature(self.path):
            self._loading = self._unusable = None
        if self._loading is None:
            self._refused = None
            self._attempted.clear()
            self._loading = asyncio.create_task(self._load(), name=f"loading {self.model_id}")

    async def load(self, context_length: int | None = None) -> None:
        """Load it and wait until it can answer; with another context length, load it again.

        Raises CheckpointError, InsufficientMemory or EngineUnavailable when it cannot be loaded.
        """
        if context_length is not None and context_length != self._client.context_length:
            await self.unload()
            self._client.context_length = context_length
        self._unusable = None
        if self.health.state == "failed":
            await self.unload()
        self.start()
        try:
            async with asyncio.timeout(self._ready_seconds):
                await self._attempted.wait()
        except TimeoutError as err:
            raise EngineUnavailable(f"model {self.model_id!r} is still loading") from err
        if self._failure is not None:
            raise self._failure

    async def unload(self) -> None:
        """Give the memory back; the next request loads the model again. Answers in flight fail."""
        loading, self._loading = self._loading, None
        self._refused = None
        await self._end(loading)

    async def stop(self) -> None:
        """End the worker, or the attempt to start it, for good."""
        self._stopped = True
        await self._end(self._loading)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; waits a little for a worker that is starting."""
        with self._use():
            await self._until_ready()
            async with aclosing(self._client.chat(request)) as deltas:
                async for delta in deltas:
                    yield delta

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream the continuation of raw text; waits like chat."""
        with self._use():
            await self._until_ready()
            async with aclosing(self._client.generate(request)) as deltas:
                async for delta in deltas:
                    yield delta

    async def score(self, request: ScoreRequest) -> list[float]:
        """The log probability of each choice; waits like chat."""
        with self._use():
            await self._until_ready()
            return await self._client.score(request)

    async def prime(self, request: ChatRequest) -> Primed:
        """Read a conversation's prompt ahead; waits like chat."""
        with self._use():
            await self._until_ready()
            return await self._client.prime(request)

    async def tokenize(self, request: TokenizeRequest) -> Tokens:
        """The tokens of a text or a conversation; waits like chat."""
        with self._use():
            await self._until_ready()
            return await self._client.tokenize(request)

    async def detokenize(self, request: DetokenizeRequest) -> str:
        """The text of tokens; waits like chat."""
        with self._use():
            await self._until_ready()
            return await self._client.detokenize(request)

    async def save_memory(self, step: int, refusal: str | None) -> None:
        """Take a step for want of memory or take it back; refusal: what requests are told, None lets them."""
        self._refusal = refusal
        # A worker that does not hear is hung or gone, which others notice.
        with suppress(PicoQwenError, TimeoutError):
            await self._client.save_memory(step, _TELL_SECONDS)

    async def status(self, time_limit: float) -> EngineStatus:
        """What the worker counts. Raises EngineUnavailable, or TimeoutError."""
        return await self._client.status(time_limit)

    @contextmanager
    def _use(self) -> Iterator[None]:
        """A model in use is not evicted."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self.last_used = time.monotonic()

    async def _end(self, loading: asyncio.Task[None] | None) -> None:
        if loading is not None:
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading
        await self._client.stop()

    async def _load(self) -> None:
        """Try until the worker is up; a file or an option that cannot be used will not mend itself."""
        for attempt in itertools.count():
            seen = file_signature(self.path)
            self._failure = await self._attempt()
            self._attempted.set()
            match self._failure:
                case None:
                    return
                case InsufficientMemory():
                    self._refused, self._loading = self._failure, None
                    return
                case CheckpointError() | ConfigError():
                    self._unusable = seen
                    return
            await asyncio.sleep(self._retry_delays[min(attempt, len(self._retry_delays) - 1)])

    async def _attempt(self) -> PicoQwenError | None:
        """One start; the error that it ended with, if it did."""
        try:
            await self._admit(self)
            await self._client.start()
        except PicoQwenError as err:
            _LOGGER.error("Model %s cannot be loaded: %s", self.model_id, err)
            return err
        self.last_used = time.monotonic()
        _LOGGER.info("Loaded %s", self.path)
        return None

    async def _until_ready(self) -> None:
        """Wait while the worker starts; what is wrong otherwise, the client says itself."""
        info = self._client.info
        if self._refusal is not None and not (info is not None and info.built_in):
            raise InsufficientMemory(self._refusal)
        self.start()
        try:
            async with asyncio.timeout(self._ready_seconds):
                while self.health.state == "starting":
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as err:
            raise EngineUnavailable(
                f"model {self.model_id!r} is still loading; try again in a moment"
            ) from err
        if self._refused is not None:
            raise self._refused
