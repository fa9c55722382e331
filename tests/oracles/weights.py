"""Random weights by GGUF name; needs only NumPy, so that any Python can make the same models."""

import numpy as np
from numpy.typing import NDArray

from tests.oracles.shapes import Shape


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
        return (rng.standard_normal((rows, columns)) / float(columns**0.5)).astype(np.float32)

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


def prompt_ids(shape: Shape, length: int) -> NDArray[np.int32]:
    """A random prompt; the same for the same shape and length everywhere."""
    rng = np.random.default_rng(1000 * shape.seed + length)
    return rng.integers(0, shape.vocab_size, length).astype(np.int32)
