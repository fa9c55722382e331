"""Q5_K: as Q4_K with 32 bytes of fifth bits first: bit g of byte i is for element i of group g."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants import k_scales
from picoqwen_core.quants.chunked import by_chunks
from picoqwen_core.quants.q4_k import pack_nibbles, unpack_nibbles

BLOCK_SIZE, BLOCK_BYTES = 256, 176
_BITS = np.arange(8, dtype=np.uint8)[:, None]


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 256 * 176,); scales are searched for the least weighted squared error."""
    return by_chunks(values, BLOCK_SIZE, BLOCK_BYTES, _quantize)


def _quantize(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    head, numbers = k_scales.quantize(blocks, 31)
    fifth = np.bitwise_or.reduce((numbers >> 4) << _BITS, axis=1)
    return np.concatenate([head, fifth, pack_nibbles(numbers)], axis=1)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 256 * 176,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    scale, minimum = k_scales.factors(blocks)
    fifth = (blocks[:, None, 16:48] >> _BITS) & 1
    numbers = unpack_nibbles(blocks[:, 48:]) | (fifth << 4)
    values: NDArray[np.float32] = scale * numbers.astype(np.float32) - minimum
    return values.reshape(-1)
