"""Checkpoints of qwen3-rs and qwen3.c: a header of 256 bytes, float32 norms, int8 matrices with scales.

There are two layouts with the same magic number and version. A, of qwen3.c, pico-qwen and qwen3-rs before
August 2025, has 12 numbers in its header; B, of qwen3-rs since, has the architecture before them. The file's
size tells which one it is. Tokenizer and templates lie in files beside it (qwen3_rs_tokenizer.py,
qwen3_rs_template.py).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError, shown
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.loaders.files import map_file
from picoqwen_core.loaders.qwen3_rs_template import read_template
from picoqwen_core.loaders.qwen3_rs_tokenizer import read_tokenizer_beside
from picoqwen_core.quants.formats import FORMATS, Q8_S
from picoqwen_core.quants.q8_s import GROUP, dequantize

MAGIC = struct.pack("<I", 0x616A6331)
# A later format of pico-qwen ("QWEN" as a number), which leaves out what is needed to read it.
_OTHER_MAGICS = (b"QWEN", b"NEWQ")
HEADER_BYTES = 256
_VERSION, _MAX_LAYERS = 1, 1000
_ARCHITECTURES = {1: "Qwen3ForCausalLM", 2: "LlamaForCausalLM"}
# Neither file nor program has these as options.
_RMS_EPS, _ROPE_THETA = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class Header:
    """The numbers of a header, in their order in the file."""

    dim: int
    hidden_dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    vocab_size: int
    max_seq_len: int
    head_dim: int
    shared_classifier: int
    group_size: int

    def body_bytes(self) -> float:
        """Bytes after the header; infinite for a group size of 0."""
        norms = 2 * self.n_layers * (self.dim + self.head_dim) + self.dim
        values = sum(rows * columns for _, rows, columns in self.matrices())
        return 4 * norms + values + (4 * values / self.group_size if self.group_size else float("inf"))

    def matrices(self) -> list[tuple[str, int, int]]:
        """Names, rows and columns, for all layers together; each layer has as many rows as the next."""
        query, kv = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        matrices = [("token_embd", self.vocab_size, self.dim)]
        # Down before up.
        for name, rows, columns in (
            ("attn_q", query, self.dim),
            ("attn_k", kv, self.dim),
            ("attn_v", kv, self.dim),
            ("attn_output", self.dim, query),
            ("ffn_gate", self.hidden_dim, self.dim),
            ("ffn_down", self.dim, self.hidden_dim),
            ("ffn_up", self.hidden_dim, self.dim),
        ):
            matrices.append((name, self.n_layers * rows, columns))
        if not self.shared_classifier:
            matrices.append(("output", self.vocab_size, self.dim))
        return matrices


def is_qwen3_rs(path: Path) -> bool:
    """Whether a file begins as these checkpoints do (or as the one that is refused with a reason)."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (MAGIC, *_OTHER_MAGICS)
    except OSError:
        return False


def open_qwen3_rs(path: Path) -> Checkpoint:
    """Map a checkpoint. Matrices stay where they are when the group size is a multiple of 32.

    Other group sizes are no multiple of what the kernels read at once: their matrices become F16 in memory.
    Raises CheckpointError, naming the file and the value, for anything that is wrong.
    """
    mapped = map_file(path)
    header = read_header(path, mapped[:HEADER_BYTES], len(mapped))
    tensors = _Body(header, np.frombuffer(mapped, np.uint8)).tensors()
    metadata = _metadata(header) | read_tokenizer_beside(path, header.vocab_size) | read_template(path)
    return Checkpoint(path, metadata, tensors, len(mapped), (mapped,))


def read_header(path: Path, data: bytes, size: int) -> Header:
    """The header of a file of `size` bytes, in layout A or B, whichever gives that size."""
    if data[:4] in _OTHER_MAGICS:
        raise CheckpointError(
            f"{path}: is in pico-qwen's later format, which keeps neither head_dim nor the group size; "
            "export the model again with `picoqwen export`, or use it as GGUF"
        )
    if data[:4] != MAGIC:
        raise CheckpointError(f"{path}: no qwen3-rs checkpoint, it begins with {shown(data[:4])}")
    if len(data) < HEADER_BYTES:
        raise CheckpointError(f"{path}: is cut short, the header alone has {HEADER_BYTES} bytes")
    version, first = struct.unpack_from("<iI", data, 4)
    if version != _VERSION:
        raise CheckpointError(f"{path}: version {version} is not supported, only {_VERSION}")
    b = Header(*struct.unpack_from("<10I", data, 12))
    if first in _ARCHITECTURES and HEADER_BYTES + b.body_bytes() == size:
        if first != 1:
            raise CheckpointError(
                f"{path}: the architecture is {_ARCHITECTURES[first]}; only Qwen3 is supported"
            )
        return _checked(path, b)
    a = Header(*struct.unpack_from("<10I", data, 8))
    if HEADER_BYTES + a.body_bytes() == size:
        return _checked(path, a)
    raise CheckpointError(
        f"{path}: has {size} bytes; the header means {_bytes(a)} in layout A and {_bytes(b)} in layout B. "
        "The file is cut short or damaged"
    )


