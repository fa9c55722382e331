"""A child process that never outlives this one: its output goes to a log file, stopping is certain."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import HouseError

STOP_SECONDS = 15
PR_SET_PDEATHSIG = 1
# Loaded here because the function below runs between fork and exec, where loading a library may deadlock.
_LIBC = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class ChildProcess:
    """One running program."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> "ChildProcess":
        """Start `command` in a session of its own, so that Ctrl-C reaches only us and we stop it in order."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        return await self._process.wait()

    def require_alive(self) -> None:
        """Raise HouseError with the end of the log where it has ended."""
        if self.exit_code is not None:
            raise HouseError(f"{self.name} ended with code {self.exit_code}:\n{self.log_tail()}")

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its output."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def kill(self) -> None:
        """Kill it at once, and nothing else: what it started is left to notice."""
        self._process.kill()

    async def stop(self) -> None:
        """Ask it to end; kill it and what it started where it does not."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._kill_group()
            await self._process.wait()
        self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
