"""The server under load and under faults: memory, first byte, streams, a soak, and how soon it is back."""

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass

import aiohttp
import psutil

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


@dataclass(slots=True)
class Report:
    """The figures; what was not run is None."""

    startup_s: float
    api_rss_idle_mb: float
    first_byte_avg_ms: float
    streams: int = 0
    streams_s: float = 0.0
    stream_answers: int = 0
    stream_errors: int = 0
    health_p99_ms: float | None = None
    api_rss_load_mb: float | None = None
    soak_requests: int = 0
    soak_rss_growth_percent: float | None = None
    faults_injected: int = 0
    faults_survived: int = 0
    recovery_worst_s: float | None = None
    recoveries_s: dict[str, float | None] | None = None


class Server:
    """A server process with the built-in model."""

    def __init__(self) -> None:
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> psutil.Process:
        """The API process."""
        if self._process is None:
            raise RuntimeError("the server is not started")
        return psutil.Process(self._process.pid)

    @property
    def worker(self) -> psutil.Process:
        """The model's process."""
        return self.process.children()[0]

    async def start(self, port: int = 0) -> float:
        """Start it; the seconds until it is ready."""
        begun = time.perf_counter()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "picoqwen_core", "serve", "--port", str(port), "--log-level", "error"),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PICOQWEN_MAX_CONNECTIONS": "250"},
        )
        if self._process.stdout is None:
            raise RuntimeError("the server has no output")
        line = (await asyncio.wait_for(self._process.stdout.readline(), 120)).decode()
        if not line.startswith(READY):
            sys.exit("error: the server did not start; what is wrong stands above")
        self.url = line.removeprefix(READY).strip()
        return time.perf_counter() - begun

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()


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


async def under_load(server: Server, report: Report, clients: int, seconds: float) -> None:
    """So many clients ask again and again, while the health is looked at 20 times a second."""
    end = time.perf_counter() + seconds
    health: list[float] = []

    async def stream(client: aiohttp.ClientSession, number: int) -> None:
        while time.perf_counter() < end:
            try:
                await ask(client, server.url, number)
                report.stream_answers += 1
            except (aiohttp.ClientError, TimeoutError, ValueError) as err:
                report.stream_errors += 1
                print(f"stream {number}: {err!r}", file=sys.stderr)

    async def look(client: aiohttp.ClientSession) -> None:
        while time.perf_counter() < end:
            begun = time.perf_counter()
            async with client.get(f"{server.url}/api/v1/health") as response:
                await response.read()
            health.append((time.perf_counter() - begun) * 1000)
            report.api_rss_load_mb = max(report.api_rss_load_mb or 0, rss(server.process))
            await asyncio.sleep(0.05)

    async with session() as client, session() as watcher:
        await asyncio.gather(look(watcher), *(stream(client, number) for number in range(clients)))
    report.streams, report.streams_s = clients, seconds
    report.health_p99_ms = round(statistics.quantiles(health, n=100)[98], 1)


