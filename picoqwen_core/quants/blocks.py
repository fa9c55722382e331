"""Walks through a tensor a few blocks at a time, so that temporaries are small and stay in the cache."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CHUNK_VALUES = 1 << 15

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def encode(
    values: Floats, block_size: int, block_bytes: int, encode_blocks: Callable[[Floats], Bytes]
) -> Bytes:
    """float32 (n,) -> uint8 (n / block_size * block_bytes,).

    encode_blocks: float32 (blocks, block_size) -> uint8 (blocks, block_bytes), for any number of blocks.
    """
    blocks = np.ascontiguousarray(values, np.float32).reshape(-1, block_size)
    out = np.empty((len(blocks), block_bytes), np.uint8)
    step = CHUNK_VALUES // block_size
    for first in range(0, len(blocks), step):
        out[first : first + step] = encode_blocks(blocks[first : first + step])
    return out.reshape(-1)


def decode(
    data: Bytes, block_size: int, block_bytes: int, decode_blocks: Callable[[Bytes], Floats]
) -> Floats:
    """uint8 (n / block_size * block_bytes,) -> float32 (n,).

    decode_blocks: uint8 (blocks, block_bytes) -> float32 (blocks, block_size), for any number of blocks.
    """
    blocks = data.reshape(-1, block_bytes)
    out = np.empty((len(blocks), block_size), np.float32)
    step = CHUNK_VALUES // block_size
    for first in range(0, len(blocks), step):
        out[first : first + step] = decode_blocks(blocks[first : first + step])
    return out.reshape(-1)
