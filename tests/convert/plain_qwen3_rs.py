"""qwen3-rs's files written once more, from the description of the formats alone and in plain loops.

Slow on purpose: nothing here is shared with the exporter, not even the way it computes.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

# Order of the matrices in the file, by Hugging Face's names: down before up.
KINDS = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.down_proj",
    "mlp.up_proj",
)
QWEN_TEMPLATES = {
    ".template": "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ".template.with-thinking": "<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n",
    ".template.with-system": (
        "<|im_start|>system\n%s<|im_end|>\n<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n"
        "<think>\n\n</think>\n\n"
    ),
    ".template.with-system-and-thinking": (
        "<|im_start|>system\n%s<|im_end|>\n<|im_start|>user\n%s<|im_end|>\n<|im_start|>assistant\n"
    ),
}


def checkpoint(
    weights: Mapping[str, np.ndarray], config: Mapping[str, int], layout: str, group: int, *, shared: bool
) -> bytes:
    """A whole checkpoint for weights by Hugging Face's names."""
    out = bytearray(256)
    struct.pack_into("<I", out, 0, 0x616A6331)
    struct.pack_into("<i", out, 4, 1)
    at = 8
    if layout == "b":
        struct.pack_into("<I", out, 8, 1)
        at = 12
    for key in (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
        "max_position_embeddings",
        "head_dim",
    ):
        struct.pack_into("<I", out, at, config[key])
        at += 4
    struct.pack_into("<II", out, at, 1 if shared else 0, group)
    layers = [f"model.layers.{index}" for index in range(config["num_hidden_layers"])]
    for name in (
        *(f"{layer}.input_layernorm" for layer in layers),
        *(f"{layer}.post_attention_layernorm" for layer in layers),
        "model.norm",
        *(f"{layer}.self_attn.q_norm" for layer in layers),
        *(f"{layer}.self_attn.k_norm" for layer in layers),
    ):
        for value in weights[f"{name}.weight"]:
            out += struct.pack("<f", value)
    matrices = ["model.embed_tokens", *(f"{layer}.{kind}" for kind in KINDS for layer in layers)]
    for name in matrices if shared else [*matrices, "lm_head"]:
        out += matrix([value for row in weights[f"{name}.weight"] for value in row], group)
    return bytes(out)


def matrix(values: Sequence[np.float32], group: int) -> bytes:
    """All codes, then all scales."""
    codes, scales = bytearray(), bytearray()
    for start in range(0, len(values), group):
        part = values[start : start + group]
        largest = max(abs(value) for value in part)
        scale = np.float32(largest) / np.float32(127) if largest > 0 else np.float32(1)
        scales += struct.pack("<f", scale)
        for value in part:
            code = half_to_even(float(np.float32(value) / scale))
            codes += struct.pack("<b", max(-127, min(127, code)))
    return bytes(codes + scales)


def half_to_even(value: float) -> int:
    below = math.floor(value)
    if value - below != 0.5:
        return below if value - below < 0.5 else below + 1
    return below if below % 2 == 0 else below + 1


def tokenizer(tokens: Sequence[str], merges: Sequence[str], bos: int, eos: int, layout: str) -> bytes:
    """The .tokenizer file with qwen3.c's scores."""
    longest = 0
    for token in tokens:
        longest = max(longest, len(token.encode("utf-8")) if layout == "b" else len(token))
    out = bytearray(struct.pack("<III", longest, bos, eos))
    to_byte = dict(_alphabet())
    for token in tokens:
        score = -1e6
        for rank, merge in enumerate(merges):
            left, right = merge.split(" ")
            if left + right == token:
                score = -math.log(rank + 1)
        data = bytearray()
        for character in token:
            data += bytes([to_byte[character]]) if character in to_byte else character.encode("utf-8")
        out += struct.pack("<f", score) + struct.pack("<I", len(data)) + data
    return bytes(out)


def _alphabet() -> Iterator[tuple[str, int]]:
    moved = 0
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            yield chr(byte), byte
        else:
            yield chr(256 + moved), byte
            moved += 1
