"""Q8_0: blocks of 32 elements, a float16 scale and 32 signed bytes; value = scale x byte."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.scales import half_bytes, halves, reciprocal

BLOCK_SIZE, BLOCK_BYTES = 32, 34


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 34,); scale = max|x| / 127, halves away from zero as in GGML."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 34,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    scale = np.abs(blocks).max(axis=1) / np.float32(127)
    scaled = blocks * reciprocal(scale)[:, None]
    codes = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
    return np.concatenate([half_bytes(scale), codes.view(np.uint8)], axis=1)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    return halves(blocks[:, :2]) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8)
