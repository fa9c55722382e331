"""The network taken away and given back: our server in one network namespace, another server in a second.

Needs root, and `ip` of iproute2; without them it says so and does nothing. Run by script/test-network.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from benchmarks.hybrid import QUESTION, priced, serving
from benchmarks.stand_ins import DRIP, StandIn
from picoqwen_core.config import BUILT_IN_MODEL
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.upstreams import Upstream

HOUSE, CLOUD, MASK = "10.213.7.1", "10.213.7.2", "/24"
_START_SECONDS, _BACK_SECONDS, _FLAPS = 300.0, 60.0, 5
_RESTART_MARK = "[The answer broke off"


@dataclass(frozen=True, slots=True)
class Event:
    """What was done to the network. seconds: to the first words of whoever answered then."""

    name: str
    seconds: float
    provider: str
    heard: str
    cost: float


class Link:
    """The cable of the house; called inside its namespace."""

    def __init__(self, device: str, cloud: str) -> None:
        self._device, self._cloud = device, cloud

    def plug(self, *, ours: bool = True, theirs: bool = True) -> None:
        """Take one end of the cable away, or put both back."""
        _ip("link", "set", "dev", self._device, "up" if ours else "down")
        _ip("-n", self._cloud, "link", "set", "dev", "cloud0", "up" if theirs else "down")


def main(argv: list[str] | None = None) -> int:
    """Make the namespaces, measure inside them, take them away; 0 where every request was answered."""
    parser = argparse.ArgumentParser(prog="script/test-network", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.peer:
        asyncio.run(_peer())
        return 0
    if arguments.inside:
        return _report(asyncio.run(measure(*arguments.inside)), as_json=arguments.json)
    if (reason := _why_not()) is not None:
        print(f"skipped: {reason}")
        return 0
    name = f"pico-{os.getpid()}"
    house, cloud = f"{name}-house", f"{name}-cloud"
    with ExitStack() as stack:
        for each in (house, cloud):
            _ip("netns", "add", each)
            stack.callback(_ip, "netns", "delete", each)
        _connect(house, cloud)
        command = [sys.executable, "-m", "benchmarks.network", "--inside", house, cloud]
        more = ["--json"] if arguments.json else []
        return subprocess.run(["ip", "netns", "exec", house, *command, *more], check=False).returncode


async def measure(house: str, cloud: str) -> tuple[list[Event], int]:
    """All that happens to the network, and how many sockets are open at the end that were not before."""
    del house
    client = EngineClient(BUILT_IN_MODEL, model_id="pico-home", threads=1)
    local = LocalProvider(client, BUILT_IN_MODEL, ready_seconds=_START_SECONDS)
    await local.load()
    try:
        async with _cloud(cloud) as address:
            before = _sockets()
            upstreams = tuple(priced(Upstream(name, address, name)) for name in ("well", DRIP))
            async with serving(local, upstreams, health_check_interval=1) as url, ClientSession() as session:
                events = await _happenings(Asker(session, url), Link("house0", cloud))
            await asyncio.sleep(0.5)
            return events, max(0, _sockets() - before)
    finally:
        await local.stop()


async def _happenings(asker: "Asker", link: Link) -> list[Event]:
    events = [await asker.ask("before", "well/well")]
    for name, ends in (("our end is gone", {"ours": False}), ("packets vanish", {"theirs": False})):
        link.plug(**ends)
        events.append(await asker.ask(name, "well/well"))
        events.append(await asker.ask(f"{name}, asked again", "well/well"))
        link.plug()
        events.append(await _back(asker, f"given back after: {name}"))
    for name, ends in (
        ("our end is gone in mid-answer", {"ours": False}),
        ("packets vanish in mid-answer", {"theirs": False}),
    ):
        events.append(await asker.ask(name, f"{DRIP}/{DRIP}", partial(link.plug, **ends)))
        link.plug()
        events.append(await _back(asker, f"given back after: {name}"))
    for number in range(_FLAPS):
        link.plug(ours=bool(number % 2))
        events.append(await asker.ask(f"flap {number + 1}", "well/well"))
    link.plug()
    events.append(await _back(asker, "given back after the flaps"))
    return events


async def _back(asker: "Asker", name: str) -> Event:
    """Ask until the other server answers; the seconds since the network was given back."""
    start = time.perf_counter()
    while True:
        found = await asker.ask(name, "well/well")
        if found.provider == "well":
            return Event(name, time.perf_counter() - start, found.provider, found.heard, found.cost)
        if time.perf_counter() - start > _BACK_SECONDS:
            raise SystemExit(f"{name}: the other server does not answer: {found}")
        await asyncio.sleep(0.2)


class Asker:
    """Asks our server, streamed."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def ask(self, name: str, model: str, meanwhile: Callable[[], None] | None = None) -> Event:
        """One question; meanwhile: called after the first words, from where the time counts then."""
        body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True, "model": model}
        heard, first = "", None
        served: dict[str, Any] = {}
        start = time.perf_counter()
        async with self._session.post(f"{self._url}/api/v1/chat", json=body) as response:
            async for line in response.content:
                if not line.startswith(b"data: {"):
                    continue
                chunk = json.loads(line[6:])
                served = chunk.get("picoqwen", served)
                for choice in chunk.get("choices", ()):
                    heard += choice["delta"].get("content") or ""
                if meanwhile is not None and heard:
                    meanwhile()
                    meanwhile, first, start = None, None, time.perf_counter()
                elif first is None and heard and (_RESTART_MARK in heard or not model.startswith(DRIP)):
                    first = time.perf_counter() - start
        seconds = time.perf_counter() - start if first is None else first
        told = " ".join(heard.split())
        return Event(name, seconds, served.get("provider", "nobody"), told[-60:], served.get("cost", 0.0))


