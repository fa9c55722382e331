"""Q5_1: blocks of 32 elements: a float16 scale and minimum, 4 bytes of fifth bits, 16 bytes of nibbles.

value = scale x code + minimum. Byte i of the nibbles holds element i in its low nibble and element i + 16
in its high one.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.affine import affine_codes
from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.packing import pack_fifth_bits, pack_nibbles, unpack_fifth_bits, unpack_nibbles
from picoqwen_core.quants.scales import half_bytes, halves

BLOCK_SIZE, BLOCK_BYTES = 32, 24


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 24,); codes 0 and 31 are the least and the largest element."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 24,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    codes, scale, minimum = affine_codes(blocks, 31)
    nibbles = pack_nibbles(codes.reshape(-1, 2, 16))
    return np.concatenate([half_bytes(scale), half_bytes(minimum), pack_fifth_bits(codes), nibbles], axis=1)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    nibbles = unpack_nibbles(blocks[:, 8:]).reshape(-1, BLOCK_SIZE)
    codes = (nibbles | unpack_fifth_bits(blocks[:, 4:8])).astype(np.float32)
    return halves(blocks[:, :2]) * codes + halves(blocks[:, 2:4])
