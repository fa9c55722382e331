"""Q8_0: blocks of 32 elements, a float16 scale and 32 signed bytes; value = scale x byte."""

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE, BLOCK_BYTES = 32, 34


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 34,); scale = max|x| / 127, halves away from zero as in GGML."""
    blocks = np.ascontiguousarray(values, np.float32).reshape(-1, BLOCK_SIZE)
    scale = np.abs(blocks).max(axis=1) / np.float32(127)
    with np.errstate(divide="ignore"):
        inverse = np.where(scale > 0, np.float32(1) / scale, np.float32(0)).astype(np.float32)
    scaled = blocks * inverse[:, None]
    quants = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
    out = np.empty((len(blocks), BLOCK_BYTES), np.uint8)
    out[:, :2] = scale.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 2:] = quants.view(np.uint8)
    return out.reshape(-1)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 34,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    scale = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    return (scale * np.ascontiguousarray(blocks[:, 2:]).view(np.int8)).astype(np.float32).reshape(-1)
