"""A checkpoint in qwen3-rs's layouts: a header, float32 norms, int8 matrices in groups; byte for byte.

The layouts are described in docs/qwen3-rs.md and read in loaders/qwen3_rs.py; the files beside the checkpoint
are made in qwen3_rs_files.py.
"""

import math
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.convert.qwen3_rs_files import templates, tokenizer_file
from picoqwen_core.convert.weights import Model, Weight, encoded_rows
from picoqwen_core.errors import CheckpointError, ConfigError
from picoqwen_core.loaders.checkpoint import Tensor
from picoqwen_core.loaders.qwen3_rs import HEADER_BYTES, MAGIC, Header
from picoqwen_core.loaders.whole_files import whole_files
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.quants.formats import Q8_S
from picoqwen_core.quants.groups import dequantize_int8, grouped, quantize_int8
from picoqwen_core.quants.q8_s import GROUP

type Layout = Literal["a", "b"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_VERSION, _QWEN3 = 1, 1
_LEAST_GROUP = 4
# A head that is so near to the embedding everywhere is the embedding.
_SAME = np.float32(1e-6)
# The layouts have no place for these, and every program that reads them takes these values.
_RMS_EPS, _ROPE_THETA = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the files' bytes, the matrices, and the largest |weight - what was stored for it|."""

    size: int
    header: Header
    matrices: int
    largest_error: float


def write_qwen3_rs(
    model: Model,
    path: Path,
    layout: Layout,
    group_size: int,
    *,
    threads: int,
    advance: Callable[[int], None],
) -> Exported:
    """Write the checkpoint, and beside it its tokenizer and templates.

    group_size: halved until it divides the hidden size, as qwen3-rs does. advance: called with the number of
    values that were done. Raises CheckpointError when the model does not fit the layout, ConfigError for a
    group size that does not divide all rows.
    """
    with ThreadPoolExecutor(threads, "export") as pool:
        header = _header(model, group_size, pool)
        beside = {".tokenizer": tokenizer_file(model.checkpoint, layout)}
        beside |= {ending: text.encode() for ending, text in templates(model.checkpoint).items()}
        size = HEADER_BYTES + int(header.body_bytes()) + sum(map(len, beside.values()))
        paths = [path, *(path.with_name(path.name + ending) for ending in beside)]
        with whole_files(paths, size) as (main, *others):
            for file, data in zip(others, beside.values(), strict=True):
                file.write(data)
            main.write(_packed(header, layout))
            for name in _norms(header.n_layers):
                main.write(model.weight(name).rows(0, 1).tobytes())
            names = list(_matrices(header))
            error = max(_write(main, model.weight(name), header, pool, advance) for name in names)
    return Exported(size, header, len(names), error)


def chosen_group_size(requested: int, dim: int) -> int:
    """qwen3-rs's rule: halved until it divides the hidden size, but not below 4."""
    size = min(requested, dim)
    while size >= _LEAST_GROUP and dim % size:
        size //= 2
    return max(size, _LEAST_GROUP)


def _header(model: Model, group_size: int, pool: Executor) -> Header:
    checkpoint = model.checkpoint
    embedding = model.weight("token_embd.weight")
    config = Qwen3Config.from_metadata(checkpoint.metadata, embedding.shape[0])
    for name, value, fixed in (
        ("RMS norm epsilon", config.rms_eps, _RMS_EPS),
        ("RoPE theta", config.rope_theta, _ROPE_THETA),
    ):
        if not math.isclose(value, fixed, rel_tol=1e-6):
            raise CheckpointError(
                f"the model's {name} is {value:g}; qwen3-rs's layouts do not store it and mean {fixed:g}"
            )
    query = config.n_heads * config.head_dim
    if query < config.hidden_size:
        raise CheckpointError(
            f"{config.n_heads} heads of {config.head_dim} are fewer values than the hidden size "
            f"{config.hidden_size}, which qwen3-rs cannot read"
        )
    size = chosen_group_size(group_size, config.hidden_size)
    for what, columns in (
        ("hidden size", config.hidden_size),
        ("intermediate size", config.intermediate_size),
        ("heads' values", query),
    ):
        if columns % size:
            raise ConfigError(f"groups of {size} do not divide the model's {what}, {columns}; try -g 32")
    return Header(
        dim=config.hidden_size,
        hidden_dim=config.intermediate_size,
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        n_kv_heads=config.n_kv_heads,
        vocab_size=config.vocab_size,
        max_seq_len=config.context_length,
        head_dim=config.head_dim,
        shared_classifier=int(_shares_embedding(model, pool)),
        group_size=size,
    )


def _shares_embedding(model: Model, pool: Executor) -> bool:
    if "output.weight" not in model.checkpoint.tensors:
        return True
    head, embedding = model.weight("output.weight"), model.weight("token_embd.weight")
    if head.shape != embedding.shape:
        return False
    pairs = zip(*(encoded_rows(each, lambda rows: rows, pool) for each in (head, embedding)), strict=True)
    return all(bool((np.abs(ours - theirs) < _SAME).all()) for ours, theirs in pairs)


def _packed(header: Header, layout: Layout) -> bytes:
    numbers = [getattr(header, name) for name in Header.__dataclass_fields__]
    if layout == "b":
        numbers.insert(0, _QWEN3)
    packed = MAGIC + struct.pack(f"<i{len(numbers)}I", _VERSION, *numbers)
    return packed.ljust(HEADER_BYTES, b"\0")


def _norms(layers: int) -> Iterator[str]:
    for kind in ("attn_norm", "ffn_norm"):
        yield from (f"blk.{layer}.{kind}.weight" for layer in range(layers))
    yield "output_norm.weight"
    for kind in ("attn_q_norm", "attn_k_norm"):
        yield from (f"blk.{layer}.{kind}.weight" for layer in range(layers))


def _matrices(header: Header) -> Iterator[str]:
    for name, _, _ in header.matrices():
        if name in ("token_embd", "output"):
            yield f"{name}.weight"
        else:
            yield from (f"blk.{layer}.{name}.weight" for layer in range(header.n_layers))


def _write(
    file: IO[bytes], weight: Weight, header: Header, pool: Executor, advance: Callable[[int], None]
) -> float:
    """Codes, then scales; returns the largest error."""
    stored = _stored_groups(weight, header.group_size)
    if stored is not None:
        for part in stored:
            file.write(np.ascontiguousarray(part).data)
        advance(math.prod(weight.shape))
        return 0.0
    scales, largest = [], 0.0
    for codes, part, error in encoded_rows(weight, _quantizer(header.group_size), pool):
        file.write(codes.tobytes())
        scales.append(part)
        largest = max(largest, error)
        advance(codes.size)
    file.write(np.concatenate(scales).tobytes())
    return largest


def _quantizer(group_size: int) -> Callable[[Floats], tuple[NDArray[np.int8], Floats, float]]:
    def quantize(rows: Floats) -> tuple[NDArray[np.int8], Floats, float]:
        groups = grouped(rows, group_size)
        codes, scales = quantize_int8(groups)
        return codes, scales, float(np.abs(dequantize_int8(codes, scales) - groups).max())

    return quantize


def _stored_groups(weight: Weight, group_size: int) -> tuple[Bytes, Floats] | None:
    """Codes and scales of a matrix that has the same groups already, so that a copy is exact."""
    tensor: Tensor = weight.tensor
    if tensor.type is not Q8_S or tensor.scales is None or weight.update is not None or group_size % GROUP:
        return None
    scales = tensor.scales.reshape(-1, group_size // GROUP)
    return (tensor.data, scales[:, 0]) if (scales == scales[:, :1]).all() else None
