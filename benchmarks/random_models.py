"""Qwen3 files with random weights, which take as long as trained ones; written once to benchmarks/out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.quants.formats import FORMATS, BlockFormat

FOLDER = Path(__file__).parent / "out"
VOCABULARY = 151_936
# Merges of a vocabulary of Qwen's size; reading it is part of a start.
MERGES = 151_387
_SAMPLE = 1 << 22


@dataclass(frozen=True, slots=True)
class Dimensions:
    """A Qwen3 model's sizes."""

    name: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    tied: bool
    head_dim: int = 128
    vocabulary: int = VOCABULARY


# As fast as random weights can be; its vocabulary has Qwen's shape at a fortieth of its size.
TINY = Dimensions("tiny", 64, 2, 4, 2, 128, tied=True, head_dim=32, vocabulary=4096)
SMALL = Dimensions("0.6b", 1024, 28, 16, 8, 3072, tied=True)
LARGE = Dimensions("8b", 4096, 36, 32, 8, 12288, tied=False)


def random_model(format_name: str, dimensions: Dimensions = SMALL) -> Path:
    """The file of that format and size."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"qwen3-{dimensions.name}-random-{format_name.lower()}.gguf"
    if not path.exists():
        write_random_model(path, format_name, dimensions)
    return path


def write_random_model(path: Path, format_name: str, dimensions: Dimensions, template: str = "") -> None:
    """Write such a model; with a template it can be talked to."""
    chat = {"tokenizer.chat_template": template} if template else {}
    write_gguf(path, {**_metadata(dimensions), **chat}, _tensors(FORMATS[format_name], dimensions))


def _metadata(dimensions: Dimensions) -> dict[str, Any]:
    tokens, merges = _vocabulary(dimensions.vocabulary)
    return {
        "general.architecture": "qwen3",
        "qwen3.context_length": 8192,
        "qwen3.embedding_length": dimensions.hidden,
        "qwen3.block_count": dimensions.layers,
        "qwen3.feed_forward_length": dimensions.ffn,
        "qwen3.attention.head_count": dimensions.heads,
        "qwen3.attention.head_count_kv": dimensions.kv_heads,
        "qwen3.attention.key_length": dimensions.head_dim,
        "qwen3.attention.value_length": dimensions.head_dim,
        "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen3.rope.freq_base": 1e6,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (dimensions.vocabulary - 2) + [3, 3],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": dimensions.vocabulary - 1,
        "tokenizer.ggml.add_bos_token": False,
    }


def _vocabulary(size: int) -> tuple[list[str], list[str]]:
    """So many tokens with merges in proportion to Qwen's: each merge joins two tokens before it."""
    count = size - (VOCABULARY - MERGES)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    tokens = [chr(code) for code in printable]
    tokens += [chr(256 + number) for number in range(256 - len(tokens))]
    known, merges = set(tokens), list[str]()
    numbers = np.random.default_rng(0).integers(0, 1 << 30, (4 * count, 2)).tolist()
    for left, right in numbers:
        # By a letter, so that tokens stay short.
        first, second = tokens[left % len(tokens)], tokens[right % 256]
        if len(merges) < count and first + second not in known:
            known.add(first + second)
            tokens.append(first + second)
            merges.append(f"{first} {second}")
    unused = [f"[unused {number}]" for number in range(size - len(tokens) - 2)]
    return [*tokens, *unused, "<|im_start|>", "<|im_end|>"], merges


def _tensors(format_: BlockFormat, d: Dimensions) -> dict[str, tuple[BlockFormat, tuple[int, ...], Any]]:
    sample = np.random.default_rng(0).standard_normal(_SAMPLE, np.float32) / np.float32(32)
    largest = d.vocabulary * d.hidden // format_.block_size * format_.block_bytes
    blocks = np.resize(format_.quantize(sample), largest)
    plain = FORMATS["F32"]
    query, kv = d.heads * d.head_dim, d.kv_heads * d.head_dim

    def matrix(rows: int, columns: int) -> tuple[BlockFormat, tuple[int, ...], NDArray[np.uint8]]:
        return format_, (rows, columns), blocks[: rows * format_.row_bytes(columns)]

    def norm(size: int) -> tuple[BlockFormat, tuple[int, ...], NDArray[np.uint8]]:
        return plain, (size,), plain.quantize(np.ones(size, np.float32))

    tensors = {"token_embd.weight": matrix(d.vocabulary, d.hidden), "output_norm.weight": norm(d.hidden)}
    if not d.tied:
        tensors["output.weight"] = matrix(d.vocabulary, d.hidden)
    for layer in range(d.layers):
        named = {
            "attn_norm": norm(d.hidden),
            "attn_q": matrix(query, d.hidden),
            "attn_k": matrix(kv, d.hidden),
            "attn_v": matrix(kv, d.hidden),
            "attn_q_norm": norm(d.head_dim),
            "attn_k_norm": norm(d.head_dim),
            "attn_output": matrix(d.hidden, query),
            "ffn_norm": norm(d.hidden),
            "ffn_gate": matrix(d.ffn, d.hidden),
            "ffn_up": matrix(d.ffn, d.hidden),
            "ffn_down": matrix(d.hidden, d.ffn),
        }
        tensors |= {f"blk.{layer}.{name}.weight": tensor for name, tensor in named.items()}
    return tensors
