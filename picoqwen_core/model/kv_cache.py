"""Keys and values of the tokens that a model has read."""

import numpy as np

from picoqwen_core.errors import ContextLengthExceeded
from picoqwen_core.model.config import Qwen3Config


class KVCache:
    """float32 keys (after norm and RoPE) and values, each (n_layers, n_kv_heads, capacity, head_dim).

    `length` counts the tokens in it. Memory is only touched as tokens come in.
    """

    def __init__(self, config: Qwen3Config, capacity: int) -> None:
        shape = (config.n_layers, config.n_kv_heads, capacity, config.head_dim)
        self.keys = np.zeros(shape, np.float32)
        self.values = np.zeros(shape, np.float32)
        self.capacity = capacity
        self.length = 0

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
