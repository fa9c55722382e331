"""Faults injected into a running server: how soon it is back, and whether its health said the truth."""

import asyncio
import hashlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from benchmarks.served import SMALL_MODEL, Server, ask, session

_DAY = 86_400
_FILE = b"GGUF" + bytes(8_000_000)
_NAMED = "bench/model"
_LONG = "The home has a lamp in the kitchen and one in the hall. " * 20


@dataclass(frozen=True, slots=True)
class Fault:
    """inject: brings it about, and returns once it is over where it ends by itself; health: what has to be
    said meanwhile, "away" for no answer; only that and "ok" may be."""

    inject: Callable[[Server], Awaitable[None]]
    health: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As the report has it."""
        return self.inject.__name__


@dataclass(slots=True)
class Outcome:
    """seconds: from the fault until a command was answered; health: what it said, without repetitions."""

    survived: bool = False
    seconds: float | None = None
    health: list[str] = field(default_factory=list)


async def inject(server: Server, fault: Fault) -> Outcome:
    """One fault, watched from the beginning until a command is answered again."""
    outcome, begun = Outcome(), time.perf_counter()
    watch = asyncio.create_task(_watch(server, outcome.health))
    try:
        await asyncio.wait_for(fault.inject(server), 90)
        await asyncio.wait_for(_answered(server), 60)
        outcome.seconds = round(time.perf_counter() - begun, 2)
        await asyncio.wait_for(_sound(outcome.health), 30)
        outcome.survived = set(outcome.health) - {"ok"} == fault.health
        if not outcome.survived:
            print(f"{fault.name}: health said {outcome.health}, not {sorted(fault.health)}", file=sys.stderr)
    except (TimeoutError, ValueError, KeyError, aiohttp.ClientError) as err:
        print(f"{fault.name}: {err!r}", file=sys.stderr)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    return outcome


async def _watch(server: Server, said: list[str]) -> None:
    """Health as it changes, over one connection as long as that holds."""
    async with session(1) as client:
        while True:
            try:
                async with client.get(f"{server.url}/api/v1/health") as response:
                    told = str((await response.json())["status"])
            except (aiohttp.ClientError, TimeoutError):
                told = "away"
            if said[-1:] != [told]:
                said.append(told)
            await asyncio.sleep(0.01)


async def _sound(said: list[str]) -> None:
    while said[-1:] != ["ok"]:
        await asyncio.sleep(0.01)


async def _answered(server: Server) -> None:
    async with session() as client:
        while True:
            try:
                await ask(client, server.url)
            except (aiohttp.ClientError, ValueError):
                await asyncio.sleep(0.05)
            else:
                return


async def worker_killed(server: Server) -> None:
    """SIGKILL in the middle of an answer."""
    await _in_the_middle(server, lambda: server.worker().send_signal(signal.SIGKILL))


async def worker_hung(server: Server) -> None:
    """SIGSTOP in the middle of an answer: no sign of life any more."""
    await _in_the_middle(server, lambda: server.worker().send_signal(signal.SIGSTOP))


async def _in_the_middle(server: Server, bring_about: Callable[[], None]) -> None:
    async with session() as client:
        asked = asyncio.create_task(ask(client, server.url))
        await asyncio.sleep(0.01)
        bring_about()
        with suppress(aiohttp.ClientError, TimeoutError, ValueError):
            await asked


async def worker_without_memory(server: Server) -> None:
    """The kernel refuses every further page to a model's process that has to read a long prompt."""
    await _small(server, "hello")
    worker = server.worker(SMALL_MODEL)
    worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms, psutil.RLIM_INFINITY))
    status, text = await _small(server, _LONG * 3, tokens=500)
    if status == 200 and "error" not in text:
        raise ValueError("the answer did not need memory")
    if worker.is_running():
        worker.rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    await _small_answers(server)


async def model_damaged(server: Server) -> None:
    """A model's file is replaced by a damaged one, its process ends, and the file is put back."""
    await _small_answers(server)
    path = server.models / f"{SMALL_MODEL}.gguf"
    kept = path.rename(server.folder / "kept")
    bad = server.folder / "bad"
    bad.write_bytes(b"GGUF and no more")
    bad.rename(path)
    server.worker(SMALL_MODEL).send_signal(signal.SIGKILL)
    while (answer := await _small(server, "hello"))[0] == 200 or path.name not in answer[1]:
        await asyncio.sleep(0.05)
    await _answered(server)
    kept.rename(path)
    await _small_answers(server)


