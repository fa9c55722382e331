"""The fifth bits of Q5_0 and Q5_1: bit i of 32, little-endian, belongs to element i."""

import numpy as np
from numpy.typing import NDArray


def join(packed: NDArray[np.uint8], bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Nibbles (blocks, 16) and bits (blocks, 4), both uint8, -> numbers of 0 to 31, uint8 (blocks, 32)."""
    fifth = np.unpackbits(np.ascontiguousarray(bits), axis=1, bitorder="little")
    numbers: NDArray[np.uint8] = np.concatenate([packed & 15, packed >> 4], axis=1) | (fifth << 4)
    return numbers


def split(numbers: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The reverse: nibbles and bits."""
    low, high = numbers[:, :16] & np.uint8(15), numbers[:, 16:] & np.uint8(15)
    return low | (high << np.uint8(4)), np.packbits(numbers >> 4, axis=1, bitorder="little")
