"""How fast a model runs here: reading prompts, and writing one token after another.

What a process must set before numba is imported is engine/environment.py's.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.kernels.stream import STRIDE, read_all
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.model.buffers import aligned
from picoqwen_core.model.kv_cache import KVCache
from picoqwen_core.model.qwen3 import Qwen3

# A slow machine stops early, between two passes; what it has done by then is enough to know.
PATIENCE_SECONDS = 60.0
# A second round finds code and memory warm; where one takes longer than this, it is not worth the wait.
_ROUND_SECONDS = 20.0
_READ_SECONDS = 1.0
# Decoding "at the start" begins behind a few tokens, as every answer does.
_FIRST_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second: of a prompt, of writing at the start, and of writing behind the prompt."""

    prefill: float
    decode: float
    decode_after_prompt: float


def measure_speed(
    model: Qwen3, prompt: int, tokens: int, chunk: int, progress: Callable[[str], None]
) -> Speed:
    """The best of two rounds each, or of one on a slow machine.

    prompt: tokens to read, `chunk` in one go; tokens: to write; progress: told what begins.
    """
    ids = random_ids(model, prompt + tokens)
    cache = model.new_cache(prompt + tokens)
    progress("warming up")
    model.forward(ids[: min(prompt, 16)], cache)
    model.forward(ids[:1], cache)
    progress(f"reading {prompt} tokens")
    prefill = _best(lambda: prefill_speed(model, cache, ids[:prompt], chunk))
    read = cache.length
    progress(f"writing {tokens} tokens behind them")
    late = _best(lambda: decode_speed(model, cache, ids[:tokens], read))
    progress(f"writing {tokens} tokens at the start")
    early = _best(lambda: decode_speed(model, cache, ids[:tokens], _FIRST_TOKENS))
    return Speed(prefill, early, late)


def prefill_speed(model: Qwen3, cache: KVCache, ids: NDArray[np.int32], chunk: int) -> float:
    """Tokens a second of reading (n,) ids into the cache from its start, `chunk` at a time."""
    cache.truncate(0)
    start = time.perf_counter()
    for first in range(0, len(ids), chunk):
        model.forward(ids[first : first + chunk], cache)
        if time.perf_counter() - start > PATIENCE_SECONDS:
            break
    return cache.length / (time.perf_counter() - start)


def decode_speed(model: Qwen3, cache: KVCache, ids: NDArray[np.int32], context: int) -> float:
    """Tokens a second of reading (n,) ids one by one, behind the first `context` tokens of the cache."""
    cache.truncate(min(context, cache.length))
    start, done = time.perf_counter(), 0
    for done in range(1, len(ids) + 1):
        model.forward(ids[done - 1 : done], cache)
        if time.perf_counter() - start > PATIENCE_SECONDS:
            break
    return done / (time.perf_counter() - start)


def random_ids(model: Qwen3, count: int) -> NDArray[np.int32]:
    """Token ids that take as long as any others."""
    return np.random.default_rng(1).integers(0, model.config.vocab_size, count).astype(np.int32)


def read_speed(threads: int, size: int = 256 << 20) -> float:
    """Bytes a second that threads read together from memory, each `size` bytes front to back."""
    count = size // STRIDE * STRIDE
    parts = [aligned((count,), np.uint8) for _ in range(threads)]
    for part in parts:
        part[:] = 1  # or the system would map one page of zeros for all of them
    read_all(parts[0].ctypes.data, STRIDE)
    best, end = 0.0, time.perf_counter() + _READ_SECONDS
    with ThreadPoolExecutor(threads) as pool:
        while best == 0 or time.perf_counter() < end:
            start = time.perf_counter()
            list(pool.map(lambda part: read_all(part.ctypes.data, count), parts))
            best = max(best, threads * count / (time.perf_counter() - start))
    return best


def bytes_per_token(checkpoint: Checkpoint) -> int:
    """Bytes of weights that writing a token reads: all but an embedding that is not the head too."""
    return sum(
        tensor.data.nbytes
        for name, tensor in checkpoint.tensors.items()
        if name != "token_embd.weight" or "output.weight" not in checkpoint.tensors
    )


def _best(measure: Callable[[], float]) -> float:
    start = time.perf_counter()
    first = measure()
    return first if time.perf_counter() - start > _ROUND_SECONDS else max(first, measure())
