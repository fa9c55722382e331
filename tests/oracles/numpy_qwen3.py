"""Qwen3 in plain NumPy and float64: an oracle that shares no code with the engine."""

import numpy as np
from numpy.typing import NDArray

from tests.oracles.shapes import RMS_EPS, ROPE_THETA, Shape

Array = NDArray[np.float64]


def logits(shape: Shape, weights: dict[str, NDArray[np.float32]], ids: NDArray[np.int32]) -> Array:
    """Logits of every position, float64 (n, vocab)."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = w["token_embd.weight"][ids]
    mask = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
    for layer in range(shape.n_layers):
        part = {name.split(".")[2]: array for name, array in w.items() if name.startswith(f"blk.{layer}.")}
        x = x + _attention(shape, part, _norm(x, part["attn_norm"]), mask)
        h = _norm(x, part["ffn_norm"])
        gate = h @ part["ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ part["ffn_up"].T)) @ part["ffn_down"].T
    head = w.get("output.weight", w["token_embd.weight"])
    result: Array = _norm(x, w["output_norm.weight"]) @ head.T
    return result


def _norm(x: Array, weight: Array) -> Array:
    result: Array = x / np.sqrt((x * x).mean(-1, keepdims=True) + RMS_EPS) * weight
    return result


def _attention(shape: Shape, part: dict[str, Array], h: Array, mask: Array) -> Array:
    n = len(h)
    q = _norm((h @ part["attn_q"].T).reshape(n, shape.n_heads, -1), part["attn_q_norm"])
    k = _norm((h @ part["attn_k"].T).reshape(n, shape.n_kv_heads, -1), part["attn_k_norm"])
    v = (h @ part["attn_v"].T).reshape(n, shape.n_kv_heads, -1)
    q, k = _rope(q), _rope(k)
    group = shape.n_heads // shape.n_kv_heads
    heads = []
    for head in range(shape.n_heads):
        scores = q[:, head] @ k[:, head // group].T / np.sqrt(shape.head_dim) + mask
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(weights / weights.sum(-1, keepdims=True) @ v[:, head // group])
    result: Array = np.concatenate(heads, -1) @ part["attn_output"].T
    return result


def _rope(x: Array) -> Array:
    half = x.shape[-1] // 2
    angle = np.arange(len(x))[:, None] * ROPE_THETA ** (-np.arange(half) / half)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)
