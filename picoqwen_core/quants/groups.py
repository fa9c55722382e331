"""Symmetric groups of 32, 64 or 128 elements whose codes and scales lie apart: all codes, then all scales.

GGML's formats, where each block carries its scale, are in files of their own. INT8 groups are those of the
qwen3-rs checkpoint formats; the code is written from their description in docs/qwen3-rs.md.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles
from picoqwen_core.quants.scales import reciprocal

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

# Elements whose nibbles share 16 bytes, as in Q4_0.
_PACK = 32


def grouped(values: Floats, group_size: int) -> Floats:
    """(..., columns) as (n, group_size). Raises CheckpointError when a row does not end with a group."""
    if not values.size or values.shape[-1] % group_size:
        raise CheckpointError(
            f"groups of {group_size} need rows of a multiple of {group_size} elements, got {values.shape}"
        )
    return np.ascontiguousarray(values, np.float32).reshape(-1, group_size)


def quantize_int8(groups: Floats) -> tuple[NDArray[np.int8], Floats]:
    """float32 (n, size) -> codes int8 (n, size) in -127..127 and scales float32 (n,) = max|x| / 127.

    A code is x / scale rounded to the nearest, halves to even. A group of zeros has the scale 1.
    """
    largest = np.abs(groups).max(axis=1)
    scales = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    # The scale of a group of the least subnormal numbers is 0 in float32.
    scales[scales == 0] = 1
    codes = np.rint(groups / scales[:, None])
    return np.clip(codes, -127, 127, out=codes).astype(np.int8), scales


def dequantize_int8(codes: NDArray[np.int8], scales: Floats) -> Floats:
    """The reverse of quantize_int8: float32 (n, size)."""
    values: Floats = codes.astype(np.float32) * scales[:, None]
    return values


def quantize_int4(groups: Floats) -> tuple[Bytes, Halves]:
    """float32 (n, size) -> nibbles uint8 (n, size / 2) and scales float16 (n,).

    value = scale x (nibble - 8); the element of largest magnitude becomes -8. Each 32 elements lie as in
    Q4_0: byte i holds element i in its low nibble and element i + 16 in its high one.
    """
    largest = np.take_along_axis(groups, np.abs(groups).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-8)
    codes = (groups * reciprocal(scale) + np.float32(8.5)).astype(np.uint8).clip(0, 15)
    nibbles = pack_nibbles(codes.reshape(-1, 2, _PACK // 2))
    return nibbles.reshape(len(groups), -1), scale.astype(np.float16).reshape(-1)


def dequantize_int4(nibbles: Bytes, scales: Halves) -> Floats:
    """The reverse of quantize_int4: float32 (n, size)."""
    codes = unpack_nibbles(nibbles.reshape(-1, _PACK // 2)).reshape(len(nibbles), -1)
    values: Floats = (codes.astype(np.float32) - np.float32(8)) * scales.astype(np.float32)[:, None]
    return values
