"""IQ4_NL: blocks of 32 elements, a float16 scale and nibbles that choose one of 16 uneven values."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.chunked import by_chunks, halves, inverse, read_halves

BLOCK_SIZE, BLOCK_BYTES = 32, 18
CODES = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.int8)
_VALUES = CODES.astype(np.float32)
_BORDERS = (_VALUES[1:] + _VALUES[:-1]) / 2
# Scales that are tried: those at which the largest element falls on these values, and their negatives.
_TRIED = np.arange(-134, -112, 3, dtype=np.float32)


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 18,); the best of a few scales, by weighted squared error."""
    return by_chunks(values, BLOCK_SIZE, BLOCK_BYTES, _quantize)


def _quantize(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    weights = blocks * blocks
    best = np.full((len(blocks), 1), -1, np.float32)
    scale = np.zeros((len(blocks), 1), np.float32)
    for tried in np.concatenate([_TRIED, [113.0]]).astype(np.float32):
        chosen = _VALUES[np.searchsorted(_BORDERS, blocks * (tried * inverse(largest)))]
        along = (weights * chosen * blocks).sum(axis=1, keepdims=True)
        square = (weights * chosen * chosen).sum(axis=1, keepdims=True)
        fitted = along * inverse(square)
        gain = along * fitted  # by how much the squared error falls
        better = gain > best
        best, scale = np.where(better, gain, best), np.where(better, fitted, scale)
    scale = scale.astype(np.float16).astype(np.float32)
    codes = np.searchsorted(_BORDERS, blocks * inverse(scale)).astype(np.uint8)
    return np.concatenate([halves(scale), codes[:, :16] | (codes[:, 16:] << 4)], axis=1)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 18,) -> float32 (n,)."""
    blocks = data.reshape(-1, BLOCK_BYTES)
    packed = blocks[:, 2:]
    chosen = _VALUES[np.concatenate([packed & 15, packed >> 4], axis=1)]
    values: NDArray[np.float32] = read_halves(blocks[:, :2]) * chosen
    return values.reshape(-1)
