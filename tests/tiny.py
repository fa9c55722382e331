"""Tiny Qwen3 models with random weights, written as real GGUF files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.quants.formats import FORMATS
from tests.vocabulary import tiny_metadata

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE, CONTEXT = 64, 2, 4, 2, 32, 128, 4096


def write_tiny(path: Path, metadata: Mapping[str, Any] | None = None, *, seed: int = 0) -> Path:
    """A model over the tokens of `metadata` that writes plain text only, so that no answer ends by itself."""
    metadata = dict(tiny_metadata() if metadata is None else metadata)
    rng = np.random.default_rng(seed)
    vocab = len(metadata["tokenizer.ggml.tokens"])
    types = np.array(metadata["tokenizer.ggml.token_type"])
    weights = {
        name: (np.ones(shape) if len(shape) == 1 else rng.normal(0, 0.3, shape)).astype(np.float32)
        for name, shape in _shapes(vocab).items()
    }
    # With a logit of 0 a token is never the most likely of hundreds.
    weights["output.weight"][types != 1] = 0
    f32 = FORMATS["F32"]
    tensors = {name: (f32, array.shape, f32.quantize(array.ravel())) for name, array in weights.items()}
    write_gguf(path, _architecture(vocab) | metadata, tensors)
    return path


def _architecture(vocab: int) -> dict[str, Any]:
    return {
        "general.architecture": "qwen3",
        "qwen3.block_count": LAYERS,
        "qwen3.context_length": CONTEXT,
        "qwen3.embedding_length": HIDDEN,
        "qwen3.feed_forward_length": INTERMEDIATE,
        "qwen3.attention.head_count": HEADS,
        "qwen3.attention.head_count_kv": KV_HEADS,
        "qwen3.attention.key_length": HEAD_DIM,
        "qwen3.attention.value_length": HEAD_DIM,
        "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen3.rope.freq_base": 1_000_000.0,
        "qwen3.vocab_size": vocab,
    }


def _shapes(vocab: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (vocab, HIDDEN),
        "output_norm.weight": (HIDDEN,),
        "output.weight": (vocab, HIDDEN),
    }
    layer = {
        "attn_norm": (HIDDEN,),
        "attn_q": (HEADS * HEAD_DIM, HIDDEN),
        "attn_k": (KV_HEADS * HEAD_DIM, HIDDEN),
        "attn_v": (KV_HEADS * HEAD_DIM, HIDDEN),
        "attn_output": (HIDDEN, HEADS * HEAD_DIM),
        "attn_q_norm": (HEAD_DIM,),
        "attn_k_norm": (HEAD_DIM,),
        "ffn_norm": (HIDDEN,),
        "ffn_gate": (INTERMEDIATE, HIDDEN),
        "ffn_up": (INTERMEDIATE, HIDDEN),
        "ffn_down": (HIDDEN, INTERMEDIATE),
    }
    return shapes | {f"blk.{i}.{name}.weight": shape for i in range(LAYERS) for name, shape in layer.items()}
