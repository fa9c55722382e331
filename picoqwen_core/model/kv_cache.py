"""Keys and values of the tokens that a model has read."""

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import ConfigError, ContextLengthExceeded
from picoqwen_core.kernels.attention import BLOCK
from picoqwen_core.kernels.chunks import STEP
from picoqwen_core.kernels.code import attend_code, store_code
from picoqwen_core.model.config import Qwen3Config

# Bits of an element; int8 has a float16 scale for each 32 of them.
KIND_BITS = {"f32": 32.0, "f16": 16.0, "int8": 8.5}


def cache_bytes(config: Qwen3Config, capacity: int, kind: str) -> int:
    """Bytes of a cache for `capacity` tokens."""
    positions = -(-capacity // BLOCK) * BLOCK
    elements = 2 * config.n_layers * config.n_kv_heads * config.head_dim * positions
    return int(elements * KIND_BITS[kind] / 8)


def kind_for(config: Qwen3Config, wanted: str) -> str:
    """The kind to use where `wanted` is asked for: int8 needs heads that fill whole steps of the kernels.

    Raises ConfigError for an unknown kind.
    """
    if wanted not in KIND_BITS:
        raise ConfigError(f"the KV cache's kind is {wanted!r}; allowed: {', '.join(KIND_BITS)}")
    return "f16" if wanted == "int8" and config.head_dim % STEP else wanted


class KVCache:
    """Keys (after norm and RoPE) and values of up to `capacity` tokens; `length` are in it.

    kind: f32, f16 or int8, laid out as kernels.attention and kernels.attention_int8 read them: a region for
    each layer and key-value head. The system gives memory only as tokens come in.
    """

    def __init__(self, config: Qwen3Config, capacity: int, kind: str) -> None:
        self.capacity, self.kind, self.length = capacity, kind, 0
        self.positions = -(-capacity // BLOCK) * BLOCK
        self.head_bytes = int(self.positions * config.head_dim * KIND_BITS[kind] / 8)
        size = config.n_layers * config.n_kv_heads * self.head_bytes
        self.keys: NDArray[np.uint8] = np.zeros(size, np.uint8)
        self.values: NDArray[np.uint8] = np.zeros(size, np.uint8)
        self.row = (
            self.keys.ctypes.data,
            self.values.ctypes.data,
            self.positions,
            self.head_bytes,
            store_code(kind),
            attend_code(kind),
        )

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot truncate {self.length} tokens to {length}")
        self.length = length

    def require(self, tokens: int) -> None:
        """Raises ContextLengthExceeded when `tokens` more do not fit."""
        if self.length + tokens > self.capacity:
            raise ContextLengthExceeded(
                f"{self.length + tokens} tokens do not fit into a context of {self.capacity}"
            )
