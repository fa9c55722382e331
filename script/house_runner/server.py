"""The Pico-Qwen server as a child process."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from .errors import HouseError
from .paths import ROOT
from .ports import HOST
from .process import ChildProcess

READY_SECONDS = 120
READY_LINE = "picoqwen is ready on"
NO_MODEL_LINE = "Serving without a model"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    process: ChildProcess
    url: str

    async def health(self) -> dict[str, Any]:
        """What GET /api/v1/health says."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{self.url}/api/v1/health") as response,
        ):
            body: dict[str, Any] = await response.json()
            return body

    async def stop(self) -> None:
        """Stop it and its engine worker."""
        await self.process.stop()


async def start_server(
    port: int, log: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Server:
    """Start the server, with the built-in model where `options` say no other.

    Raises HouseError where it does not become ready.
    """
    command = [sys.executable, "-m", "picoqwen_core", "serve", "--host", HOST, "--port", str(port), *options]
    process = await ChildProcess.start(
        "the Pico-Qwen server",
        command,
        log,
        {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(environment or {})},
    )
    try:
        await asyncio.wait_for(_until_ready(process), READY_SECONDS)
    except TimeoutError as err:
        await process.stop()
        raise HouseError(
            f"the Pico-Qwen server was not ready after {READY_SECONDS} s:\n{process.log_tail()}"
        ) from err
    except BaseException:
        await process.stop()
        raise
    return Server(process, f"http://{HOST}:{port}")


async def _until_ready(process: ChildProcess) -> None:
    while READY_LINE not in (log := process.log.read_text(encoding="utf-8", errors="replace")):
        process.require_alive()
        if NO_MODEL_LINE in log:
            raise HouseError(f"the Pico-Qwen server could not load its model:\n{process.log_tail()}")
        await asyncio.sleep(0.05)
