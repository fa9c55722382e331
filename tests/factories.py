"""Tiny random Qwen3 models as GGUF files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.quants.formats import FORMATS
from tests.oracles.weights import random_weights


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
    mute: Sequence[int] = (),
    change: Callable[[dict[str, NDArray[np.float32]]], None] | None = None,
) -> Path:
    """Write a random model; `metadata` adds a tokenizer or replaces values. Returns `path`.

    mute: ids that are never the most likely, because an untied head gives them a logit of 0. change: is
    given the weights, by name, before they are written.
    """
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
    if mute:
        weights["output.weight"][list(mute)] = 0
    if change:
        change(weights)
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
