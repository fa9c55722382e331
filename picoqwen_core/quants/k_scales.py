"""Super-blocks of Q4_K and Q5_K: 8 sub-blocks of 32 elements, each with a scale and a minimum of 6 bits.

value = (d x scale) x code - (dmin x minimum). A super-block begins with d and dmin in float16 and 12 bytes of
scales and minima: bytes 0..3 hold scales 0..3 in their lower 6 bits, bytes 4..7 minima 0..3; bytes 8..11 hold
the lower 4 bits of scales 4..7 (low nibble) and of minima 4..7 (high nibble); the upper bits of bytes 0..3
and 4..7 are their upper 2 bits.
Layout: get_scale_min_k4 in https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.scales import half_bytes, halves

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SUB_BLOCKS, SUB_SIZE = 8, 32
MOST = 63


def pack_scales(scales: Bytes, minima: Bytes) -> Bytes:
    """Scales and minima, uint8 (n, 8) of 0..63 each -> uint8 (n, 12)."""
    first, second = slice(0, 4), slice(4, 8)
    return np.concatenate(
        [
            scales[:, first] | (scales[:, second] >> 4 << 6),
            minima[:, first] | (minima[:, second] >> 4 << 6),
            (scales[:, second] & 15) | (minima[:, second] << 4),
        ],
        axis=1,
    )


def unpack_scales(packed: Bytes) -> tuple[Bytes, Bytes]:
    """uint8 (n, 12) -> scales and minima, uint8 (n, 8) of 0..63 each."""
    low_scales, low_minima, mixed = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([low_scales & 63, (mixed & 15) | (low_scales >> 6 << 4)], axis=1)
    minima = np.concatenate([low_minima & 63, (mixed >> 4) | (low_minima >> 6 << 4)], axis=1)
    return scales, minima


def pack_header(d: Floats, dmin: Floats, scales: Floats, minima: Floats) -> Bytes:
    """Float16 numbers (n,) and codes (8 n,) of 0..63 -> the first 16 bytes of super-blocks, uint8 (n, 16)."""
    scale_codes, minimum_codes = (
        codes.astype(np.uint8).reshape(-1, SUB_BLOCKS) for codes in (scales, minima)
    )
    return np.concatenate([half_bytes(d), half_bytes(dmin), pack_scales(scale_codes, minimum_codes)], axis=1)


def decode_super_blocks(header: Bytes, codes: Bytes) -> Floats:
    """The first 16 bytes, uint8 (n, 16), and codes uint8 (n, 8, 32) -> float32 (n, 256)."""
    scale, minimum = _stored_scales(header)
    return (scale[..., None] * codes - minimum[..., None]).reshape(-1, SUB_BLOCKS * SUB_SIZE)


def _stored_scales(header: Bytes) -> tuple[Floats, Floats]:
    """uint8 (n, 16) -> the sub-blocks' scales and minima, float32 (n, 8) each."""
    scales, minima = unpack_scales(header[:, 4:])
    return halves(header[:, :2]) * scales, halves(header[:, 2:4]) * minima
