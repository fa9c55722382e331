"""Q5_0: blocks of 32 elements, a float16 scale, 32 fifth bits, 16 bytes of nibbles; scale x (number - 16)."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants import five_bits
from picoqwen_core.quants.chunked import by_chunks, halves, inverse, read_halves

BLOCK_SIZE, BLOCK_BYTES = 32, 22


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 22,); the element of largest magnitude becomes -16."""
    return by_chunks(values, BLOCK_SIZE, BLOCK_BYTES, _quantize)


def _quantize(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-16)
    # In double precision, as GGML's fused multiplication rounds.
    scaled = blocks.astype(np.float64) * inverse(scale) + 16.5
    nibbles, bits = five_bits.split(np.trunc(scaled).astype(np.uint8).clip(0, 31))
    return np.concatenate([halves(scale), bits, nibbles], axis=1)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 22,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    numbers = five_bits.join(blocks[:, 6:], blocks[:, 2:6]).astype(np.int8) - np.int8(16)
    values: NDArray[np.float32] = read_halves(blocks[:, :2]) * numbers.astype(np.float32)
    return values.reshape(-1)
