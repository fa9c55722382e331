"""Quantizing block by block in pieces, so that a large matrix needs little memory beside itself."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Values at a time: with the candidates that a search keeps, about 30 MB.
_VALUES = 1 << 19


def by_chunks(
    values: NDArray[np.float32],
    block_size: int,
    block_bytes: int,
    quantize: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / block_size * block_bytes,).

    quantize: float32 (blocks, block_size) -> uint8 (blocks, block_bytes).
    """
    blocks = np.ascontiguousarray(values, np.float32).reshape(-1, block_size)
    out = np.empty((len(blocks), block_bytes), np.uint8)
    step = max(1, _VALUES // block_size)
    for first in range(0, len(blocks), step):
        out[first : first + step] = quantize(blocks[first : first + step])
    return out.reshape(-1)


def halves(numbers: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n, 2), as float16."""
    return numbers.astype(np.float16).view(np.uint8).reshape(-1, 2)


def read_halves(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n, 2) -> float32 (n, 1)."""
    return np.ascontiguousarray(data).view(np.float16).astype(np.float32)


def inverse(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / x, and 0 where that is not a number."""
    with np.errstate(divide="ignore", over="ignore"):
        result: NDArray[np.float32] = (np.float32(1) / numbers).astype(np.float32)
    return np.where(np.isfinite(result), result, np.float32(0))
