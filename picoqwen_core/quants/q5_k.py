"""Q5_K: super-blocks of 256 elements: the header that k_scales describes, fifth bits, nibbles.

Bit s of byte j of the 32 bytes of fifth bits belongs to element j of sub-block s; the 128 bytes of nibbles
lie as in Q4_K.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.k_scales import SUB_BLOCKS, SUB_SIZE, decode_super_blocks
from picoqwen_core.quants.k_search import encode_super_blocks
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles

BLOCK_SIZE, BLOCK_BYTES = 256, 176


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 256 * 176,), by a search for the scales and minima of least error."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 256 * 176,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    header, codes = encode_super_blocks(blocks, 31)
    nibbles = pack_nibbles(codes.reshape(-1, SUB_BLOCKS // 2, 2, SUB_SIZE))
    fifth_bits = np.packbits(codes >> np.uint8(4), axis=1, bitorder="little")
    return np.concatenate([header, fifth_bits.reshape(-1, 32), nibbles.reshape(-1, 128)], axis=1)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    nibbles = unpack_nibbles(blocks[:, 48:].reshape(-1, SUB_BLOCKS // 2, SUB_SIZE))
    fifth_bits = np.unpackbits(blocks[:, None, 16:48], axis=1, bitorder="little") << np.uint8(4)
    return decode_super_blocks(blocks[:, :16], nibbles.reshape(-1, SUB_BLOCKS, SUB_SIZE) | fifth_bits)
