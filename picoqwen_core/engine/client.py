"""The asyncio side of an engine worker: starts the process, talks to it, restarts it when it dies.

No arithmetic and no model code is imported here, so the API process stays small.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from picoqwen_core.engine.connection import Replies, WorkerConnection
from picoqwen_core.engine.protocol import from_json, to_json
from picoqwen_core.errors import EngineError, EngineUnavailable, PicoQwenError
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    DetokenizeRequest,
    EngineStatus,
    GenerateRequest,
    ModelInfo,
    Primed,
    ScoreRequest,
    TokenizeRequest,
    Tokens,
)

_LOGGER = logging.getLogger(__name__)

type EngineState = Literal["starting", "ready", "stopped", "failed"]

# Seconds to wait before each restart in a row; the last one repeats.
RESTART_DELAYS = (0.1, 1.0, 3.0, 10.0, 30.0)
# How often a pause between restarts looks whether the model's file has changed.
_LOOK_SECONDS = 0.5
# Asked five times as often, the worker answers on a thread of its own: a long computation is no silence.
HUNG_SECONDS = 10.0
# A worker that stayed up this long has earned a fresh count of restarts.
STABLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sharing:
    """How requests share a worker; None leaves the choice to it.

    sequences: requests that are answered at once; cache_memory_mb: what was read and is kept in memory,
    cache_file_mb: what of that outlasts the process; speculation: whether to guess ahead; draft: a smaller
    model that does.
    """

    sequences: int | None = None
    cache_memory_mb: int | None = None
    cache_file_mb: int | None = None
    speculation: bool = True
    draft: Path | None = None

    def flags(self) -> dict[str, object]:
        """As the worker's command line has it."""
        return {
            "--sequences": self.sequences,
            "--cache-memory": self.cache_memory_mb,
            "--cache-file": self.cache_file_mb,
            "--speculation": "on" if self.speculation else "off",
            "--draft": self.draft.resolve() if self.draft is not None else None,
        }


_DEFAULT_SHARING = Sharing()


