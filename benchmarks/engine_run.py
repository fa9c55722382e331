"""One measurement of the engine in a process of its own, because kernels choose their instructions at import.

Prints one JSON object: python -m benchmarks.engine_run speed MODEL THREADS | compile | bandwidth THREADS
"""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.config import BUILT_IN_MODEL

if TYPE_CHECKING:
    from picoqwen_core.model.kv_cache import KVCache
    from picoqwen_core.model.qwen3 import Qwen3

PROMPT_TOKENS, DECODE_TOKENS, LONG_CONTEXT = 512, 48, 4096
# As the engine reads prompts.
CHUNK = 256


def main() -> None:
    """Run one of the measurements below."""
    name, *arguments = sys.argv[1:]
    measurements: dict[str, Callable[..., dict[str, Any]]] = {
        "speed": speed,
        "long": long_context,
        "batch": batch,
        "compile": compile_all,
        "bandwidth": bandwidth,
        "isa": isa,
    }
    print(json.dumps(measurements[name](*arguments)))


def speed(model_path: str, threads: str) -> dict[str, float]:
    """Tokens a second of a prompt of 512 and of decoding after it is forgotten, the best of two each."""
    from picoqwen_core.bench import prefill_speed  # noqa: PLC0415 - chooses the instructions

    model, ids = _open(model_path, threads)
    cache = model.new_cache(PROMPT_TOKENS + DECODE_TOKENS)
    model.forward(ids[:16], cache)
    prefill = decode = 0.0
    for _ in range(2):
        prefill = max(prefill, prefill_speed(model, cache, ids[:PROMPT_TOKENS], CHUNK))
        decode = max(decode, _decode(model, cache, ids, 8))
    return {"prefill": prefill, "decode": decode, "bytes": model.checkpoint.size}


def long_context(model_path: str, threads: str) -> dict[str, float]:
    """Decoding at context 0 and at 4,096."""
    model, ids = _open(model_path, threads)
    cache = model.new_cache(LONG_CONTEXT + DECODE_TOKENS)
    for first in range(0, LONG_CONTEXT, CHUNK):
        model.forward(ids[first : first + CHUNK], cache)
    late = max(_decode(model, cache, ids, LONG_CONTEXT) for _ in range(2))
    early = max(_decode(model, cache, ids, 8) for _ in range(2))
    return {"early": early, "late": late}


def batch(model_path: str, threads: str) -> dict[str, float]:
    """Tokens a second of one sequence, and of four together."""
    from picoqwen_core.model.qwen3 import Part  # noqa: PLC0415 - chooses the instructions

    model, ids = _open(model_path, threads)
    caches = [model.new_cache(PROMPT_TOKENS) for _ in range(4)]
    for cache in caches:
        model.forward(ids[:32], cache)
    together = 0.0
    for _ in range(2):
        start = time.perf_counter()
        for step in range(DECODE_TOKENS // 2):
            model.forward_batch([Part(ids[step : step + 1], cache) for cache in caches])
        together = max(together, 2 * DECODE_TOKENS / (time.perf_counter() - start))
    return {"one": max(_decode(model, caches[0], ids, 32) for _ in range(2)), "four": together}


def compile_all(processes: str) -> dict[str, float]:
    """Seconds to compile the kernels of every format and cache, from whatever the cache folder holds."""
    start = time.perf_counter()
    from picoqwen_core.kernels.prepare import all_parts, prepare  # noqa: PLC0415 - chooses the instructions

    prepare(all_parts(), int(processes))
    seconds = time.perf_counter() - start
    model, ids = _open(str(BUILT_IN_MODEL), "1")
    start = time.perf_counter()
    model.forward(ids[:4] % 100, model.new_cache(64))
    if time.perf_counter() - start > 1:
        raise SystemExit("the forward pass was compiled again")
    return {"seconds": seconds}


def bandwidth(threads: str) -> dict[str, float]:
    """Bytes a second that threads read together from memory."""
    from picoqwen_core.bench import read_speed  # noqa: PLC0415 - chooses the instructions

    return {"bytes_per_s": read_speed(int(threads))}


def isa() -> dict[str, str]:
    """The instruction set that kernels are compiled for."""
    from picoqwen_core.kernels.isa import ISA  # noqa: PLC0415 - chooses the instructions

    return {"isa": ISA.name}


def _open(model_path: str, threads: str) -> tuple["Qwen3", NDArray[np.int32]]:
    """The model, and random ids to read."""
    from picoqwen_core.loaders.gguf import open_gguf  # noqa: PLC0415 - chooses the instructions
    from picoqwen_core.model.qwen3 import Qwen3  # noqa: PLC0415

    model = Qwen3.from_checkpoint(open_gguf(model_path), threads=int(threads))
    ids = np.random.default_rng(1).integers(0, 150_000, 8192).astype(np.int32)
    return model, ids


def _decode(model: "Qwen3", cache: "KVCache", ids: NDArray[np.int32], context: int) -> float:
    """Tokens a second, one by one, from a context on."""
    from picoqwen_core.bench import decode_speed  # noqa: PLC0415 - chooses the instructions

    return decode_speed(model, cache, ids[:DECODE_TOKENS], context)


if __name__ == "__main__":
    main()
