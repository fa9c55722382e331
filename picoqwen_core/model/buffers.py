"""Scratch memory of a forward pass, and the small float32 weights, as named tuples that Numba can read."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.kernels.products import GROUP, PANEL_ROWS
from picoqwen_core.model.config import Qwen3Config

Floats = NDArray[np.float32]


class Norms(NamedTuple):
    """Norm weights by layer, RoPE tables (context, head_dim / 2), and eps as an array of one."""

    attention: Floats
    ffn: Floats
    q: Floats
    k: Floats
    output: Floats
    cos: Floats
    sin: Floats
    eps: Floats


class Buffers(NamedTuple):
    """Activations of up to `tokens` tokens, and each thread's scratch."""

    x: Floats  # (tokens, hidden)
    h: Floats  # (tokens, hidden)
    q: Floats  # (tokens, n_heads * head_dim)
    k: Floats  # (tokens, n_kv_heads * head_dim)
    v: Floats  # (tokens, n_kv_heads * head_dim)
    attended: Floats  # (tokens, n_heads * head_dim)
    gate: Floats  # (tokens, intermediate)
    up: Floats  # (tokens, intermediate)
    quants: NDArray[np.int8]  # (tokens, widest)
    scales: Floats  # (tokens, widest / 32)
    sums: NDArray[np.int32]  # (tokens, widest / 32)
    scores: Floats  # (threads, capacity)
    panels: NDArray[np.uint8]  # (threads, bytes of a packed panel of the widest matrix)


def make_buffers(config: Qwen3Config, tokens: int, threads: int, capacity: int) -> Buffers:
    """Allocate for passes of up to `tokens` tokens over a cache of `capacity`."""
    query, kv = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    widest = max(config.hidden_size, config.intermediate_size, query)

    def rows(columns: int, dtype: Any = np.float32) -> NDArray[Any]:
        return np.zeros((tokens, columns), dtype)

    return Buffers(
        x=rows(config.hidden_size),
        h=rows(config.hidden_size),
        q=rows(query),
        k=rows(kv),
        v=rows(kv),
        attended=rows(query),
        gate=rows(config.intermediate_size),
        up=rows(config.intermediate_size),
        quants=rows(widest, np.int8),
        scales=rows(widest // GROUP),
        sums=rows(widest // GROUP, np.int32),
        scores=np.zeros((threads, capacity), np.float32),
        panels=np.zeros((threads, PANEL_ROWS * widest + 4 * PANEL_ROWS * (widest // GROUP)), np.uint8),
    )


def rope_tables(config: Qwen3Config, positions: int) -> tuple[Floats, Floats]:
    """cos and sin, float32 (positions, head_dim / 2); angles are computed in float32 as transformers does."""
    half = config.head_dim // 2
    exponent = np.arange(half, dtype=np.float32) * np.float32(2) / np.float32(config.head_dim)
    frequency = (np.float32(1) / np.float32(config.rope_theta) ** exponent).astype(np.float32)
    angle = np.arange(positions, dtype=np.float32)[:, None] * frequency
    return np.cos(angle), np.sin(angle)
