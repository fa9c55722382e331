"""A checkpoint as a GGUF file in another block format, for llama.cpp and for us."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.convert.weights import Model, Weight, encoded_rows
from picoqwen_core.errors import ConfigError
from picoqwen_core.loaders.gguf_writer import NewTensor, write_gguf
from picoqwen_core.quants.formats import FORMATS, BlockFormat

Bytes = NDArray[np.uint8]

EMBEDDING, HEAD = "token_embd.weight", "output.weight"
# llama.cpp's numbers of formats that most of a file has; Q4_K and Q5_K as its "small" mixtures.
_FILE_TYPES: Mapping[str, int] = {
    "F32": 0,
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q8_0": 7,
    "Q5_0": 8,
    "Q5_1": 9,
    "Q4_K": 14,
    "Q5_K": 16,
    "Q6_K": 18,
    "IQ4_NL": 25,
    "BF16": 32,
}
# Where rows do not end with a block: what llama.cpp takes instead, and last of all what fits any row.
_INSTEAD: Mapping[str, str] = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
_ANY_ROW = "F16"
# The head decides between tokens, so llama.cpp keeps it at 6 bits where the rest has fewer.
_HEAD_OF_SMALL = "Q6_K"
_QUANTIZATION_VERSION = 2
_UNUSED_TOKEN = 5
# What describes the file that was read, not the one that is written.
_DROPPED = re.compile(r"split\..*|general\.(alignment|file_type|quantization_version)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which formats a file gets; `head` and `embedding` None leave the choice to the rule."""

    main: BlockFormat
    head: BlockFormat | None = None
    embedding: BlockFormat | None = None

    def wanted(self, name: str, shape: tuple[int, ...], *, tied: bool) -> BlockFormat:
        """The format of a tensor, if its rows fit; `tied` models have their embedding for a head.

        Vectors stay F32. Raises ConfigError where `head` and `embedding` differ in a tied model.
        """
        if len(shape) == 1:
            return FORMATS["F32"]
        if tied and self.head and self.embedding and self.head != self.embedding:
            raise ConfigError(
                f"the model's head is its embedding, so it cannot be {self.head.name} and "
                f"{self.embedding.name}"
            )
        if name == HEAD or (name == EMBEDDING and tied):
            return self.head or (self.embedding if tied else None) or _default_head(self.main)
        return (self.embedding if name == EMBEDDING else None) or self.main


@dataclass(frozen=True, slots=True)
class Quantized:
    """What was written: bytes, tensors by format, and those that got another format than was wanted."""

    size: int
    formats: Mapping[str, int]
    misfits: Mapping[str, BlockFormat]


def write_quantized(
    model: Model,
    path: Path,
    recipe: Recipe,
    *,
    threads: int,
    advance: Callable[[int], None],
) -> Quantized:
    """Write the model to a GGUF file, tensor by tensor.

    A tensor that has its format already is copied. advance: called with the number of values that were done.
    Raises CheckpointError for unsound weights and when the disk does not take the file.
    """
    checkpoint = model.checkpoint
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    tied = HEAD not in shapes
    wanted = {name: recipe.wanted(name, shape, tied=tied) for name, shape in shapes.items()}
    chosen = {name: fitting(format_, shapes[name][-1]) for name, format_ in wanted.items()}
    metadata = _metadata(checkpoint.metadata, recipe.main, checkpoint.tensor(EMBEDDING).shape[0])
    with ThreadPoolExecutor(threads, "quantize") as pool:
        tensors = {
            name: _new_tensor(model.weight(name), format_, pool, advance) for name, format_ in chosen.items()
        }
        size = write_gguf(path, metadata, tensors, types=checkpoint.types)
    misfits = {name: format_ for name, format_ in chosen.items() if format_ != wanted[name]}
    return Quantized(size, Counter(format_.name for format_ in chosen.values()), misfits)


def fitting(format_: BlockFormat, columns: int) -> BlockFormat:
    """The format, or where rows do not end with a block what llama.cpp takes instead, at last F16."""
    while columns % format_.block_size:
        format_ = FORMATS[_INSTEAD.get(format_.name, _ANY_ROW)]
    return format_


def _default_head(main: BlockFormat) -> BlockFormat:
    head = FORMATS[_HEAD_OF_SMALL]
    return head if main.block_bytes * head.block_size < head.block_bytes * main.block_size else main


def _metadata(metadata: Mapping[str, Any], main: BlockFormat, rows: int) -> dict[str, Any]:
    """The source's metadata, and what is true of the new file."""
    kept = {key: value for key, value in metadata.items() if not _DROPPED.fullmatch(key)}
    kept["general.file_type"] = _FILE_TYPES[main.name]
    kept["general.quantization_version"] = _QUANTIZATION_VERSION
    # llama.cpp wants a token for every row of the embedding.
    tokens, types = kept.get("tokenizer.ggml.tokens", ()), kept.get("tokenizer.ggml.token_type")
    if 0 < len(tokens) < rows:
        kept["tokenizer.ggml.tokens"] = [*tokens, *(f"[PAD{index}]" for index in range(len(tokens), rows))]
        if types is not None:
            kept["tokenizer.ggml.token_type"] = [*types, *[_UNUSED_TOKEN] * (rows - len(types))]
    return kept


def _new_tensor(
    weight: Weight, format_: BlockFormat, pool: Executor, advance: Callable[[int], None]
) -> NewTensor:
    def pieces() -> Iterator[Bytes]:
        if weight.tensor.type == format_ and weight.update is None:
            yield weight.tensor.data
            advance(math.prod(weight.shape))
            return
        for piece in encoded_rows(weight, lambda rows: format_.quantize(rows.reshape(-1)), pool):
            yield piece
            advance(len(piece) // format_.block_bytes * format_.block_size)

    return format_, weight.shape, pieces
