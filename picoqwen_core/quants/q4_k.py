"""Q4_K: super-blocks of 256 elements: the header that k_scales describes, and 128 bytes of nibbles.

Each 32 bytes of nibbles hold two sub-blocks of 32 elements, the first in the low nibbles.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.k_scales import SUB_BLOCKS, SUB_SIZE, decode_super_blocks
from picoqwen_core.quants.k_search import encode_super_blocks
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles

BLOCK_SIZE, BLOCK_BYTES = 256, 144


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 256 * 144,), by a search for the scales and minima of least error."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 256 * 144,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    header, codes = encode_super_blocks(blocks, 15)
    nibbles = pack_nibbles(codes.reshape(-1, SUB_BLOCKS // 2, 2, SUB_SIZE))
    return np.concatenate([header, nibbles.reshape(-1, 128)], axis=1)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    nibbles = unpack_nibbles(blocks[:, 16:].reshape(-1, SUB_BLOCKS // 2, SUB_SIZE))
    return decode_super_blocks(blocks[:, :16], nibbles.reshape(-1, SUB_BLOCKS, SUB_SIZE))
