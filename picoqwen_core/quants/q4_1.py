"""Q4_1: blocks of 32 elements, a float16 scale and minimum, 16 bytes of nibbles.

value = scale x nibble + minimum. Byte i holds element i in its low nibble and element i + 16 in its high one.
"""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.affine import affine_codes
from picoqwen_core.quants.blocks import decode, encode
from picoqwen_core.quants.packing import pack_nibbles, unpack_nibbles
from picoqwen_core.quants.scales import half_bytes, halves

BLOCK_SIZE, BLOCK_BYTES = 32, 20


def quantize(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (n / 32 * 20,); codes 0 and 15 are the least and the largest element."""
    return encode(values, BLOCK_SIZE, BLOCK_BYTES, _encode)


def dequantize(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (n / 32 * 20,) -> float32 (n,)."""
    return decode(data, BLOCK_SIZE, BLOCK_BYTES, _decode)


def _encode(blocks: NDArray[np.float32]) -> NDArray[np.uint8]:
    codes, scale, minimum = affine_codes(blocks, 15)
    packed = pack_nibbles(codes.reshape(-1, 2, 16))
    return np.concatenate([half_bytes(scale), half_bytes(minimum), packed], axis=1)


def _decode(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    codes = unpack_nibbles(blocks[:, 4:]).reshape(-1, BLOCK_SIZE).astype(np.float32)
    return halves(blocks[:, :2]) * codes + halves(blocks[:, 2:4])
