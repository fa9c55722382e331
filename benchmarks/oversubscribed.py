"""The engine on a machine whose cores others use too: how much slower, beside its fair share."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.random_models import random_model
from picoqwen_core.cpu import usable_cores
from picoqwen_core.engine.environment import choose_strategy, prepare_libraries

if TYPE_CHECKING:
    from picoqwen_core.model.kv_cache import KVCache
    from picoqwen_core.model.qwen3 import Qwen3

# What Linux weighs a process by, from nice 0 on (kernel/sched/core.c, sched_prio_to_weight).
WEIGHTS = (1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15)
_ROUNDS, _TOKENS = 8, 16
# A busy process gets its share only after the scheduler has had a look at it.
_SETTLE_SECONDS = 0.3
_CONTROL_WORDS, _CONTROL_SUMS = 1 << 22, 16


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of the same work: the engine's, and that of as many threads that never wait for each other."""

    engine: float
    control: float


def main(argv: list[str] | None = None) -> None:
    """Print a table, and with --json one object on the last line."""
    parser = argparse.ArgumentParser(prog="script/bench oversubscribed", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object at the end")
    parser.add_argument("--model", type=Path, help="instead of Qwen3-0.6B in Q8_0 with random weights")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--nice", type=int, default=0, choices=range(20), help="of the engine (0)")
    arguments = parser.parse_args(argv)
    path = arguments.model or random_model("Q8_0")
    threads = choose_strategy("auto", arguments.threads).threads
    prepare_libraries(None, threads)
    figures = measure(path, threads, arguments.nice)
    if arguments.json:
        print(json.dumps(figures))


def measure(path: Path, threads: int, nice: int) -> dict[str, float]:
    """Alone, beside one busy process and beside one for each core, in turn."""
    from picoqwen_core.loaders.open import open_checkpoint  # noqa: PLC0415 - chooses the instructions
    from picoqwen_core.model.qwen3 import Qwen3  # noqa: PLC0415

    cores = usable_cores()
    crowds = sorted({0, 1, cores})
    samples: dict[int, list[Sample]] = {crowd: [] for crowd in crowds}
    with _stopped_processes(cores) as others, ThreadPoolExecutor(threads) as pool:
        os.nice(nice)
        model = Qwen3.from_checkpoint(open_checkpoint(path), threads=threads)
        cache = model.new_cache(_TOKENS + 8)
        _decode(model, cache)
        for _ in range(_ROUNDS):
            for crowd in crowds:
                with _running(others[:crowd]):
                    samples[crowd].append(Sample(_decode(model, cache), _control(pool, threads)))
        model.close()
    return _figures(samples, threads, cores, nice)


def fair_slowdown(threads: int, cores: int, busy: int, nice: int) -> float:
    """How much slower `threads` are beside busy processes where all get what their weights say."""
    weight = WEIGHTS[nice]
    share = cores * weight / (threads * weight + busy * WEIGHTS[0])
    alone = min(1.0, cores / threads)
    return alone / min(1.0, share)


def _figures(samples: dict[int, list[Sample]], threads: int, cores: int, nice: int) -> dict[str, float]:
    # The best of all rounds: whatever else runs on this machine comes and goes, and only makes it slower.
    best = {
        busy: Sample(min(each.engine for each in taken), min(each.control for each in taken))
        for busy, taken in samples.items()
    }
    alone = best[0]
    figures = {"alone_tokens_s": round(_TOKENS / alone.engine, 1)}
    print(f"{threads} threads at nice {nice} on {cores} cores, decoding; the best of {_ROUNDS} rounds")
    print(f"{'busy':<6}{'tokens/s':>10}{'slower':>9}{'fair':>7}{'over fair':>11}{'control slower':>16}")
    for busy, taken in best.items():
        slower, fair = taken.engine / alone.engine, fair_slowdown(threads, cores, busy, nice)
        print(
            f"{busy:<6}{_TOKENS / taken.engine:>10.1f}{slower:>9.2f}{fair:>7.2f}{slower / fair:>11.2f}"
            f"{taken.control / alone.control:>16.2f}"
        )
        if busy:
            figures[f"slowdown_{busy}_busy"] = round(slower, 2)
            figures[f"fair_slowdown_{busy}_busy"] = round(fair, 2)
            figures[f"over_fair_{busy}_busy"] = round(slower / fair, 2)
            figures[f"control_slowdown_{busy}_busy"] = round(taken.control / alone.control, 2)
    return figures


def _decode(model: "Qwen3", cache: "KVCache") -> float:
    """Seconds of writing some tokens."""
    from picoqwen_core.bench import decode_speed, random_ids  # noqa: PLC0415 - chooses the instructions

    return _TOKENS / decode_speed(model, cache, random_ids(model, _TOKENS), 0)


def _control(pool: ThreadPoolExecutor, threads: int) -> float:
    """Seconds until every thread has read its own memory a number of times."""
    data = [np.ones(_CONTROL_WORDS) for _ in range(threads)]

    def read(words: np.ndarray) -> None:
        for _ in range(_CONTROL_SUMS):
            words.sum()

    start = time.perf_counter()
    list(pool.map(read, data))
    return time.perf_counter() - start


@contextmanager
def _stopped_processes(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that would use a core each, stopped. Started before this one stands back, to have nice 0."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        for other in others:
            other.send_signal(signal.SIGSTOP)
        yield others
    finally:
        for other in others:
            other.kill()
            other.wait()


@contextmanager
def _running(others: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    for other in others:
        other.send_signal(signal.SIGCONT)
    time.sleep(_SETTLE_SECONDS)
    try:
        yield
    finally:
        for other in others:
            other.send_signal(signal.SIGSTOP)


if __name__ == "__main__":
    main()
