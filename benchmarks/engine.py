"""Prefill and decode speed of the engine on a random-weight Qwen3-0.6B, beside the memory's own speed.

Random weights take as long as trained ones. The file is written once to benchmarks/out. The share of the
ceiling is the bytes that a token reads over what a plain read of memory achieves in the same run.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.cpu import usable_cores
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.loaders.gguf_writer import write_gguf
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.quants.formats import FORMATS

FOLDER = Path(__file__).parent / "out"
HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, FFN, VOCABULARY = 1024, 28, 16, 8, 128, 3072, 151_936
PROMPT_TOKENS, DECODE_TOKENS = 512, 32
MEGABYTE, GIGABYTE = 1_000_000, 1_000_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One setting's figures, in tokens a second."""

    format: str
    threads: int
    prefill: float
    decode: float
    decode_share_of_read_bandwidth: float


def main(argv: list[str] | None = None) -> None:
    """Print a table, and with --json one object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--formats", nargs="+", default=["Q8_0", "Q4_0"], choices=["Q8_0", "Q4_0"])
    arguments = parser.parse_args(argv)
    bandwidth = read_bandwidth()
    print(f"{ISA.name}, {usable_cores()} cores, memory reads {bandwidth / GIGABYTE:.1f} GB/s on one thread")
    print(f"{'format':<8}{'threads':>8}{'prefill':>10}{'decode':>10}{'of read speed':>15}")
    rows = []
    for name in arguments.formats:
        path = random_model(name)
        for threads in range(1, min(2, usable_cores()) + 1):
            row = measure(path, name, threads, bandwidth)
            rows.append(row)
            share = f"{row.decode_share_of_read_bandwidth:.0%}"
            print(f"{name:<8}{threads:>8}{row.prefill:>10.0f}{row.decode:>10.1f}{share:>15}", flush=True)
    if arguments.json:
        print(
            json.dumps(
                {
                    "isa": ISA.name,
                    "read_gb_s": round(bandwidth / GIGABYTE, 1),
                    "rows": [asdict(r) for r in rows],
                }
            )
        )


def random_model(format_name: str) -> Path:
    """Qwen3-0.6B's shapes with random blocks, written where it is not there yet."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"qwen3-0.6b-random-{format_name.lower()}.gguf"
    if not path.exists():
        write_gguf(path, _metadata(), _tensors(format_name))
    return path


def _metadata() -> dict[str, Any]:
    return {
        "general.architecture": "qwen3",
        "tokenizer.ggml.model": "no_vocab",
        "qwen3.vocab_size": VOCABULARY,
        "qwen3.context_length": 4096,
        "qwen3.embedding_length": HIDDEN,
        "qwen3.block_count": LAYERS,
        "qwen3.feed_forward_length": FFN,
        "qwen3.attention.head_count": HEADS,
        "qwen3.attention.head_count_kv": KV_HEADS,
        "qwen3.attention.key_length": HEAD_DIM,
        "qwen3.attention.value_length": HEAD_DIM,
        "qwen3.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen3.rope.freq_base": 1e6,
    }


def _tensors(format_name: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    format_, plain = FORMATS[format_name], FORMATS["F32"]
    query, kv = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM

    def matrix(rows: int, columns: int) -> Any:
        values = rng.standard_normal((rows, columns), np.float32) / np.float32(columns**0.5)
        return format_, (rows, columns), format_.quantize(values.reshape(-1))

    def norm(size: int) -> Any:
        return plain, (size,), plain.quantize(np.ones(size, np.float32))

    tensors = {"token_embd.weight": matrix(VOCABULARY, HIDDEN), "output_norm.weight": norm(HIDDEN)}
    for layer in range(LAYERS):
        named = {
            "attn_norm": norm(HIDDEN),
            "attn_q": matrix(query, HIDDEN),
            "attn_k": matrix(kv, HIDDEN),
            "attn_v": matrix(kv, HIDDEN),
            "attn_q_norm": norm(HEAD_DIM),
            "attn_k_norm": norm(HEAD_DIM),
            "attn_output": matrix(HIDDEN, query),
            "ffn_norm": norm(HIDDEN),
            "ffn_gate": matrix(FFN, HIDDEN),
            "ffn_up": matrix(FFN, HIDDEN),
            "ffn_down": matrix(HIDDEN, FFN),
        }
        tensors |= {f"blk.{layer}.{name}.weight": tensor for name, tensor in named.items()}
    return tensors


def measure(path: Path, format_name: str, threads: int, bandwidth: float) -> Row:
    """Best of two prefills of 512 tokens; the mean of 32 decoded tokens after a short prompt."""
    checkpoint = open_gguf(path)
    model = Qwen3.from_checkpoint(checkpoint, threads=threads)
    ids = np.random.default_rng(1).integers(0, VOCABULARY, PROMPT_TOKENS).astype(np.int32)
    cache = model.new_cache(PROMPT_TOKENS + DECODE_TOKENS)
    model.forward(ids[:8], cache)
    prefill = 0.0
    for _ in range(2):
        cache.truncate(0)
        start = time.perf_counter()
        model.forward(ids, cache)
        prefill = max(prefill, PROMPT_TOKENS / (time.perf_counter() - start))
    cache.truncate(8)
    start = time.perf_counter()
    for token in ids[:DECODE_TOKENS]:
        model.forward(np.array([token], np.int32), cache)
    decode = DECODE_TOKENS / (time.perf_counter() - start)
    model.close()
    return Row(
        format_name,
        threads,
        round(prefill, 1),
        round(decode, 1),
        round(decode * checkpoint.size / bandwidth, 3),
    )


def read_bandwidth() -> float:
    """Bytes a second of a sequential read of 512 MB by one thread."""
    data = np.ones(64 * MEGABYTE, np.int64)
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        data.sum()
        best = max(best, data.nbytes / (time.perf_counter() - start))
    return best


if __name__ == "__main__":
    main()
