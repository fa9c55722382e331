"""Writes a trained network as a GGUF file, with its vocabulary and the name of its prompt format."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.home.render import END, PAD, START
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.quants.formats import format_named

PROMPT_FORMAT = "home-1"
_NORMAL, _CONTROL = 1, 3


def main() -> None:
    """checkpoint.npz + vocabulary.json -> model.gguf."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--format", default="Q8_0")
    arguments = parser.parse_args()
    with np.load(arguments.checkpoint) as arrays:
        config = json.loads(str(arrays["config"]))
        weights = {name: arrays[name] for name in arrays.files if name != "config"}
    vocabulary = json.loads(arguments.vocabulary.read_text(encoding="utf-8"))
    metadata = {**_model_metadata(config), **_tokenizer_metadata(vocabulary)}
    write_gguf(arguments.out, metadata, _tensors(weights, arguments.format))
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


def _model_metadata(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "general.architecture": "qwen3",
        "general.name": "Pico-Qwen home",
        "general.license": "apache-2.0",
        "picoqwen.prompt_format": PROMPT_FORMAT,
        "qwen3.context_length": config["context_length"],
        "qwen3.embedding_length": config["hidden_size"],
        "qwen3.block_count": config["n_layers"],
        "qwen3.feed_forward_length": config["intermediate_size"],
        "qwen3.attention.head_count": config["n_heads"],
        "qwen3.attention.head_count_kv": config["n_kv_heads"],
        "qwen3.attention.key_length": config["head_dim"],
        "qwen3.attention.value_length": config["head_dim"],
        "qwen3.attention.layer_norm_rms_epsilon": config["rms_eps"],
        "qwen3.rope.freq_base": config["rope_theta"],
    }


def _tokenizer_metadata(vocabulary: dict[str, Any]) -> dict[str, Any]:
    # Tokens that were appended to a finished vocabulary are listed among the added ones only.
    added = {token["content"]: token["id"] for token in vocabulary["added_tokens"]}
    ids: dict[str, int] = {**vocabulary["model"]["vocab"], **added}
    special = set(added)
    tokens = sorted(ids, key=lambda token: ids[token])
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in vocabulary["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [_CONTROL if token in special else _NORMAL for token in tokens],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": ids[END],
        "tokenizer.ggml.padding_token_id": ids[PAD],
        "tokenizer.ggml.bos_token_id": ids[START],
        "tokenizer.ggml.add_bos_token": False,
    }


def _tensors(weights: dict[str, NDArray[np.float32]], format_name: str) -> dict[str, Any]:
    """Matrices in the chosen format, norms in F32."""
    tensors = {}
    for name, array in weights.items():
        chosen = format_named(format_name if array.ndim > 1 else "F32")
        tensors[name] = (chosen, array.shape, chosen.quantize(np.ascontiguousarray(array.reshape(-1))))
    return tensors


if __name__ == "__main__":
    main()
