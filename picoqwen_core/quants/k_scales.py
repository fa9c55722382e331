"""What Q4_K and Q5_K share: 8 groups of 32 with a 6-bit scale and minimum each, packed into 12 bytes."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.chunked import halves, inverse, read_halves

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
GROUPS, GROUP = 8, 32
_LARGEST = 63
# Scales that are tried around the one that spans a group exactly.
_TRIED = np.linspace(-0.9, 0.9, 10, dtype=np.float32)


def pack(scales: Bytes, minima: Bytes) -> Bytes:
    """Two of uint8 (blocks, 8), of 0 to 63, -> uint8 (blocks, 12)."""
    first = scales[:, :4] | (scales[:, 4:] >> 4 << 6)
    second = minima[:, :4] | (minima[:, 4:] >> 4 << 6)
    return np.concatenate([first, second, (scales[:, 4:] & 15) | (minima[:, 4:] << 4)], axis=1)


def unpack(packed: Bytes) -> tuple[Bytes, Bytes]:
    """The reverse."""
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([first & 63, (third & 15) | (first >> 6 << 4)], axis=1)
    minima = np.concatenate([second & 63, (third >> 4) | (second >> 6 << 4)], axis=1)
    return scales, minima


def factors(blocks: Bytes) -> tuple[Floats, Floats]:
    """Scale and minimum of each group, float32 (blocks, 8, 1), from the first 16 bytes of super-blocks."""
    scales, minima = unpack(blocks[:, 4:16])
    scale = read_halves(blocks[:, :2]) * scales.astype(np.float32)
    minimum = read_halves(blocks[:, 2:4]) * minima.astype(np.float32)
    return scale[:, :, None], minimum[:, :, None]


def quantize(blocks: Floats, largest: int) -> tuple[Bytes, Bytes]:
    """float32 (blocks, 256) -> the first 16 bytes, uint8 (blocks, 16), and numbers of 0 to `largest`.

    The numbers are uint8 (blocks, 8, 32).
    """
    groups = blocks.reshape(-1, GROUPS, GROUP)
    scale, minimum = _fit(groups, largest)
    super_scale = (scale.max(axis=1) / _LARGEST).astype(np.float16).astype(np.float32)
    super_minimum = (minimum.max(axis=1) / _LARGEST).astype(np.float16).astype(np.float32)
    scales = np.rint(scale[:, :, 0] * inverse(super_scale)).clip(0, _LARGEST).astype(np.uint8)
    minima = np.rint(minimum[:, :, 0] * inverse(super_minimum)).clip(0, _LARGEST).astype(np.uint8)
    head = np.concatenate([halves(super_scale), halves(super_minimum), pack(scales, minima)], axis=1)
    scale, minimum = factors(head)
    return head, np.rint((groups + minimum) * inverse(scale)).clip(0, largest).astype(np.uint8)


def _fit(groups: Floats, largest: int) -> tuple[Floats, Floats]:
    """The scale and the minimum (at least 0) of each group by which number x scale - minimum is nearest."""
    weights = np.sqrt((groups * groups).mean(axis=2, keepdims=True)) + np.abs(groups)
    least = np.minimum(groups.min(axis=2, keepdims=True), 0)
    span = groups.max(axis=2, keepdims=True) - least
    totals = weights.sum(axis=2, keepdims=True), (weights * groups).sum(axis=2, keepdims=True)
    best_scale, best_minimum = span / np.float32(largest), -least
    best_error = _error(groups, weights, best_scale, best_minimum, largest)
    for tried in _TRIED:
        numbers = np.rint((groups - least) * (np.float32(largest + tried) * inverse(span))).clip(0, largest)
        scale, minimum = _least_squares(groups, weights, numbers, totals)
        error = (weights * np.square(scale * numbers - minimum - groups)).sum(axis=2, keepdims=True)
        better = error < best_error
        best_scale = np.where(better, scale, best_scale)
        best_minimum = np.where(better, minimum, best_minimum)
        best_error = np.where(better, error, best_error)
    return best_scale, best_minimum


def _error(groups: Floats, weights: Floats, scale: Floats, minimum: Floats, largest: int) -> Floats:
    numbers = np.rint((groups + minimum) * inverse(scale)).clip(0, largest)
    error: Floats = (weights * np.square(scale * numbers - minimum - groups)).sum(axis=2, keepdims=True)
    return error


def _least_squares(
    groups: Floats, weights: Floats, numbers: Floats, totals: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """scale and minimum that fit given numbers best, the minimum held at 0 where it would be negative."""
    weight, target = totals
    weighted = weights * numbers
    first = weighted.sum(axis=2, keepdims=True)
    square = (weighted * numbers).sum(axis=2, keepdims=True)
    product = (weighted * groups).sum(axis=2, keepdims=True)
    factor = inverse(weight * square - first * first)
    scale = (weight * product - target * first) * factor
    minimum = (first * product - square * target) * factor
    held = minimum < 0
    return np.where(held, product * inverse(square), scale), np.where(held, np.float32(0), minimum)
