"""The engine beside llama.cpp on the same random-weight files, in one run; starts, memory and compilation."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import llama_cpp
from benchmarks.engine_run import DECODE_TOKENS, PROMPT_TOKENS
from benchmarks.random_models import LARGE, random_model
from picoqwen_core.cpu import usable_cores
from picoqwen_core.engine.client import EngineClient
from picoqwen_core.messages import GenerateRequest, SamplingParams

FORMATS = ("Q8_0", "Q4_0", "Q4_K", "Q6_K")
GIGABYTE, MEGABYTE = 1e9, 1e6
_RESIDENT_CONTEXT = 4096


def main(argv: list[str] | None = None) -> None:
    """Print a table, and with --json one object on the last line."""
    parser = argparse.ArgumentParser(prog="script/bench engine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=FORMATS)
    parser.add_argument("--isa", help="avx512_vnni, avx_vnni, avx2 or generic, instead of this CPU's best")
    parser.add_argument("--no-peer", action="store_true", help="without llama.cpp, so without ratios")
    parser.add_argument("--speed-only", action="store_true", help="only the table of speeds")
    arguments = parser.parse_args(argv)
    if arguments.isa:
        os.environ["PICOQWEN_ISA"] = arguments.isa
    figures = speeds(arguments.formats, arguments.isa, peer=not arguments.no_peer)
    if not arguments.speed_only:
        figures |= others()
    print()
    for name, value in figures.items():
        print(f"{name:32} {value:>10}")
    if arguments.json:
        print(json.dumps(figures))


def run(*arguments: object) -> dict[str, float]:
    """One measurement of engine_run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_run", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def speeds(formats: list[str], isa: str | None, *, peer: bool) -> dict[str, Any]:
    """Both engines in turn, twice, the best of each: what else runs here comes and goes."""
    figures: dict[str, Any] = {}
    print(
        f"{'format':<8}{'threads':>8}{'prefill':>10}{'ratio':>8}{'decode':>10}{'ratio':>8}{'of memory':>11}"
    )
    for threads in range(1, min(2, usable_cores()) + 1):
        ceiling = run("bandwidth", threads)["bytes_per_s"]
        figures[f"memory_{threads}t_gb_s"] = round(ceiling / GIGABYTE, 1)
        for name in formats:
            path = random_model(name)
            ours, theirs = _best(path, threads, avx512=isa in (None, "avx512_vnni"), peer=peer)
            key = f"{name.lower()}_{threads}t"
            share = ours["decode"] * ours["bytes"] / ceiling
            figures[f"prefill_{key}_tokens_s"] = round(ours["prefill"], 1)
            figures[f"decode_{key}_tokens_s"] = round(ours["decode"], 1)
            figures[f"decode_{key}_bandwidth_share"] = round(share, 3)
            ratios = ["", ""]
            if theirs:
                for place, what in enumerate(("prefill", "decode")):
                    ratio = ours[what] / theirs[place]
                    figures[f"{what}_{key}_ratio"] = round(ratio, 2)
                    ratios[place] = f"{ratio:.2f}"
            print(
                f"{name:<8}{threads:>8}{ours['prefill']:>10.0f}{ratios[0]:>8}"
                f"{ours['decode']:>10.1f}{ratios[1]:>8}{share:>11.0%}",
                flush=True,
            )
    return figures


def _best(
    path: Path, threads: int, *, avx512: bool, peer: bool
) -> tuple[dict[str, float], tuple[float, float] | None]:
    rounds = []
    for _ in range(2):
        theirs = (
            llama_cpp.bench(path, threads, avx512=avx512, prompt=PROMPT_TOKENS, tokens=DECODE_TOKENS)
            if peer
            else None
        )
        rounds.append((run("speed", path, threads), theirs))
    ours = {key: max(mine[key] for mine, _ in rounds) for key in rounds[0][0]}
    others = [theirs for _, theirs in rounds if theirs]
    return ours, (max(t[0] for t in others), max(t[1] for t in others)) if others else None


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
    warm_8b = asyncio.run(_first_token(large))[0]
    _forget(large)
    cold_8b = asyncio.run(_first_token(large))[0]
    return {
        "decode_4096_share": round(long["late"] / long["early"], 3),
        "batch4_ratio": round(batch["four"] / batch["one"], 2),
        "kernel_compile_s": round(compiled["seconds"], 1),
        "start_to_first_token_s": round(asyncio.run(_first_token(small))[0], 2),
        "load_8b_s": round(cold_8b, 2),
        "load_8b_warm_s": round(warm_8b, 2),
        "rss_mb": asyncio.run(_first_token(small, _RESIDENT_CONTEXT))[1],
    }


async def _first_token(path: Path, prompt_tokens: int = 8) -> tuple[float, float]:
    """Seconds from starting a worker until its first token, and the memory of all processes then, in MB."""
    started = time.perf_counter()
    client = EngineClient(path, model_id="bench", context_length=_RESIDENT_CONTEXT + 64)
    await client.start()
    try:
        request = GenerateRequest(
            "! " * (prompt_tokens // 2), sampling=SamplingParams(temperature=0), max_tokens=2
        )
        seconds = 0.0
        async for _ in client.generate(request):
            seconds = seconds or time.perf_counter() - started
        api = psutil.Process()
        resident = sum(process.memory_info().rss for process in (api, *api.children(recursive=True)))
        return seconds, round(resident / MEGABYTE)
    finally:
        await client.stop()


def _forget(path: Path) -> None:
    """Drop a file from the system's cache, so that it is read from the disk again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
