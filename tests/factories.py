"""Tiny random Qwen3 models as GGUF files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.quants.formats import FORMATS


def random_weights(
    *,
    seed: int,
    hidden_size: int,
    n_layers: int,
    n_heads: int,
    n_kv_heads: int,
    head_dim: int,
    intermediate_size: int,
    vocab_size: int,
    tied: bool,
) -> dict[str, NDArray[np.float32]]:
    """Weights by GGUF name, large enough that logits differ clearly; a seed gives the same everywhere."""
    rng = np.random.default_rng(seed)
    query, kv = n_heads * head_dim, n_kv_heads * head_dim

    def matrix(rows: int, columns: int) -> NDArray[np.float32]:
        return (rng.standard_normal((rows, columns)) / columns**0.5).astype(np.float32)

    def norm(size: int) -> NDArray[np.float32]:
        return (1 + 0.1 * rng.standard_normal(size)).astype(np.float32)

    weights = {"token_embd.weight": matrix(vocab_size, hidden_size) * np.float32(hidden_size**0.5 / 4)}
    for layer in range(n_layers):
        named = {
            "attn_norm": norm(hidden_size),
            "attn_q": matrix(query, hidden_size),
            "attn_k": matrix(kv, hidden_size),
            "attn_v": matrix(kv, hidden_size),
            "attn_q_norm": norm(head_dim),
            "attn_k_norm": norm(head_dim),
            "attn_output": matrix(hidden_size, query),
            "ffn_norm": norm(hidden_size),
            "ffn_gate": matrix(intermediate_size, hidden_size),
            "ffn_up": matrix(intermediate_size, hidden_size),
            "ffn_down": matrix(hidden_size, intermediate_size),
        }
        weights |= {f"blk.{layer}.{name}.weight": array for name, array in named.items()}
    weights["output_norm.weight"] = norm(hidden_size)
    if not tied:
        weights["output.weight"] = matrix(vocab_size, hidden_size)
    return weights


def write_tiny_gguf(
    path: Path,
    *,
    seed: int = 0,
    hidden_size: int = 64,
    n_layers: int = 2,
    n_heads: int = 4,
    n_kv_heads: int = 2,
    head_dim: int = 32,
    intermediate_size: int = 96,
    vocab_size: int = 320,
    tied: bool = True,
    format: str = "F32",  # noqa: A002 - the field's own word
    context_length: int = 2048,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write a random model; `metadata` adds a tokenizer or replaces values. Returns `path`."""
    weights = random_weights(
        seed=seed,
        hidden_size=hidden_size,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=head_dim,
        intermediate_size=intermediate_size,
        vocab_size=vocab_size,
        tied=tied,
    )
    values: dict[str, Any] = {
        "general.architecture": "qwen3",
        "qwen3.context_length": context_length,
        "qwen3.embedding_length": hidden_size,
        "qwen3.block_count": n_layers,
        "qwen3.feed_forward_length": intermediate_size,
        "qwen3.attention.head_count": n_heads,
        "qwen3.attention.head_count_kv": n_kv_heads,
        "qwen3.attention.key_length": head_dim,
        "qwen3.attention.value_length": head_dim,
        "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen3.rope.freq_base": 1e6,
        **(metadata or {}),
    }
    tensors = {}
    for name, array in weights.items():
        chosen = FORMATS[format] if array.ndim > 1 else FORMATS["F32"]
        tensors[name] = (chosen, array.shape, chosen.quantize(array.reshape(-1)))
    write_gguf(path, values, tensors)
    return path
