"""Q4_1: blocks of 32 elements, float16 scale and minimum, 16 bytes of nibbles; scale x nibble + minimum."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.chunked import by_chunks, halves, inverse, read_halves

BLOCK_SIZE, BLOCK_BYTES = 32, 20


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 20,)."""
    return by_chunks(values, BLOCK_SIZE, BLOCK_BYTES, _quantize)


def _quantize(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    least = blocks.min(axis=1, keepdims=True)
    scale = (blocks.max(axis=1, keepdims=True) - least) / np.float32(15)
    quants = np.trunc((blocks - least) * inverse(scale) + np.float32(0.5)).astype(np.uint8).clip(0, 15)
    return np.concatenate([halves(scale), halves(least), quants[:, :16] | (quants[:, 16:] << 4)], axis=1)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 20,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    packed = blocks[:, 4:]
    nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    values: NDArray[np.float32] = read_halves(blocks[:, :2]) * nibbles + read_halves(blocks[:, 2:4])
    return values.reshape(-1)
