"""What must hold for years, tried for minutes: 1,000 clients at once, and 10,000 requests in flat memory."""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

import aiohttp

from benchmarks.served import HOME, TOOLS, Server, ask, rss, session

CLIENTS, REQUESTS, MOST_GROWTH_PERCENT, MOST_RECOVERY_S = 1000, 10_000, 2.0, 5.0


@dataclass(slots=True)
class Report:
    """answered and refused: of the clients at once; wrong: what was neither. Memory of both processes, MB."""

    clients: int
    answered: int = 0
    refused: int = 0
    wrong: int = 0
    health_answers: int = 0
    health_wrong: int = 0
    recovery_s: float = 0.0
    files_left_open: int = 0
    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    rss_before_mb: float = 0.0
    rss_after_mb: float = 0.0
    growth_percent: float = 0.0

    @property
    def complaints(self) -> list[str]:
        """The bars that were missed."""
        bars = {
            "an answer was neither whole nor an orderly refusal": self.wrong,
            "nobody was answered": not self.answered,
            "health did not answer, or not 200": self.health_wrong or not self.health_answers,
            f"a command took over {MOST_RECOVERY_S} s after the crowd": self.recovery_s > MOST_RECOVERY_S,
            "connections stayed open": self.files_left_open > 0,
            "a request of the soak failed": self.failed,
            f"memory grew by {MOST_GROWTH_PERCENT} % or more": self.growth_percent >= MOST_GROWTH_PERCENT,
        }
        return [told for told, missed in bars.items() if missed]


async def crowd(server: Server, report: Report) -> None:
    """All clients connect at once, each with a command; health is asked meanwhile."""
    files = server.process.num_fds()
    over = asyncio.Event()

    async def client(number: int) -> None:
        body = {
            "messages": [{"role": "user", "content": "turn on the hall lamp"}],
            "tools": TOOLS,
            "home": HOME,
        }
        limit = aiohttp.ClientTimeout(total=120)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as own,
                own.post(f"{server.url}/api/v1/chat", json=body) as response,
            ):
                text, headers = await response.text(), response.headers
            whole = response.status == 200 and "HassTurnOn" in text
            told = response.status in (429, 503) and '"code"' in text and "Retry-After" in headers
            report.answered += whole
            report.refused += told
            report.wrong += not (whole or told)
        except (aiohttp.ClientConnectionError, ConnectionError):
            # Beyond the connections that are told so, the rest is closed at once.
            report.refused += 1
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            report.wrong += 1
            print(f"client {number}: {err!r}", file=sys.stderr)

    async def look() -> None:
        async with session() as watcher:
            while not over.is_set():
                try:
                    async with watcher.get(f"{server.url}/api/v1/health") as response:
                        report.health_wrong += response.status != 200
                        report.health_answers += 1
                except (aiohttp.ClientError, TimeoutError):
                    report.health_wrong += 1
                await asyncio.sleep(0.05)

    # Its connection is there before the crowd's, as a watchdog's is.
    looking = asyncio.create_task(look())
    while not report.health_answers:
        await asyncio.sleep(0.01)
    await asyncio.gather(*(client(number) for number in range(report.clients)))
    begun = time.perf_counter()
    async with session() as own:
        await ask(own, server.url)
    report.recovery_s = round(time.perf_counter() - begun, 2)
    over.set()
    await looking
    await asyncio.sleep(2)
    report.files_left_open = max(0, server.process.num_fds() - files)


async def soak(server: Server, report: Report) -> None:
    """Commands over four connections; a tenth of them first, while caches fill."""
    async with session(4) as own:

        async def some(count: int) -> None:
            for number in range(count):
                try:
                    await ask(own, server.url, number)
                except (aiohttp.ClientError, TimeoutError, ValueError) as err:
                    report.failed += 1
                    print(f"request {number}: {err!r}", file=sys.stderr)

        await asyncio.gather(*(some(report.requests // 40) for _ in range(4)))
        report.rss_before_mb = round(rss(server.process) + rss(server.worker()), 2)
        begun = time.perf_counter()
        await asyncio.gather(*(some(report.requests * 9 // 40) for _ in range(4)))
        report.seconds = round(time.perf_counter() - begun, 1)
        report.rss_after_mb = round(rss(server.process) + rss(server.worker()), 2)
    report.growth_percent = round((report.rss_after_mb / report.rss_before_mb - 1) * 100, 2)


async def run(clients: int, requests: int) -> Report:
    """Both, on one server."""
    server, report = Server(), Report(clients, requests=requests)
    try:
        await server.start()
        await crowd(server, report)
        await soak(server, report)
    finally:
        await server.stop()
        server.remove()
    return report


def main() -> None:
    """Print the figures; exit code 1 and what is wrong where a bar was missed."""
    parser = argparse.ArgumentParser(prog="script/test-soak", description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"clients at once ({CLIENTS})")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"requests of the soak ({REQUESTS})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report = asyncio.run(run(arguments.clients, arguments.requests))
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        print("\n".join(f"{name:<18} {value}" for name, value in asdict(report).items()))
    if report.complaints:
        sys.exit("error: " + "; ".join(report.complaints))


if __name__ == "__main__":
    main()
