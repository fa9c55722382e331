"""One worker process and the socket to it, from the asyncio side: launch, requests, end of life."""

import asyncio
import itertools
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import picoqwen_core
from picoqwen_core.engine.protocol import Frame, error_from_json, from_json, pack_frame, read_frame
from picoqwen_core.errors import EngineUnavailable, PicoQwenError
from picoqwen_core.messages import ModelInfo

_LOGGER = logging.getLogger(__name__)

# The worker is imported from where this package lies, whatever the directory of the caller is.
_PACKAGE_PARENT = Path(picoqwen_core.__file__).resolve().parent.parent
_TERMINATE_SECONDS = 2.0
_KILL_SECONDS = 2.0


class Replies:
    """The frames that answer one request, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Frame | PicoQwenError] = asyncio.Queue()
        self.finished = False

    def put(self, item: Frame | PicoQwenError) -> None:
        """Called by the connection for each frame; anything but a delta is the last one."""
        self.finished = self.finished or isinstance(item, PicoQwenError) or "delta" not in item
        self._queue.put_nowait(item)

    async def next(self) -> Frame:
        """The next frame; an error frame is raised."""
        item = await self._queue.get()
        if isinstance(item, PicoQwenError):
            raise item
        return item


class WorkerConnection:
    """A running worker process; use launch(), then ready(), then open() any number of times."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._open: dict[int, Replies] = {}
        self._reading: asyncio.Task[None] | None = None
        self.obituary = "is running"

    @classmethod
    async def launch(cls, arguments: list[str]) -> Self:
        """Start the process with one end of a socket pair; the other end is ours."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "picoqwen_core.engine.worker", "--fd", str(theirs.fileno())),
                *arguments,
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                cwd=_PACKAGE_PARENT,
            )
        except OSError as err:
            ours.close()
            raise EngineUnavailable(f"cannot start the engine's process: {err}") from err
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ready(self, compiled: Callable[[int, int], None]) -> ModelInfo:
        """Wait until the model is loaded; the caller sets the time limit.

        compiled(done, of) is called each time that more of the missing kernels are there.
        """
        while (frame := await read_frame(self._reader)) is not None and "compiled" in frame:
            compiled(*frame["compiled"])
        if frame is None:
            raise EngineUnavailable(f"the engine's process {await self._exit_words()} while loading")
        if "error" in frame:
            raise error_from_json(frame["error"])
        self._reading = asyncio.create_task(self._read(), name=f"replies of worker {self.pid}")
        return from_json(ModelInfo, frame["ready"])

    @contextmanager
    def open(self, frame: Frame) -> Iterator[Replies]:
        """Send a request; leaving the block before its last reply cancels it."""
        number = next(self._ids)
        replies = Replies()
        self._send({**frame, "id": number})
        self._open[number] = replies
        try:
            yield replies
        finally:
            del self._open[number]
            if not replies.finished:
                with suppress(EngineUnavailable):
                    self._send({"op": "cancel", "id": number})

    async def ask(self, op: str, **more: object) -> Frame:
        """Send a request that has one reply, and return it."""
        with self.open({"op": op, **more}) as replies:
            return await replies.next()

    async def ended(self) -> None:
        """Wait for the end of the worker; `obituary` then says how it ended."""
        if self._reading is not None:
            await asyncio.shield(self._reading)

    def kill(self) -> None:
        """End the process at once, also one that is stopped."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End the process: end of stream and SIGTERM, then SIGKILL. Open requests fail."""
        self._fail_open("was stopped")
        self._writer.close()
        with suppress(ProcessLookupError):
            self._process.terminate()
        if not await self._exited(_TERMINATE_SECONDS):
            _LOGGER.warning("Worker %s ignored SIGTERM; killing it", self.pid)
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._exited(_KILL_SECONDS)
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    def _send(self, frame: Frame) -> None:
        if self._writer.is_closing() or self._reading is None or self._reading.done():
            raise EngineUnavailable("the engine's process is gone")
        self._writer.write(pack_frame(frame))

    async def _read(self) -> None:
        """Hand each frame to the request it answers, until the stream ends."""
        try:
            while (frame := await read_frame(self._reader)) is not None:
                self._deliver(frame)
        except PicoQwenError:
            _LOGGER.exception("Worker %s sent what cannot be read", self.pid)
        self.obituary = await self._exit_words()
        self._fail_open(self.obituary)

    def _deliver(self, frame: Frame) -> None:
        # An unknown number is a request that was cancelled while its last frames were under way.
        if (replies := self._open.get(frame["id"])) is not None:
            replies.put(error_from_json(frame["error"]) if "error" in frame else frame)

    def _fail_open(self, why: str) -> None:
        for replies in self._open.values():
            if not replies.finished:
                replies.put(EngineUnavailable(f"the engine's process {why} in the middle of an answer"))

    async def _exit_words(self) -> str:
        if not await self._exited(1.0):
            return "closed its connection"
        code = self._process.returncode
        return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"

    async def _exited(self, time_limit: float) -> bool:
        try:
            async with asyncio.timeout(time_limit):
                await self._process.wait()
        except TimeoutError:
            return False
        return True
