"""Scratch memory of a forward pass and RoPE tables: the arrays, and their addresses for the kernels."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.kernels.attention_job import JOB_COLUMNS
from picoqwen_core.kernels.chunks import GROUP, STEP
from picoqwen_core.kernels.forward import Memory
from picoqwen_core.kernels.matmul import scratch_bytes
from picoqwen_core.model.config import Qwen3Config

Floats = NDArray[np.float32]
SCORE_ROWS = 8
_CACHE_LINE = 64


@dataclass(frozen=True, slots=True)
class Buffers:
    """Activations of up to `tokens` tokens and each thread's scratch; `memory` says where they are."""

    tokens: int
    positions: int
    memory: Memory
    arrays: tuple[NDArray[Any], ...]


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros that begin with a cache line: a vector of 64 bytes that crosses lines is read twice."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    array: NDArray[Any] = raw[start : start + size].view(dtype).reshape(shape)
    return array


def padded(columns: int) -> int:
    """Columns that the kernels read in whole steps."""
    return -(-columns // STEP) * STEP


def make_buffers(config: Qwen3Config, tokens: int, threads: int, positions: int, *, records: bool) -> Buffers:
    """Allocate for passes of up to `tokens` tokens over caches of up to `positions`.

    records: whether a matrix has rows that fill no panel.
    """
    query, kv = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    hidden, queries, ffn = padded(config.hidden_size), padded(query), padded(config.intermediate_size)
    widest = max(hidden, queries, ffn)
    per_thread = scratch_bytes(widest)
    arrays = {
        "x": aligned((tokens, hidden), np.float32),
        "h": aligned((tokens, hidden), np.float32),
        "qkv": aligned((tokens, query + 2 * kv), np.float32),
        "attended": aligned((tokens, queries), np.float32),
        "gate": aligned((tokens, ffn), np.float32),
        "up": aligned((tokens, ffn), np.float32),
        "last": aligned((tokens, hidden), np.float32),
        "scores": aligned((threads, SCORE_ROWS, positions), np.float32),
        "scratch": aligned((threads, per_thread), np.uint8),
        "jobs": aligned((threads, JOB_COLUMNS), np.int64),
    }
    # Inputs of products are read one after the other, so they share what they are quantized into.
    shared = [
        aligned((tokens, widest), np.int8),
        aligned((tokens, widest // GROUP), np.float32),
        aligned((tokens, widest // GROUP), np.int32),
        aligned((tokens, widest // GROUP * 2), np.int32),
        aligned((tokens, widest // GROUP), np.float32),
        aligned((tokens, widest // 2), np.float32),
    ]
    where = {name: array.ctypes.data for name, array in arrays.items()}
    inputs = np.array(
        [
            [where[name], *(array.ctypes.data for array in shared)]
            for name in ("h", "attended", "gate", "last")
        ],
        np.int64,
    )
    names = ("h_input", "attended_input", "gate_input", "last_input")
    memory = Memory(
        **where,
        **{name: row.ctypes.data for name, row in zip(names, inputs, strict=True)},
        score_bytes=4 * SCORE_ROWS * positions,
        scratch_bytes=per_thread,
        records=int(records),
    )
    return Buffers(tokens, positions, memory, (*arrays.values(), *shared, inputs))


def rope_tables(config: Qwen3Config, positions: int) -> tuple[Floats, Floats]:
    """cos and sin, float32 (positions, head_dim / 2); angles are computed in float32 as transformers does."""
    half = config.head_dim // 2
    exponent = np.arange(half, dtype=np.float32) * np.float32(2) / np.float32(config.head_dim)
    frequency = (np.float32(1) / np.float32(config.rope_theta) ** exponent).astype(np.float32)
    angle = np.arange(positions, dtype=np.float32)[:, None] * frequency
    return np.cos(angle), np.sin(angle)