async def disk_full_in_a_download(server: Server) -> None:
    """No file of the API process may grow beyond 1 MB while it fetches a model of 8."""
    server.process.rlimit(psutil.RLIMIT_FSIZE, (1_000_000, psutil.RLIM_INFINITY))
    try:
        async with session() as client:
            body = {"repository": _NAMED, "file": "model.gguf"}
            async with client.post(f"{server.url}/api/v1/downloads", json=body) as response:
                job = await response.json()
            while job.get("state") in ("waiting", "running"):
                await asyncio.sleep(0.02)
                async with client.get(f"{server.url}/api/v1/downloads/{job['id']}") as response:
                    job = await response.json()
    finally:
        server.process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    left = [each for each in (server.models / ".downloads").rglob("*") if each.is_file()]
    if (job.get("error") or {}).get("code") != "disk_full" or left:
        raise ValueError(f"the download ended as {job}, and left {left}")


async def disk_full_while_prefixes_are_saved(server: Server) -> None:
    """No file of a model's process may grow while it writes what it has read."""
    await _small_answers(server)
    worker = server.worker(SMALL_MODEL)
    worker.rlimit(psutil.RLIMIT_FSIZE, (4096, psutil.RLIM_INFINITY))
    told = server.log.read_text().count("cannot be written")
    async with session() as client:
        body = {"model": SMALL_MODEL, "messages": [{"role": "system", "content": f"{time.time()} {_LONG}"}]}
        async with client.post(f"{server.url}/api/v1/prime", json=body) as response:
            response.raise_for_status()
    while server.log.read_text().count("cannot be written") == told:
        await asyncio.sleep(0.02)
    worker.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    await _small_answers(server)


async def clock_jumps(server: Server) -> None:
    """The wall clock goes a year ahead and a day back, each in the middle of an answer."""
    for seconds in (365 * _DAY, -_DAY):
        asked = asyncio.create_task(_small(server, _LONG, tokens=1500))
        await asyncio.sleep(0.05)
        server.ahead.write_text(str(seconds))
        status, text = await asked
        created = json.loads((await _small(server, "hello", stream=False))[1])["created"]
        if status != 200 or not text.endswith("data: [DONE]\n\n"):
            raise ValueError(f"HTTP {status}: {text[-200:]}")
        if abs(created - time.time() - seconds) > _DAY / 2:
            raise ValueError(f"the clock did not jump: {created}")
    server.ahead.write_text("0")


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


_MENDED = frozenset({"degraded"})
FAULTS = (
    Fault(worker_killed, _MENDED),
    Fault(worker_hung, _MENDED),
    Fault(model_damaged, _MENDED),
    Fault(disk_full_in_a_download),
    Fault(disk_full_while_prefixes_are_saved),
    Fault(clock_jumps),
    Fault(server_killed, frozenset({"away", "starting"})),
    Fault(a_thousand_clients),
    Fault(slow_loris),
    Fault(worker_without_memory),
)


async def _small(server: Server, text: str, *, tokens: int = 4, stream: bool = True) -> tuple[int, str]:
    """What the small model answers: status and body, be it an error."""
    body = {"model": SMALL_MODEL, "max_tokens": tokens, "stream": stream, "seed": 1}
    async with session() as client:
        asked: dict[str, Any] = {**body, "messages": [{"role": "user", "content": text}]}
        async with client.post(f"{server.url}/api/v1/chat", json=asked) as response:
            return response.status, await response.text()


async def _small_answers(server: Server) -> None:
    while (answer := await _small(server, "hello"))[0] != 200 or "event: error" in answer[1]:
        await asyncio.sleep(0.05)


@asynccontextmanager
async def hub() -> AsyncIterator[str]:
    """A stand-in for the hub that has one model; its address."""

    async def tree(_: web.Request) -> web.Response:
        lfs = {"oid": hashlib.sha256(_FILE).hexdigest(), "size": len(_FILE), "pointerSize": 100}
        return web.json_response(
            [{"type": "file", "path": "model.gguf", "oid": "1", "size": len(_FILE), "lfs": lfs}]
        )

    async def file(_: web.Request) -> web.Response:
        return web.Response(body=_FILE)

    app = web.Application()
    app.router.add_get(f"/api/models/{_NAMED}/tree/main", tree)
    app.router.add_get(f"/{_NAMED}/resolve/main/model.gguf", file)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
