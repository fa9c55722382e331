"""Codes between a block's least and largest element, as Q4_1 and Q5_1 have them."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.scales import reciprocal

Floats = NDArray[np.float32]


def affine_codes(blocks: Floats, levels: int) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Codes uint8 (n, 32) of 0..levels, and float32 (n,) scales and minima; halves rounded up as in GGML."""
    minimum = blocks.min(axis=1)
    scale = (blocks.max(axis=1) - minimum) / np.float32(levels)
    shifted = (blocks - minimum[:, None]) * reciprocal(scale)[:, None]
    return (shifted + np.float32(0.5)).astype(np.uint8).clip(0, levels), scale, minimum
