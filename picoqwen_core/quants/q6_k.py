"""Q6_K: super-blocks of 256 elements in 16 sub-blocks of 16, each with a signed 8-bit scale.

value = (d x scale) x (code - 32). Layout: 128 bytes of lower nibbles, 64 bytes of upper bit pairs, 16 scales,
d in float16. Each half of 128 elements has 64 bytes of nibbles (elements 0..63 low, 64..127 high) and 32
bytes of pairs (pair k of byte j belongs to element 32 k + j).
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles
from picoqwen_core.quants.scale_search import find_scales
from picoqwen_core.quants.scales import half_bytes, half_not_below, halves, reciprocal

BLOCK_SIZE, BLOCK_BYTES = 256, 210
SUB_BLOCKS, SUB_SIZE = 16, 16
# Where the search puts the element of largest magnitude. Seven times as many would lessen the error by 1 %.
TARGETS = tuple(-35 + 0.5 * step for step in range(14))
_PAIR_SHIFTS = np.array([0, 2, 4, 6], np.uint8)[:, None]


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 256 * 210,), by a search for the scales of least error."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 256 * 210,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    columns = np.ascontiguousarray(blocks.reshape(-1, SUB_SIZE).T)
    scales = find_scales(columns, TARGETS, _nearest).reshape(-1, SUB_BLOCKS)
    largest = np.take_along_axis(scales, np.abs(scales).argmax(axis=1)[:, None], axis=1)
    d = half_not_below(largest / np.float32(-128))
    scale_codes = np.rint(scales * reciprocal(d)).clip(-128, 127).astype(np.int8)
    stored = reciprocal((d * scale_codes).reshape(-1))
    codes = (_nearest(columns * stored) + np.float32(32)).astype(np.uint8)
    low, high = _pack(np.ascontiguousarray(codes.T))
    return np.concatenate([low, high, scale_codes.view(np.uint8), half_bytes(d)], axis=1)


def _nearest(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest of -32..31, in place."""
    return np.clip(np.rint(numbers, out=numbers), np.float32(-32), np.float32(31), out=numbers)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    scale = halves(blocks[:, 208:]) * np.ascontiguousarray(blocks[:, 192:208]).view(np.int8)
    codes = _unpack(blocks[:, :128], blocks[:, 128:192]).astype(np.float32) - np.float32(32)
    return (scale[..., None] * codes).reshape(-1, BLOCK_SIZE)


def _pack(codes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Codes of 0..63, uint8 (256 n,) in any shape -> lower nibbles (n, 128) and upper pairs (n, 64)."""
    low = pack_nibbles(codes.reshape(-1, 2, 2, 64))
    pairs = (codes >> np.uint8(4)).reshape(-1, 2, 4, 32) << _PAIR_SHIFTS
    return low.reshape(-1, 128), np.bitwise_or.reduce(pairs, axis=2).reshape(-1, 64)


def _unpack(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The reverse of _pack."""
    nibbles = unpack_nibbles(low.reshape(-1, 2, 64)).reshape(-1, SUB_BLOCKS, SUB_SIZE)
    pairs = (high.reshape(-1, 2, 1, 32) >> _PAIR_SHIFTS) & np.uint8(3)
    codes: NDArray[np.uint8] = nibbles | (pairs << np.uint8(4)).reshape(-1, SUB_BLOCKS, SUB_SIZE)
    return codes