def _bytes(header: Header) -> str:
    return f"{HEADER_BYTES + header.body_bytes():.15g}"


def _checked(path: Path, header: Header) -> Header:
    """Refuse what no writer writes."""
    for name in Header.__dataclass_fields__:
        if name != "shared_classifier" and getattr(header, name) < 1:
            raise CheckpointError(f"{path}: {name} is {getattr(header, name)}; it must be positive")
    if header.n_layers > _MAX_LAYERS:
        raise CheckpointError(f"{path}: n_layers is {header.n_layers}; no model has more than {_MAX_LAYERS}")
    if header.shared_classifier > 1:
        raise CheckpointError(f"{path}: shared_classifier is {header.shared_classifier}; it must be 0 or 1")
    query = header.n_heads * header.head_dim
    if header.n_heads % header.n_kv_heads or header.head_dim % 2 or query < header.dim:
        raise CheckpointError(
            f"{path}: {header.n_heads} heads of {header.head_dim} with {header.n_kv_heads} for keys and a "
            f"dim of {header.dim}: not Qwen3"
        )
    for name, columns in (("dim", header.dim), ("hidden_dim", header.hidden_dim), ("the heads", query)):
        if columns % header.group_size:
            raise CheckpointError(
                f"{path}: the group size {header.group_size} does not divide {name}, {columns}; "
                "the file is wrong in itself. Export the model again with another group size"
            )
    return header


def _metadata(header: Header) -> dict[str, Any]:
    sizes = {
        "embedding_length": header.dim,
        "feed_forward_length": header.hidden_dim,
        "block_count": header.n_layers,
        "attention.head_count": header.n_heads,
        "attention.head_count_kv": header.n_kv_heads,
        "attention.key_length": header.head_dim,
        "attention.value_length": header.head_dim,
        "context_length": header.max_seq_len,
        "attention.layer_norm_rms_epsilon": _RMS_EPS,
        "rope.freq_base": _ROPE_THETA,
    }
    return {"general.architecture": "qwen3"} | {f"qwen3.{key}": value for key, value in sizes.items()}


# What times 127 is still an F16.
_LARGEST_SCALE = 500.0


class _Body:
    """Goes through the tensors in the file's order; the size was compared with the header's before."""

    def __init__(self, header: Header, data: NDArray[np.uint8]) -> None:
        self._header, self._data, self._at = header, data, HEADER_BYTES
        self._tensors: dict[str, Tensor] = {}

    def tensors(self) -> dict[str, Tensor]:
        """All tensors, by GGUF's names."""
        header = self._header
        self._norms("blk.{}.attn_norm.weight", header.dim, header.n_layers)
        self._norms("blk.{}.ffn_norm.weight", header.dim, header.n_layers)
        self._norms("output_norm.weight", header.dim, 1)
        self._norms("blk.{}.attn_q_norm.weight", header.head_dim, header.n_layers)
        self._norms("blk.{}.attn_k_norm.weight", header.head_dim, header.n_layers)
        for name, rows, columns in header.matrices():
            if name in ("token_embd", "output"):
                self._add(self._matrix(f"{name}.weight", rows, columns))
                continue
            for layer in range(header.n_layers):
                self._add(self._matrix(f"blk.{layer}.{name}.weight", rows // header.n_layers, columns))
        return self._tensors

    def _add(self, tensor: Tensor) -> None:
        self._tensors[tensor.name] = tensor

    def _take(self, count: int) -> NDArray[np.uint8]:
        self._at += count
        return self._data[self._at - count : self._at]

    def _norms(self, name: str, size: int, count: int) -> None:
        for layer in range(count):
            self._add(Tensor(name.format(layer), (size,), FORMATS["F32"], self._take(4 * size)))

    def _matrix(self, name: str, rows: int, columns: int) -> Tensor:
        """Bytes in place, scales repeated for each 32 columns; or all of it as F16."""
        group = self._header.group_size
        values, scales = self._take(rows * columns), self._take(rows * columns // group * 4)
        # Behind groups of odd sizes scales lie anywhere; NumPy reads them where they are.
        numbers = scales.view("<f4")
        if group % GROUP:
            half = FORMATS["F16"]
            if not (np.abs(numbers) < _LARGEST_SCALE).all():
                raise CheckpointError(f"tensor {name!r} has values that are too large for F16, or none")
            return Tensor(name, (rows, columns), half, half.quantize(dequantize(values, numbers)))
        repeated = numbers if group == GROUP else np.repeat(numbers, group // GROUP)
        return Tensor(name, (rows, columns), Q8_S, values, repeated)
