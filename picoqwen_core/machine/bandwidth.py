"""How fast memory can be read: measured once, by reading it, and kept in a file for the next time."""

import hashlib
import json
import logging
import math
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_LOGGER = logging.getLogger(__name__)

# Larger than the caches of any processor of this kind, smaller than what a Raspberry Pi can spare.
_BYTES = 256 << 20
_SECONDS = 0.3
# What no memory of today can be slower or faster than: a file that says so is damaged.
_LOWEST, _HIGHEST = 1e8, 1e13


def measure_bandwidth(threads: int, available: int) -> float:
    """Bytes a second that `threads` threads read together, one address after the other; takes half a second.

    available: bytes of memory that can be had, 0 if unknown; an eighth is used at most.
    """
    import numpy as np  # noqa: PLC0415 - the API process, which never measures, is smaller without it

    words = (min(_BYTES, available // 8) or _BYTES) // 8
    parts = np.array_split(np.ones(words, np.int64), threads)
    best, end = math.inf, time.perf_counter() + _SECONDS
    with ThreadPoolExecutor(threads) as pool:
        while (start := time.perf_counter()) < end or best == math.inf:
            # A sum of whole numbers reads faster than memory delivers, and lets other threads run.
            list(pool.map(np.sum, parts))
            best = min(best, time.perf_counter() - start)
    return 8 * words / best


def stored_bandwidth(folder: Path, processor: str) -> float | None:
    """What was measured on this processor before; None where nothing sound is stored."""
    try:
        stored = json.loads(_file(folder, processor).read_text(encoding="utf-8"))
        value = stored["bytes_per_s"] if stored["processor"] == processor else None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and _LOWEST < value < _HIGHEST:
        return float(value)
    return None


def store_bandwidth(folder: Path, processor: str, bytes_per_s: float) -> None:
    """Keep a measurement; where that is impossible, it is measured again next time."""
    text = json.dumps({"processor": processor, "bytes_per_s": round(bytes_per_s)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix="bandwidth-", suffix=".tmp")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(_file(folder, processor))
    except OSError as err:
        _LOGGER.info("The memory's speed cannot be kept in %s: %s", folder, err)


def _file(folder: Path, processor: str) -> Path:
    return folder / f"bandwidth-{hashlib.sha256(processor.encode()).hexdigest()[:16]}.json"
