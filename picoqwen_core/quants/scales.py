"""The scales of blocks: their reciprocals, and how float16 stores them."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# The reciprocals of smaller numbers are infinite in float32.
_LEAST = np.float32(3e-39)


def reciprocal(scales: Floats) -> Floats:
    """1 / scale, and 0 where that is not a finite number: so small a scale is 0 in float16 as well."""
    usable = np.abs(scales) > _LEAST
    inverse: Floats = np.where(usable, np.float32(1) / np.where(usable, scales, np.float32(1)), np.float32(0))
    return inverse


def half_bytes(scales: Floats) -> Bytes:
    """float32 (n,) -> uint8 (n, 2), rounded to float16."""
    return scales.astype(np.float16).view(np.uint8).reshape(-1, 2)


def half_not_below(scales: Floats) -> Floats:
    """The float16 numbers next to float32 scales that are not nearer to 0, as float32.

    Rounded so, a scale times the largest code still reaches the largest element, even where the scale is so
    small that float16 has a few bits or none for it.
    """
    rounded = scales.astype(np.float16)
    away = np.nextafter(rounded, np.copysign(np.float16(np.inf), rounded))
    short = np.abs(rounded.astype(np.float32)) < np.abs(scales)
    found: Floats = np.where(short, away, rounded).astype(np.float32)
    return found


def halves(data: Bytes) -> Floats:
    """uint8 (n, 2) -> float32 (n, 1)."""
    return np.ascontiguousarray(data).view(np.float16).astype(np.float32)
