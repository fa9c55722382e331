"""Q4_K: super-blocks of 256: float16 scale and minimum, 12 bytes of k_scales, 128 of nibbles.

Groups 2i and 2i + 1 are the low and the high nibbles of 32 bytes; value = scale x nibble - minimum.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants import k_scales
from picoqwen_core.quants.chunked import by_chunks

BLOCK_SIZE, BLOCK_BYTES = 256, 144


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 256 * 144,); scales are searched for the least weighted squared error."""
    return by_chunks(values, BLOCK_SIZE, BLOCK_BYTES, _quantize)


def _quantize(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    head, numbers = k_scales.quantize(blocks, 15)
    return np.concatenate([head, pack_nibbles(numbers)], axis=1)


def pack_nibbles(numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (blocks, 8, 32), of which the low 4 bits are taken, -> uint8 (blocks, 128)."""
    nibbles = numbers & np.uint8(15)
    packed: NDArray[np.uint8] = nibbles[:, 0::2] | (nibbles[:, 1::2] << np.uint8(4))
    return packed.reshape(-1, 128)


def unpack_nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (blocks, 128) -> uint8 (blocks, 8, 32)."""
    pairs = packed.reshape(-1, 4, 1, 32)
    numbers: NDArray[np.uint8] = np.concatenate([pairs & 15, pairs >> 4], axis=2)
    return numbers.reshape(-1, 8, 32)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 256 * 144,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    scale, minimum = k_scales.factors(blocks)
    values: NDArray[np.float32] = scale * unpack_nibbles(blocks[:, 16:]).astype(np.float32) - minimum
    return values.reshape(-1)
