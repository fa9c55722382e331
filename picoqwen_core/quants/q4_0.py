"""Q4_0: blocks of 32 elements, a float16 scale and 16 bytes of nibbles; value = scale x (nibble - 8).

Byte i holds element i in its low nibble and element i + 16 in its high one.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE, BLOCK_BYTES = 32, 18


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 18,); the element of largest magnitude becomes -8."""
    blocks = np.ascontiguousarray(values, np.float32).reshape(-1, BLOCK_SIZE)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-8)
    with np.errstate(divide="ignore"):
        inverse = np.where(scale != 0, np.float32(1) / scale, np.float32(0)).astype(np.float32)
    quants = np.trunc(blocks * inverse + np.float32(8.5)).astype(np.uint8).clip(0, 15)
    out = np.empty((len(blocks), BLOCK_BYTES), np.uint8)
    out[:, :2] = scale.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 2:] = quants[:, :16] | (quants[:, 16:] << 4)
    return out.reshape(-1)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 18,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    scale = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.int8) - np.int8(8)
    values: NDArray[np.float32] = (scale * nibbles).astype(np.float32)
    return values.reshape(-1)
