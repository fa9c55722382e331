"""The engine beside llama.cpp on the same random-weight files, in one run; starts, memory and compilation."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks import llama_cpp
from benchmarks.engine_run import DECODE_TOKENS, PROMPT_TOKENS
from benchmarks.random_models import LARGE, random_model
from house_runner.ports import find_free
from house_runner.server import start_server
from picoqwen_core.cpu import usable_cores
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.messages import GenerateRequest, SamplingParams

FORMATS = ("Q8_0", "Q4_0", "Q4_K", "Q6_K")
GIGABYTE, MEGABYTE = 1e9, 1e6
_RESIDENT_CONTEXT = 4096
_GREEDY = SamplingParams(temperature=0)


def main(argv: list[str] | None = None) -> None:
    """Print a table, and with --json one object on the last line."""
    parser = argparse.ArgumentParser(prog="script/bench engine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=FORMATS)
    parser.add_argument("--isa", choices=list(llama_cpp.BUILDS), help="instead of this CPU's best")
    parser.add_argument("--rounds", type=int, default=3, help="how often each engine is measured, in turn")
    parser.add_argument("--no-peer", action="store_true", help="without llama.cpp, so without ratios")
    parser.add_argument("--speed-only", action="store_true", help="only the table of speeds")
    arguments = parser.parse_args(argv)
    if arguments.isa:
        os.environ["PICOQWEN_ISA"] = arguments.isa
    isa = arguments.isa or str(run("isa")["isa"])
    figures = speeds(arguments.formats, isa, peer=not arguments.no_peer, rounds=arguments.rounds)
    if not arguments.speed_only:
        figures |= others()
    print()
    for name, value in figures.items():
        print(f"{name:32} {value:>10}")
    if arguments.json:
        print(json.dumps(figures))


def run(*arguments: object) -> dict[str, Any]:
    """One measurement of engine_run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_run", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def speeds(formats: list[str], isa: str, *, peer: bool, rounds: int) -> dict[str, Any]:
    """Both engines and the memory in turn, the best of each round: what else runs here comes and goes."""
    figures: dict[str, Any] = {}
    peer_isa = isa if peer else None
    print(
        f"{'format':<8}{'threads':>8}{'prefill':>10}{'ratio':>8}{'decode':>10}{'ratio':>8}{'of memory':>11}"
    )
    for threads in range(1, min(2, usable_cores()) + 1):
        measured = {name: _rounds(random_model(name), threads, peer_isa, rounds) for name in formats}
        ceiling = max(best["memory"] for best in measured.values())
        figures[f"memory_{threads}t_gb_s"] = round(ceiling / GIGABYTE, 1)
        for name, best in measured.items():
            row = _row(best, ceiling)
            figures |= {f"{what}_{name.lower()}_{threads}t_{unit}": row[what, unit] for what, unit in row}
            print(
                f"{name:<8}{threads:>8}{best['prefill']:>10.0f}{row.get(('prefill', 'ratio'), ''):>8}"
                f"{best['decode']:>10.1f}{row.get(('decode', 'ratio'), ''):>8}"
                f"{row['decode', 'bandwidth_share']:>11.0%}",
                flush=True,
            )
    return figures


def _row(best: dict[str, float], ceiling: float) -> dict[tuple[str, str], float]:
    """A format's figures by what was measured and its unit."""
    row = {(what, "tokens_s"): round(best[what], 1) for what in ("prefill", "decode")}
    row["decode", "bandwidth_share"] = round(best["decode"] * best["bytes"] / ceiling, 3)
    for what in ("prefill", "decode"):
        if theirs := best.get(f"their_{what}"):
            row[what, "ratio"] = round(best[what] / theirs, 2)
    return row


def _rounds(path: Path, threads: int, isa: str | None, rounds: int) -> dict[str, float]:
    """The best of each figure; isa: what llama.cpp is built for, None to leave it out."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        figures = {"memory": run("bandwidth", threads)["bytes_per_s"], **run("speed", path, threads)}
        if isa:
            prefill, decode = llama_cpp.bench(path, threads, isa, prompt=PROMPT_TOKENS, tokens=DECODE_TOKENS)
            figures |= {"their_prefill": prefill, "their_decode": decode}
        best = {name: max(value, best.get(name, 0.0)) for name, value in figures.items()}
    return best


def others() -> dict[str, Any]:
    """Long contexts, batches, compilation, starts, memory."""
    small, threads = random_model("Q8_0"), min(2, usable_cores())
    long, batch = run("long", small, threads), run("batch", small, threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        compiled = run("compile", usable_cores())
        del os.environ["NUMBA_CACHE_DIR"]
    asyncio.run(_first_token(small))  # so that its kernels are compiled
    large = random_model("Q4_0", LARGE)
    asyncio.run(_first_token(large))
    warm_8b = asyncio.run(_first_token(large))
    _forget(large)
    cold_8b = asyncio.run(_first_token(large))
    return {
        "decode_4096_share": round(long["late"] / long["early"], 3),
        "batch4_ratio": round(batch["four"] / batch["one"], 2),
        "kernel_compile_s": round(compiled["seconds"], 1),
        "start_to_first_token_s": round(min(asyncio.run(_first_token(small)) for _ in range(3)), 2),
        "load_8b_s": round(cold_8b, 2),
        "load_8b_warm_s": round(warm_8b, 2),
        "rss_mb": asyncio.run(_resident(small)),
    }


async def _first_token(path: Path) -> float:
    """Seconds from starting a worker until its first token."""
    started = time.perf_counter()
    client = EngineClient(path, model_id="bench", context_length=_RESIDENT_CONTEXT)
    await client.start()
    try:
        async for _ in client.generate(GenerateRequest("! ! ! !", sampling=_GREEDY, max_tokens=2)):
            return time.perf_counter() - started
        raise SystemExit(f"{path} answered nothing")
    finally:
        await client.stop()


async def _resident(path: Path) -> int:
    """MB of a server and its workers, when a context of 4,096 tokens is full; what they share counts once."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--model", str(path), "--context", str(_RESIDENT_CONTEXT))
        server = await start_server(find_free(), Path(folder) / "log", *options)
        try:
            body = {"prompt": "! " * (_RESIDENT_CONTEXT // 2 - 8), "max_tokens": 4, "temperature": 0}
            timeout = aiohttp.ClientTimeout(total=300)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{server.url}/api/v1/generate", json=body) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise SystemExit(f"the server answered {response.status}: {await response.text()}")
            parent = psutil.Process(server.process.pid)
            processes = (parent, *parent.children(recursive=True))
            resident = (process.memory_full_info().pss for process in processes)
            return int(sum(resident) / MEGABYTE)
        finally:
            await server.stop()


def _forget(path: Path) -> None:
    """Drop a file from the system's cache, so that it is read from the disk again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
