"""Checkpoints as qwen3-rs and qwen3.c write them, written here from the description of the format alone."""

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.byte_level import byte_alphabet
from tests.oracles.shapes import Shape
from tests.oracles.weights import random_weights
from tests.vocabulary import tiny_metadata

TEMPLATES = {
    ".template": "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ".template.with-thinking": "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n",
    ".template.with-system": "<|im_start|>system\n%s<|im_end|>\n<|im_start|>user\n%s<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ".template.with-system-and-thinking": "<|im_start|>system\n%s<|im_end|>\n<|im_start|>user\n%s<|im_end|>\n"
    "<|im_start|>assistant\n",
}
_NO_MERGE = -1e6
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_down", "ffn_up")
_FLOATS = ("attn_norm", "ffn_norm", None, "attn_q_norm", "attn_k_norm")


def write_qwen3_rs(
    path: Path,
    shape: Shape,
    *,
    layout: str = "B",
    group_size: int = 32,
    metadata: Mapping[str, Any] | None = None,
    changes: Mapping[str, int] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """A random model with its tokenizer and templates; returns the weights that the file holds.

    changes: other values for numbers in the header.
    """
    weights = random_weights(**shape.weights_arguments())  # type: ignore[arg-type]
    head = {
        "dim": shape.hidden_size,
        "hidden_dim": shape.intermediate_size,
        "n_layers": shape.n_layers,
        "n_heads": shape.n_heads,
        "n_kv_heads": shape.n_kv_heads,
        "vocab_size": shape.vocab_size,
        "max_seq_len": 2048,
        "head_dim": shape.head_dim,
        "shared_classifier": int(shape.tied),
        "group_size": group_size,
    } | (changes or {})
    start = [0x616A6331, 1] + ([1] if layout == "B" else [])
    with path.open("wb") as file:
        file.write(struct.pack(f"<{len(start) + 10}I", *start, *head.values()).ljust(256, b"\0"))
        for name in _FLOATS:
            for layer in range(shape.n_layers) if name else (None,):
                key = "output_norm.weight" if name is None else f"blk.{layer}.{name}.weight"
                file.write(weights[key].astype("<f4").tobytes())
        matrices = ["token_embd.weight"]
        matrices += [f"blk.{layer}.{name}.weight" for name in _MATRICES for layer in range(shape.n_layers)]
        for key in matrices if shape.tied else [*matrices, "output.weight"]:
            data, weights[key] = _quantized(weights[key], group_size)
            file.write(data)
    metadata = tiny_metadata() if metadata is None else metadata
    write_tokenizer(path.with_name(path.name + ".tokenizer"), metadata)
    for ending, text in TEMPLATES.items():
        path.with_name(path.name + ending).write_text(text, encoding="utf-8")
    return weights


def _quantized(weights: NDArray[np.float32], group: int) -> tuple[bytes, NDArray[np.float32]]:
    groups = weights.reshape(-1, group)
    scales = np.abs(groups).max(1) / np.float32(127)
    quants = np.round(groups / scales[:, None]).astype(np.int8)
    kept = quants * scales[:, None]
    return quants.tobytes() + scales.astype("<f4").tobytes(), kept.reshape(weights.shape).astype(np.float32)


def write_tokenizer(
    path: Path, metadata: Mapping[str, Any], *, bos: int = 0, eos: int = 0, equal_scores: bool = False
) -> None:
    """A .tokenizer file; equal_scores: with qwen3-rs's mistake."""
    of_character = {character: byte for byte, character in byte_alphabet().items()}
    merges: Sequence[str] = metadata["tokenizer.ggml.merges"]
    ranks = {merge.replace(" ", ""): rank for rank, merge in enumerate(merges)}
    with path.open("wb") as file:
        file.write(struct.pack("<III", 64, bos, eos or metadata["tokenizer.ggml.eos_token_id"]))
        for token in metadata["tokenizer.ggml.tokens"]:
            data = b"".join(bytes([of_character[c]]) if c in of_character else c.encode() for c in token)
            score = -math.log(ranks[token] + 1) if token in ranks and not equal_scores else _NO_MERGE
            file.write(struct.pack("<fI", score, len(data)) + data)
