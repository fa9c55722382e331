"""The server under load and under faults: memory, first byte, streams, a soak, and how soon it is back."""

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass

import aiohttp

from benchmarks.faults import FAULTS, hub, inject
from benchmarks.served import Server, ask, rss, session


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
    # What health said during each fault, in this order.
    health_said: dict[str, list[str]] | None = None


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
        before = rss(server.process) + rss(server.worker())
        await asyncio.gather(*(some(requests * 9 // 40) for _ in range(4)))
        after = rss(server.process) + rss(server.worker())
    report.soak_requests = requests
    report.soak_rss_growth_percent = round((after / before - 1) * 100, 2)


async def _inject_faults(server: Server, report: Report) -> None:
    """Each fault in turn, and the seconds from it until a command is answered again."""
    report.recoveries_s, report.health_said = {}, {}
    for fault in FAULTS:
        report.faults_injected += 1
        outcome = await inject(server, fault)
        report.faults_survived += outcome.survived
        report.recoveries_s[fault.name] = outcome.seconds
        report.health_said[fault.name] = outcome.health
    report.recovery_worst_s = max((each for each in report.recoveries_s.values() if each), default=None)


async def run(arguments: argparse.Namespace) -> Report:
    """All of it, on one server."""
    async with hub() as address:
        return await _measured(Server(address), arguments)


async def _measured(server: Server, arguments: argparse.Namespace) -> Report:
    try:
        report = Report(round(await server.start(), 2), 0.0, 0.0)
        report.api_rss_idle_mb = round(rss(server.process), 1)
        async with session() as client:
            first = [await ask(client, server.url, number) for number in range(50)]
        report.first_byte_avg_ms = round(statistics.mean(first), 1)
        await under_load(server, report, arguments.streams, arguments.seconds)
        await soak(server, report, arguments.soak)
        await _inject_faults(server, report)
    finally:
        await server.stop()
        server.remove()
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
