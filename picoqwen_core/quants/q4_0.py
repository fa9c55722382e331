"""Q4_0: blocks of 32 elements, a float16 scale and 16 bytes of nibbles; value = scale x (nibble - 8).

Byte i holds element i in its low nibble and element i + 16 in its high one.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles
from picoqwen_core.quants.scales import half_bytes, halves, reciprocal

BLOCK_SIZE, BLOCK_BYTES = 32, 18


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 18,); the element of largest magnitude becomes -8."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 18,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-8)
    codes = (blocks * reciprocal(scale) + np.float32(8.5)).astype(np.uint8).clip(0, 15)
    return np.concatenate([half_bytes(scale), pack_nibbles(codes.reshape(-1, 2, 16))], axis=1)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    codes = unpack_nibbles(blocks[:, 2:]).reshape(-1, BLOCK_SIZE).astype(np.float32)
    return halves(blocks[:, :2]) * (codes - np.float32(8))