class EngineClient:
    """One model in one worker process.

    `state` is "starting" while a process loads the model, "ready", "failed" when the last attempt to
    start did not succeed (`error` says why; after the first success it is tried again), or "stopped".
    A worker without a sign of life for `hung_seconds` is killed and started again.
    """

    hung_seconds = HUNG_SECONDS
    _memory_step = 0
    # What the model's file was when it was tried last.
    _tried = (0, 0)
    # Kernels compiled, and to be compiled, by the last start; None where all were there.
    compiled: tuple[int, int] | None = None

    def __init__(
        self,
        model_path: Path,
        *,
        model_id: str,
        context_length: int | None = None,
        kv_cache: str = "auto",
        threads: int | None = None,
        cpu_target: str = "auto",
        nice: int = 0,
        max_memory: int | None = None,
        cache_dir: Path | None = None,
        queue_limit: int | None = None,
        sharing: Sharing = _DEFAULT_SHARING,
        start_timeout: float = 300.0,
        silence_timeout: float = 600.0,
        restart_delays: Sequence[float] = RESTART_DELAYS,
    ) -> None:
        """Nothing is started yet.

        context_length: tokens, None for the worker's choice; kv_cache: how keys and values are kept;
        threads: None for the worker's choice; cpu_target: the kind of processor; nice: how far the worker
        stands back behind other processes; max_memory: bytes of model and context together, None for what
        the machine has; cache_dir: where compiled kernels are kept; queue_limit: requests that may wait
        beside those in work before BusyError; start_timeout: seconds without progress
        after which a start is given up; silence_timeout: the same of signs of life and an answer.
        """
        self._model_path = model_path
        self._model_id = model_id
        # Taken at the next start.
        self.context_length = context_length
        self._tuning = {
            "--kv-cache": kv_cache,
            "--cpu-target": cpu_target,
            "--nice": nice,
            "--max-memory": max_memory,
        }
        self._threads = threads
        self._cache_dir = cache_dir
        self._queue_limit = queue_limit
        self._sharing = sharing
        self._start_timeout = start_timeout
        self._silence_timeout = silence_timeout
        self._restart_delays = tuple(restart_delays)
        self._connection: WorkerConnection | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.state: EngineState = "stopped"
        self.info: ModelInfo | None = None
        self.error: str | None = None
        self.restarts = 0

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, while there is one."""
        return self._connection.pid if self._connection else None

    async def start(self) -> None:
        """Start the worker and wait until it can answer.

        Raises CheckpointError for a model that cannot be loaded, EngineUnavailable when the process dies or
        does not become ready in time.
        """
        if self._supervisor is not None:
            raise EngineError(f"the engine of {self._model_id} is already started")
        connection = await self._launch()
        self._supervisor = asyncio.create_task(self._supervise(connection), name=f"engine {self._model_id}")

    async def stop(self) -> None:
        """End the worker within 5 seconds; answers in flight fail with EngineUnavailable."""
        self.state = "stopped"
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        # Not left to the supervisor: a task that is cancelled before its first step runs no clean-up.
        await self._drop_connection()
        self.state = "stopped"

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer. Closing the iterator stops the work within one token."""
        return self._stream("chat", request)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream the continuation of a raw prompt."""
        return self._stream("generate", request)

    async def score(self, request: ScoreRequest) -> list[float]:
        """The log probability of each of the request's choices. Cancelling it stops the work."""
        scores: list[float] = (await self._once("score", request))["scores"]
        return scores

    async def tokenize(self, request: TokenizeRequest) -> Tokens:
        """The tokens of a text or a conversation. Raises RequestError."""
        return from_json(Tokens, (await self._once("tokenize", request))["tokens"])

    async def detokenize(self, request: DetokenizeRequest) -> str:
        """The text of tokens. Raises RequestError."""
        text: str = (await self._once("detokenize", request))["text"]
        return text

    async def save_memory(self, step: int, time_limit: float = 5.0) -> None:
        """Let the worker, and those that follow it, take or take back steps for want of memory."""
        self._memory_step = step
        if self.state == "ready":
            async with asyncio.timeout(time_limit):
                await self._ready_connection().ask("memory", step=step)

    async def prime(self, request: ChatRequest) -> Primed:
        """Read a prompt ahead, after all other work. Cancelling it stops the work."""
        frame: dict[str, Any] = {"op": "prime", "request": to_json(request)}
        with self._ready_connection().open(frame) as replies:
            # No time limit of its own: it gives way to others for as long as there are any.
            reply = await replies.next()
        return from_json(Primed, reply["primed"])

    async def status(self, time_limit: float = 5.0) -> EngineStatus:
        """Counters of the worker since it started."""
        async with asyncio.timeout(time_limit):
            reply = await self._ready_connection().ask("status")
        return from_json(EngineStatus, reply["status"])

    async def _stream(self, op: str, request: ChatRequest | GenerateRequest) -> AsyncGenerator[ChatDelta]:
        frame: dict[str, Any] = {"op": op, "request": to_json(request)}
        with self._ready_connection().open(frame) as replies:
            while True:
                reply = await self._heard(replies)
                if "end" in reply:
                    return
                yield from_json(ChatDelta, reply["delta"])

    async def _once(self, op: str, request: object) -> dict[str, Any]:
        """The one reply to a request."""
        with self._ready_connection().open({"op": op, "request": to_json(request)}) as replies:
            return await self._heard(replies)

    async def _heard(self, replies: Replies) -> dict[str, Any]:
        """The next reply. Raises EngineUnavailable when none comes in time."""
        try:
            async with asyncio.timeout(self._silence_timeout):
                return await replies.next()
        except TimeoutError as err:
            raise EngineUnavailable(
                f"the engine of {self._model_id} has been silent for {self._silence_timeout:g} s"
            ) from err

    def _ready_connection(self) -> WorkerConnection:
        if self._connection is None or self.state != "ready":
            reason = f": {self.error}" if self.error else ""
            raise EngineUnavailable(f"the engine of {self._model_id} is {self.state}{reason}")
        return self._connection

    async def _launch(self) -> WorkerConnection:
        """Start a process and wait for its ready message; leaves no process behind when it fails."""
        self.state, self.compiled = "starting", None
        self._tried = file_signature(self._model_path)
        try:
            self._connection = await WorkerConnection.launch(self._arguments())
            async with asyncio.timeout(self._start_timeout) as deadline:
                self.info = await self._connection.ready(partial(self._tell, deadline))
                if self._memory_step:
                    await self._connection.ask("memory", step=self._memory_step)
        except TimeoutError as err:
            message = (
                f"the engine of {self._model_id} made no progress in starting for {self._start_timeout:g} s"
            )
            await self._give_up(message)
            raise EngineUnavailable(message) from err
        except PicoQwenError as err:
            await self._give_up(str(err))
            raise
        except asyncio.CancelledError:
            await self._give_up("stopped while starting")
            raise
        self.state, self.error = "ready", None
        return self._connection

    def _tell(self, deadline: asyncio.Timeout, done: int, of: int) -> None:
        # A slow machine may take its time, so long as it gets on.
        deadline.reschedule(asyncio.get_running_loop().time() + self._start_timeout)
        _LOGGER.info("The first start prepares %s for this processor: %d of %d", self._model_id, done, of)
        self.compiled = (done, of)

    async def _give_up(self, reason: str) -> None:
        self.state, self.error = "failed", reason
        await self._drop_connection()

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _supervise(self, connection: WorkerConnection) -> None:
        """Wait for the worker's end and start the next one, until cancelled."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            started = loop.time()
            await self._until_ended(connection)
            self.state, self.error = "starting", connection.obituary
            _LOGGER.error("The engine of %s %s; restarting it", self._model_id, connection.obituary)
            await self._drop_connection()
            attempt = 0 if loop.time() - started > STABLE_SECONDS else attempt
            connection, attempt = await self._relaunch(attempt)

    async def _until_ended(self, connection: WorkerConnection) -> None:
        """Wait for the worker's end, and bring it about where the worker gives no sign of life."""
        ended = asyncio.ensure_future(connection.ended())
        try:
            beat = self.hung_seconds / 5
            while not (await asyncio.wait([ended], timeout=beat))[0]:
                try:
                    # So that silence since the last sign of life comes to hung_seconds at most.
                    async with asyncio.timeout(self.hung_seconds - beat):
                        await connection.ask("status")
                except TimeoutError:
                    _LOGGER.error(
                        "The engine of %s has been silent for %g s", self._model_id, self.hung_seconds
                    )
                    connection.kill()
                except EngineUnavailable:
                    continue
        finally:
            ended.cancel()

    async def _relaunch(self, attempt: int) -> tuple[WorkerConnection, int]:
        """Try until a worker is ready; returns it and the number of the next attempt."""
        while True:
            await self._pause(self._restart_delays[min(attempt, len(self._restart_delays) - 1)])
            attempt += 1
            try:
                connection = await self._launch()
            except PicoQwenError as err:
                _LOGGER.warning("The engine of %s did not start: %s", self._model_id, err)
                continue
            self.restarts += 1
            return connection, attempt

    async def _pause(self, seconds: float) -> None:
        """Wait, but not on where the model's file has changed since it was tried: it may have been mended."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0 and file_signature(self._model_path) == self._tried:
            await asyncio.sleep(min(left, _LOOK_SECONDS))

    def _arguments(self) -> list[str]:
        arguments = ["--model", str(self._model_path.resolve()), "--id", self._model_id]
        options = (
            ("--context", self.context_length),
            ("--threads", self._threads),
            *self._tuning.items(),
            ("--cache-dir", self._cache_dir),
            ("--queue", self._queue_limit),
            *self._sharing.flags().items(),
        )
        for flag, value in options:
            if value is not None:
                arguments += [flag, str(value)]
        return arguments


def file_signature(path: Path) -> tuple[int, int]:
    """What tells one content of a file from another: its time and its size."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
