"""Scratch memory of a forward pass and RoPE tables: the arrays, and their addresses for the kernels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.kernels.forward import Memory
from picoqwen_core.kernels.matmul import scratch_bytes
from picoqwen_core.kernels.quantize import GROUP
from picoqwen_core.model.config import Qwen3Config

Floats = NDArray[np.float32]
SCORE_ROWS = 4


@dataclass(frozen=True, slots=True)
class Buffers:
    """Activations of up to `tokens` tokens and each thread's scratch; `memory` says where they are."""

    tokens: int
    positions: int
    memory: Memory
    arrays: tuple[NDArray[Any], ...]


def make_buffers(config: Qwen3Config, tokens: int, threads: int, positions: int) -> Buffers:
    """Allocate for passes of up to `tokens` tokens over a cache of `positions`."""
    query, kv = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    widest = max(config.hidden_size, config.intermediate_size, query)
    panel_bytes = scratch_bytes(widest)
    arrays: dict[str, NDArray[Any]] = {
        "x": np.zeros((tokens, config.hidden_size), np.float32),
        "h": np.zeros((tokens, config.hidden_size), np.float32),
        "qkv": np.zeros((tokens, query + 2 * kv), np.float32),
        "attended": np.zeros((tokens, query), np.float32),
        "gate": np.zeros((tokens, config.intermediate_size), np.float32),
        "up": np.zeros((tokens, config.intermediate_size), np.float32),
        "quants": np.zeros((tokens, widest), np.int8),
        "scales": np.zeros((tokens, widest // GROUP), np.float32),
        "corrections": np.zeros((tokens, widest // 4), np.int32),
        "totals": np.zeros((tokens, widest // GROUP), np.int32),
        "scores": np.zeros((threads, SCORE_ROWS, positions), np.float32),
        "panels": np.zeros((threads, panel_bytes), np.uint8),
    }
    memory = Memory(**{name: array.ctypes.data for name, array in arrays.items()}, panel_bytes=panel_bytes)
    return Buffers(tokens, positions, memory, tuple(arrays.values()))


def rope_tables(config: Qwen3Config, positions: int) -> tuple[Floats, Floats]:
    """cos and sin, float32 (positions, head_dim / 2); angles are computed in float32 as transformers does."""
    half = config.head_dim // 2
    exponent = np.arange(half, dtype=np.float32) * np.float32(2) / np.float32(config.head_dim)
    frequency = (np.float32(1) / np.float32(config.rope_theta) ** exponent).astype(np.float32)
    angle = np.arange(positions, dtype=np.float32)[:, None] * frequency
    return np.cos(angle), np.sin(angle)
