"""Keys and values of the tokens that a model has read."""

import numpy as np

from picoqwen_core.errors import ContextLengthExceeded
from picoqwen_core.kernels.attention import BLOCK, P
from picoqwen_core.kernels.forward import Cache
from picoqwen_core.model.config import Qwen3Config


class KVCache:
    """float32 keys (after norm and RoPE) and values of up to `capacity` tokens; `length` are in it.

    Laid out as the attention kernel reads them (kernels.attention): keys (n_layers, n_kv_heads,
    positions / P, head_dim, P), values (n_layers, n_kv_heads, head_dim / 2P, positions, 2P), where positions
    is the capacity rounded up. The system gives memory only as tokens come in.
    """

    def __init__(self, config: Qwen3Config, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self.positions = -(-capacity // BLOCK) * BLOCK
        heads = (config.n_layers, config.n_kv_heads)
        self.keys = np.zeros((*heads, self.positions // P, config.head_dim, P), np.float32)
        self.values = np.zeros((*heads, config.head_dim // BLOCK, self.positions, BLOCK), np.float32)
        self.addresses = Cache(self.keys.ctypes.data, self.values.ctypes.data, self.positions)

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
