"""Q6_K: super-blocks of 256: 128 bytes of nibbles, 64 of two more bits, 16 int8 scales, a float16 scale.

value = scale x group scale x (number - 32), for groups of 16. Each half of 128 elements has its own 64 and 32
bytes: quarters 0 and 1 are the low nibbles of both 32 bytes, 2 and 3 the high ones; of a byte of two-bit
pairs, pair q belongs to quarter q.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.chunked import by_chunks, halves, inverse, read_halves

Floats = NDArray[np.float32]
BLOCK_SIZE, BLOCK_BYTES = 256, 210
_PAIRS = (2 * np.arange(4, dtype=np.uint8))[:, None]
_TRIED = np.arange(-31.1, -33.2, -0.3, dtype=np.float32)


def quantize(values: Floats) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 256 * 210,); scales are searched for the least weighted squared error."""
    return by_chunks(values, BLOCK_SIZE, BLOCK_BYTES, _quantize)


def _quantize(blocks: Floats) -> NDArray[np.uint8]:
    groups = blocks.reshape(-1, 16, 16)
    scale = _fit(groups)[:, :, 0]
    largest = np.take_along_axis(scale, np.abs(scale).argmax(axis=1)[:, None], axis=1)
    super_scale = (largest / np.float32(-128)).astype(np.float16).astype(np.float32)
    scales = np.rint(scale * inverse(super_scale)).clip(-128, 127).astype(np.int8)
    step = super_scale * scales.astype(np.float32)
    numbers = np.rint(groups * inverse(step)[:, :, None]).clip(-32, 31).astype(np.int8) + np.int8(32)
    quarters = numbers.view(np.uint8).reshape(-1, 2, 4, 32)
    nibbles = (quarters[:, :, :2] & 15) | ((quarters[:, :, 2:] & 15) << 4)
    pairs = np.bitwise_or.reduce((quarters >> 4) << _PAIRS, axis=2)
    parts = [nibbles.reshape(-1, 128), pairs.reshape(-1, 64), scales.view(np.uint8), halves(super_scale)]
    return np.concatenate(parts, axis=1)


def _fit(groups: Floats) -> Floats:
    """The scale of each group of 16 by which numbers of -32 to 31 are nearest."""
    largest = np.take_along_axis(groups, np.abs(groups).argmax(axis=2)[:, :, None], axis=2)
    weights = groups * groups
    best, scale = np.full(largest.shape, -1, np.float32), np.zeros(largest.shape, np.float32)
    for tried in _TRIED:
        numbers = np.rint(groups * (tried * inverse(largest))).clip(-32, 31)
        along = (weights * numbers * groups).sum(axis=2, keepdims=True)
        fitted = along * inverse((weights * numbers * numbers).sum(axis=2, keepdims=True))
        better = along * fitted > best
        best = np.where(better, along * fitted, best)
        scale = np.where(better, fitted, scale)
    return scale


def dequantize(data: NDArray[np.uint8]) -> Floats:
    """uint8 (n / 256 * 210,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    nibbles = blocks[:, :128].reshape(-1, 2, 2, 32)
    low = np.concatenate([nibbles & 15, nibbles >> 4], axis=2)
    high = (blocks[:, 128:192].reshape(-1, 2, 1, 32) >> _PAIRS) & 3
    numbers = (low | (high << 4)).astype(np.int8) - np.int8(32)
    scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float32)
    step = (read_halves(blocks[:, 208:]) * scales)[:, :, None]
    values: Floats = step * numbers.reshape(-1, 16, 16).astype(np.float32)
    return values.reshape(-1)
