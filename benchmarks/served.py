"""A server process to measure: the built-in model, a small one beside it, and what commands cost it."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil

from benchmarks.random_models import TINY, write_random_model

MEGABYTE = 1_000_000
READY = "picoqwen is ready on "
ROOMS = ("Kitchen", "Office", "Bedroom", "Hall")
_PARAMETERS = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("name", "area", "floor", "domain")},
}
TOOLS = [
    {"type": "function", "function": {"name": f"intent__{name}", "parameters": _PARAMETERS}}
    for name in ("HassTurnOn", "HassTurnOff")
]
HOME = {
    "areas": [{"id": room.lower(), "name": room} for room in ROOMS],
    "entities": [
        {
            "id": f"light.{room.lower()}_lamp",
            "name": f"{room} lamp",
            "domain": "light",
            "state": "off",
            "area": room.lower(),
        }
        for room in ROOMS
    ],
}


SMALL_MODEL = "small"
_TEMPLATE = "{% for each in messages %}{{ each.content }}{% endfor %}"
_CLOCK = Path(__file__).parent / "clock"


class Server:
    """A server process, with a models folder and a clock of its own; `hub` is where it fetches models."""

    def __init__(self, hub: str = "http://127.0.0.1:9") -> None:
        self.url = ""
        self.folder = Path(tempfile.mkdtemp(prefix="picoqwen-bench-"))
        # Seconds that its wall clock is ahead.
        self.ahead = self.folder / "ahead"
        self.ahead.write_text("0")
        self.log = self.folder / "log"
        self.models = self.folder / "models"
        self.models.mkdir()
        write_random_model(self.models / f"{SMALL_MODEL}.gguf", "Q8_0", TINY, _TEMPLATE)
        self._hub = hub
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> psutil.Process:
        """The API process."""
        if self._process is None:
            raise RuntimeError("the server is not started")
        return psutil.Process(self._process.pid)

    def worker(self, model: str = "pico-home") -> psutil.Process:
        """A loaded model's process."""
        return next(each for each in self.process.children() if model in each.cmdline())

    async def start(self, port: int = 0) -> float:
        """Start it; the seconds until it is ready."""
        begun = time.perf_counter()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "picoqwen_core", "serve", "--port", str(port)),
                *("--log-level", "error", "--models-dir", str(self.models)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment(),
            )
        if self._process.stdout is None:
            raise RuntimeError("the server has no output")
        line = (await asyncio.wait_for(self._process.stdout.readline(), 120)).decode()
        if not line.startswith(READY):
            sys.exit(f"{self.log.read_text()}error: the server did not start; what is wrong stands above")
        self.url = line.removeprefix(READY).strip()
        return time.perf_counter() - begun

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()

    def remove(self) -> None:
        """Remove its folder, once it is stopped for good."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        paths = [str(_CLOCK), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PICOQWEN_MAX_CONNECTIONS": "250",
            "PICOQWEN_HUB_URL": self._hub,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "SECONDS_AHEAD": str(self.ahead),
        }


@asynccontextmanager
async def session(limit: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with as many connections as it likes."""
    connector = aiohttp.TCPConnector(limit=limit)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:
        yield client


async def ask(client: aiohttp.ClientSession, url: str, number: int = 0) -> float:
    """One streamed command; milliseconds to its first byte. Raises where it is not a tool call to its end."""
    room, verb = ROOMS[number % len(ROOMS)], ("on", "off")[number % 2]
    body = {
        "messages": [{"role": "user", "content": f"turn {verb} the {room.lower()} lamp"}],
        "tools": TOOLS,
        "home": HOME,
        "stream": True,
    }
    begun = time.perf_counter()
    async with client.post(f"{url}/api/v1/chat", json=body) as response:
        response.raise_for_status()
        first = await response.content.readany()
        took = (time.perf_counter() - begun) * 1000
        text = first + await response.content.read()
    if b"HassTurn" not in text or not text.endswith(b"data: [DONE]\n\n"):
        raise ValueError(text[-300:].decode(errors="replace"))
    return took


def rss(process: psutil.Process) -> float:
    """Megabytes of resident memory."""
    return float(process.memory_info().rss) / MEGABYTE
