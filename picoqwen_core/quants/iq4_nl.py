"""IQ4_NL: blocks of 32 elements, a float16 scale and 16 bytes of nibbles; value = scale x CODEBOOK[nibble].

The codebook is denser around zero, where most weights are. Byte i holds element i in its low nibble and
element i + 16 in its high one. Codebook: kvalues_iq4nl in https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles
from picoqwen_core.quants.scale_search import find_scales
from picoqwen_core.quants.scales import half_bytes, halves, reciprocal

BLOCK_SIZE, BLOCK_BYTES = 32, 18
CODEBOOK = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
# Where the search puts the element of largest magnitude: about either end of the codebook.
TARGETS = (-138, -132, -126, -120, -114, -108, -102, -96, 98, 103, 108, 113, 118, 123)
# Borders between neighbours are multiples of 1/2: a table of half steps from -128 to 128 finds the nearest.
_BORDERS = (CODEBOOK[1:] + CODEBOOK[:-1]) / np.float32(2)
_NEAREST_CODE = np.searchsorted(_BORDERS, np.arange(-128, 128, 0.5), side="right").astype(np.uint8)
_NEAREST_VALUE = CODEBOOK[_NEAREST_CODE]


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 18,), by a search for the scales of least error."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 18,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    columns = np.ascontiguousarray(blocks.T)
    scale = half_bytes(find_scales(columns, TARGETS, _nearest))
    codes = _NEAREST_CODE[_indices(columns * reciprocal(halves(scale).reshape(-1)))]
    return np.concatenate([scale, pack_nibbles(np.ascontiguousarray(codes.T).reshape(-1, 2, 16))], axis=1)


def _nearest(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    return _NEAREST_VALUE[_indices(numbers)]


def _indices(numbers: NDArray[np.float32]) -> NDArray[np.int16]:
    """Places of numbers in the tables of half steps from -128 on; overwrites the numbers."""
    numbers += np.float32(128)
    numbers *= np.float32(2)
    return np.clip(numbers, np.float32(0), np.float32(511), out=numbers).astype(np.int16)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    return halves(blocks[:, :2]) * CODEBOOK[unpack_nibbles(blocks[:, 2:])].reshape(-1, BLOCK_SIZE)