def _report(found: tuple[list[Event], int], *, as_json: bool) -> int:
    events, sockets = found
    print(f"{'what happened':48} {'s':>7}  {'answered by':11} {'dollars':>9}  heard (its end)")
    for each in events:
        print(f"{each.name:48} {each.seconds:>7.3f}  {each.provider:11} {each.cost:>9.6f}  {each.heard}")
    away = [each.seconds for each in events if each.provider == "local"]
    figures = {
        "requests": len(events),
        "answered": sum(each.provider != "nobody" for each in events),
        "failover_worst_s": round(max(away), 3),
        "back_worst_s": round(max(each.seconds for each in events if each.name.startswith("given")), 3),
        "sockets_left": sockets,
    }
    for name, value in figures.items():
        print(f"{name:20} {value:>10}")
    if as_json:
        print(json.dumps(figures))
    return 0 if figures["answered"] == len(events) and not sockets else 1


@asynccontextmanager
async def _cloud(namespace: str) -> AsyncIterator[str]:
    """The other server, in its namespace; its address."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "benchmarks.network", "--peer"]
    peer = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert peer.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            yield (await peer.stdout.readline()).decode().strip()
    finally:
        peer.terminate()
        await peer.wait()


async def _peer() -> None:
    async with StandIn().serving(CLOUD) as server:
        print(server.url, flush=True)
        await asyncio.get_running_loop().create_future()


def _connect(house: str, cloud: str) -> None:
    _ip("link", "add", "house0", "netns", house, "type", "veth", "peer", "name", "cloud0", "netns", cloud)
    for namespace, device, address in ((house, "house0", HOUSE), (cloud, "cloud0", CLOUD)):
        _ip("-n", namespace, "address", "add", f"{address}{MASK}", "dev", device)
        for each in ("lo", device):
            _ip("-n", namespace, "link", "set", "dev", each, "up")


def _why_not() -> str | None:
    if shutil.which("ip") is None:
        return "there is no `ip`; install iproute2"
    probe = f"pico-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made here, which takes root: {made.stderr.strip()}"
    _ip("netns", "delete", probe)
    return None


def _ip(*arguments: str) -> None:
    done: Any = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _sockets() -> int:
    """How many are open in this process."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own
            count += str(each.readlink()).startswith("socket:")
    return count


if __name__ == "__main__":
    sys.exit(main())
