"""Keys and values of the tokens that a model has read, in blocks that sequences may share."""

import contextlib
import mmap

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import ConfigError, ContextLengthExceeded
from picoqwen_core.kernels.attention_job import POSITIONS
from picoqwen_core.kernels.chunks import STEP
from picoqwen_core.kernels.code import attend_code, store_code
from picoqwen_core.model.config import Qwen3Config

# Bits of a number in keys and in values; int8 and int4 have a float16 scale for each 32 of them.
KIND_BITS = {"f32": (32.0, 32.0), "f16": (16.0, 16.0), "int8": (8.5, 8.5), "k8v4": (8.5, 4.5)}
_INTEGERS = ("int8", "k8v4")


def head_bytes(config: Qwen3Config, kind: str) -> tuple[int, int]:
    """Bytes of one head's keys in a block, and of its values."""
    keys, values = (int(POSITIONS * config.head_dim * bits / 8) for bits in KIND_BITS[kind])
    return keys, values


def cache_bytes(config: Qwen3Config, capacity: int, kind: str) -> int:
    """Bytes of a cache for `capacity` tokens."""
    heads = config.n_layers * config.n_kv_heads
    return -(-capacity // POSITIONS) * heads * sum(head_bytes(config, kind))


def kind_for(config: Qwen3Config, wanted: str) -> str:
    """The kind to use where `wanted` is asked for: integers need heads that fill whole steps of the kernels.

    Raises ConfigError for an unknown kind.
    """
    if wanted not in KIND_BITS:
        raise ConfigError(f"the KV cache's kind is {wanted!r}; allowed: {', '.join(KIND_BITS)}")
    return "f16" if wanted in _INTEGERS and config.head_dim % STEP else wanted


class KVBlock:
    """Keys and values of POSITIONS tokens: `data`, uint8, in an order that the kernels know.

    The memory goes back to the system with the object, and is given by it only as tokens come in.
    """

    def __init__(self, size: int) -> None:
        self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            # Attention jumps from head to head: with small pages it reads a long context a third slower.
            with contextlib.suppress(OSError):  # a kernel may be built without
                self._memory.madvise(mmap.MADV_HUGEPAGE)
        self.data: NDArray[np.uint8] = np.frombuffer(self._memory, np.uint8)

    def copy(self) -> "KVBlock":
        """Another block with the same content."""
        twin = KVBlock(len(self.data))
        twin.data[:] = self.data
        return twin


class KVCache:
    """Keys (after norm and RoPE) and values of up to `capacity` tokens; `length` are in it.

    kind: f32, f16, int8 or k8v4 (keys in int8, values in int4), laid out as kernels.attention and
    kernels.attention_int8 read them: in each block a region for each layer and key-value head, its keys and
    then its values.
    """

    def __init__(self, config: Qwen3Config, capacity: int, kind: str) -> None:
        self.capacity, self.kind, self.length = capacity, kind, 0
        count = -(-capacity // POSITIONS)
        self.positions = count * POSITIONS
        self.block_bytes = cache_bytes(config, POSITIONS, kind)
        self.blocks: list[KVBlock] = []
        self._table = np.zeros(count, np.int64)
        self.row = (
            self._table.ctypes.data,
            *head_bytes(config, kind),
            store_code(kind),
            attend_code(kind),
        )

    def adopt(self, blocks: list[KVBlock], length: int) -> None:
        """Begin with blocks that hold `length` tokens; what is written goes behind those."""
        for block in blocks:
            self._append(block)
        self.length = length

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot truncate {self.length} tokens to {length}")
        self.length = length
        del self.blocks[-(-length // POSITIONS) :]

    def require(self, tokens: int) -> None:
        """Make room for `tokens` more. Raises ContextLengthExceeded when they do not fit."""
        if self.length + tokens > self.capacity:
            raise ContextLengthExceeded(
                f"{self.length + tokens} tokens do not fit into a context of {self.capacity}"
            )
        while len(self.blocks) * POSITIONS < self.length + tokens:
            self._append(KVBlock(self.block_bytes))

    def _append(self, block: KVBlock) -> None:
        self._table[len(self.blocks)] = block.data.ctypes.data
        self.blocks.append(block)