async def soak(server: Server, report: Report, requests: int) -> None:
    """Requests one after another over 4 connections; how much both processes have grown by the end.

    The first tenth warms up: caches fill, and the allocator takes what it will keep.
    """
    async with session(4) as client:

        async def some(count: int) -> None:
            for number in range(count):
                await ask(client, server.url, number)

        await asyncio.gather(*(some(requests // 40) for _ in range(4)))
        before = rss(server.process) + rss(server.worker)
        await asyncio.gather(*(some(requests * 9 // 40) for _ in range(4)))
        after = rss(server.process) + rss(server.worker)
    report.soak_requests = requests
    report.soak_rss_growth_percent = round((after / before - 1) * 100, 2)


async def worker_killed(server: Server) -> None:
    """SIGKILL in the middle of an answer."""
    await _in_the_middle(server, lambda: server.worker.send_signal(signal.SIGKILL))


async def worker_hung(server: Server) -> None:
    """SIGSTOP in the middle of an answer: no sign of life any more."""
    await _in_the_middle(server, lambda: server.worker.send_signal(signal.SIGSTOP))


async def server_killed(server: Server) -> None:
    """SIGKILL of the API process, and a start as a service manager does it."""
    port = int(server.url.rpartition(":")[2])
    await server.stop(signal.SIGKILL)
    await server.start(port)


async def a_thousand_clients(server: Server) -> None:
    """1,000 connections at once; health has to answer among them."""

    async def one(client: aiohttp.ClientSession) -> int:
        try:
            async with client.get(f"{server.url}/api/v1/models", headers={"Connection": "close"}) as response:
                return response.status
        except (aiohttp.ClientError, OSError):
            return 0

    async with session() as client:
        answers = await asyncio.gather(*(one(client) for _ in range(1000)))
    if not set(answers) <= {0, 200, 503} or 200 not in answers:
        raise ValueError(f"answers: {sorted(set(answers))}")


async def slow_loris(server: Server) -> None:
    """100 connections that send their headers for ever."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    for _ in range(100):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /api/v1/health HTTP/1.1\r\nX-Slow: ")


FAULTS: tuple[Callable[[Server], Awaitable[None]], ...] = (
    worker_killed,
    worker_hung,
    server_killed,
    a_thousand_clients,
    slow_loris,
)


async def _in_the_middle(server: Server, inject: Callable[[], None]) -> None:
    async with session() as client:
        asked = asyncio.create_task(ask(client, server.url))
        await asyncio.sleep(0.01)
        inject()
        with suppress(aiohttp.ClientError, TimeoutError, ValueError):
            await asked


async def inject_faults(server: Server, report: Report) -> None:
    """Each fault in turn, and the seconds from it until a command is answered again."""
    report.recoveries_s = {}
    for fault in FAULTS:
        begun = time.perf_counter()
        report.faults_injected += 1
        try:
            await fault(server)
            await asyncio.wait_for(_answered(server), 60)
        except (TimeoutError, ValueError) as err:
            print(f"{fault.__name__}: {err!r}", file=sys.stderr)
            report.recoveries_s[fault.__name__] = None
            continue
        report.faults_survived += 1
        report.recoveries_s[fault.__name__] = round(time.perf_counter() - begun, 2)
    report.recovery_worst_s = max((each for each in report.recoveries_s.values() if each), default=None)


async def _answered(server: Server) -> None:
    async with session() as client:
        while True:
            try:
                await ask(client, server.url)
            except (aiohttp.ClientError, ValueError):
                await asyncio.sleep(0.05)
            else:
                return


def rss(process: psutil.Process) -> float:
    """Megabytes of resident memory."""
    return float(process.memory_info().rss) / MEGABYTE


async def run(arguments: argparse.Namespace) -> Report:
    """All of it, on one server."""
    server = Server()
    try:
        report = Report(round(await server.start(), 2), 0.0, 0.0)
        report.api_rss_idle_mb = round(rss(server.process), 1)
        async with session() as client:
            first = [await ask(client, server.url, number) for number in range(50)]
        report.first_byte_avg_ms = round(statistics.mean(first), 1)
        await under_load(server, report, arguments.streams, arguments.seconds)
        await soak(server, report, arguments.soak)
        await inject_faults(server, report)
    finally:
        await server.stop()
    report.api_rss_load_mb = round(report.api_rss_load_mb or 0, 1)
    return report


def main() -> None:
    """Print the figures, one a line, or as JSON."""
    parser = argparse.ArgumentParser(prog="script/bench server", description=__doc__)
    parser.add_argument("--streams", type=int, default=200, help="clients that stream at once (200)")
    parser.add_argument("--seconds", type=float, default=300.0, help="for so long (300)")
    parser.add_argument("--soak", type=int, default=10_000, help="requests of the soak (10000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = asdict(asyncio.run(run(arguments)))
    if arguments.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:<26} {value}")


if __name__ == "__main__":
    main()
