"""Parts that several block layouts share: nibbles, and the fifth bits of 32 elements."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_FOUR, _NIBBLE = np.uint8(4), np.uint8(15)


def pack_nibbles(codes: Bytes) -> Bytes:
    """Lower 4 bits of uint8 (..., 2, k) -> uint8 (..., k): the first k in low nibbles, the rest in high."""
    packed: Bytes = (codes[..., 0, :] & _NIBBLE) | (codes[..., 1, :] << _FOUR)
    return packed


def unpack_nibbles(packed: Bytes) -> Bytes:
    """uint8 (..., k) -> uint8 (..., 2, k), the reverse of pack_nibbles."""
    return np.stack([packed & _NIBBLE, packed >> _FOUR], axis=-2)


def pack_fifth_bits(codes: Bytes) -> Bytes:
    """uint8 (n, 32) of 0..31 -> uint8 (n, 4): bit 4 of element i is bit i % 8 of byte i // 8."""
    return np.packbits(codes >> _FOUR, axis=-1, bitorder="little")


def unpack_fifth_bits(packed: Bytes) -> Bytes:
    """uint8 (n, 4) -> uint8 (n, 32) of 0 or 16, the reverse of pack_fifth_bits."""
    bits: Bytes = np.unpackbits(packed, axis=-1, bitorder="little") << _FOUR
    return bits
