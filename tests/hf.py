"""Tiny random Qwen3 models as Hugging Face folders, written by the `safetensors` package."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from picoqwen_core.byte_level import TokenType
from picoqwen_core.quants.floats import dequantize_bf16, quantize_bf16
from tests.oracles.shapes import RMS_EPS, ROPE_THETA, Shape
from tests.oracles.weights import random_weights
from tests.vocabulary import tiny_metadata

_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_ONCE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
# tokenizer.json as the `tokenizers` library writes it for Qwen.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SHAPE = Shape("hf", 5, 64, 2, 4, 2, 32, 96, 320, True, (9,))


def hf_name(name: str) -> str:
    """A tensor's name in transformers by its GGUF name."""
    if name in _ONCE:
        return _ONCE[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_LAYER[part]}.weight"


def hf_config(shape: Shape, **changes: Any) -> dict[str, Any]:
    """config.json as transformers 4 writes it."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": False,
        "bos_token_id": 262,
        "eos_token_id": 264,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "max_position_embeddings": 2048,
        "model_type": "qwen3",
        "num_attention_heads": shape.n_heads,
        "num_hidden_layers": shape.n_layers,
        "num_key_value_heads": shape.n_kv_heads,
        "rms_norm_eps": RMS_EPS,
        "rope_scaling": None,
        "rope_theta": ROPE_THETA,
        "sliding_window": None,
        "tie_word_embeddings": shape.tied,
        "use_sliding_window": False,
        "vocab_size": shape.vocab_size,
    } | changes


def tokenizer_json(metadata: Mapping[str, Any], *, pairs: bool = False) -> dict[str, Any]:
    """tokenizer.json for a vocabulary as GGUF metadata; pairs: merges as lists, as newer versions write."""
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    merges = metadata["tokenizer.ggml.merges"]
    added = [
        {"id": i, "content": token, "special": kind == TokenType.CONTROL, "normalized": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for i, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind != TokenType.NORMAL
    ]
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_]},
        "decoder": bytes_,
        "model": {
            "type": "BPE",
            "vocab": {token: i for i, token in enumerate(tokens) if types[i] == TokenType.NORMAL},
            "merges": [merge.split(" ") for merge in merges] if pairs else list(merges),
        },
    }


def write_hf_folder(
    folder: Path,
    shape: Shape = SHAPE,
    *,
    dtype: str = "F32",
    shards: int = 1,
    metadata: Mapping[str, Any] | None = None,
    pairs: bool = False,
    config: Mapping[str, Any] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Write a model of `shape`; returns its weights by GGUF name, as the type F32, F16 or BF16 keeps them."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = tiny_metadata() if metadata is None else metadata
    weights = random_weights(**shape.weights_arguments())  # type: ignore[arg-type]
    kept = {name: as_kept(array, dtype) for name, array in weights.items()}
    _write_weights(folder, {hf_name(name): array for name, array in kept.items()}, dtype, shards)
    write_json(folder / "config.json", hf_config(shape, **(config or {})))
    write_json(folder / "tokenizer.json", tokenizer_json(metadata, pairs=pairs))
    tokens = metadata["tokenizer.ggml.tokens"]
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": False,
            "bos_token": None,
            "eos_token": tokens[metadata["tokenizer.ggml.eos_token_id"]],
            "pad_token": {"content": "<|endoftext|>"},
            "chat_template": metadata["tokenizer.chat_template"],
        },
    )
    stops = [tokens.index("<|im_end|>"), tokens.index("<|endoftext|>")]
    write_json(folder / "generation_config.json", {"eos_token_id": stops, "temperature": 0.6})
    return kept


def as_kept(array: NDArray[np.float32], dtype: str) -> NDArray[np.float32]:
    """Values as a type keeps them."""
    if dtype == "BF16":
        return dequantize_bf16(quantize_bf16(array.reshape(-1))).reshape(array.shape)
    return array.astype({"F32": np.float32, "F16": np.float16}[dtype]).astype(np.float32)


def write_json(path: Path, content: Any) -> None:
    """A JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_weights(folder: Path, weights: dict[str, NDArray[Any]], dtype: str, shards: int) -> None:
    names = sorted(weights)
    places = {}
    for shard in range(shards):
        chosen = names[shard::shards]
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        _save({name: weights[name] for name in chosen}, folder / file, dtype)
        places |= dict.fromkeys(chosen, file)
    if shards > 1:
        index = {"metadata": {"total_size": 1}, "weight_map": places}
        write_json(folder / "model.safetensors.index.json", index)


def _save(weights: dict[str, NDArray[Any]], path: Path, dtype: str) -> None:
    if dtype != "BF16":
        chosen = {"F32": np.float32, "F16": np.float16}[dtype]
        save_file({name: array.astype(chosen) for name, array in weights.items()}, path)
        return
    # NumPy has no bfloat16: written as F16, whose size is the same, and renamed in the directory.
    halves = {
        name: quantize_bf16(array.reshape(-1)).view(np.float16).reshape(array.shape)
        for name, array in weights.items()
    }
    save_file(halves, path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].replace(b'"F16"', b'"BF16"')
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
