"""A checkpoint's tensors as the kernels want them: the weight table, the norms, panels packed ahead."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.kernels.chunks import GROUP
from picoqwen_core.kernels.code import embed_code, pack_code, panel_code, rows_code, takes_few_tokens
from picoqwen_core.kernels.gemm import PANEL_ROWS, panel_bytes
from picoqwen_core.kernels.matmul import pack_matrix, scratch_bytes
from picoqwen_core.kernels.matrix import ADDRESS, COLS, COLUMNS, KIND, PANELS, ROWS, SCALES
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.model.buffers import Floats, aligned, padded
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.quants import q8_s

# Copies of tensors by their addresses, which the table points to.
Held = dict[int, NDArray[Any]]
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True, slots=True)
class Weights:
    """table: int64 (n_layers x 7 + 2, COLUMNS) of kernels.matrix; `held` keeps alive what it points to."""

    table: NDArray[np.int64]
    norms: dict[str, Floats]
    held: tuple[NDArray[Any], ...]

    @property
    def rows_beside_panels(self) -> bool:
        """Whether a matrix has rows that fill no panel."""
        return bool((self.table[:, ROWS] % PANEL_ROWS).any())


def load_weights(checkpoint: Checkpoint, config: Qwen3Config, *, pack: bool) -> Weights:
    """Check shapes and point at the tensors where they lie.

    pack: pack the quantized matrices ahead, which costs a copy of them. Raises CheckpointError for missing
    tensors and wrong shapes.
    """
    held: Held = {}
    table = _table(checkpoint, config, held)
    packed = (_pack(table, held),) if pack else ()
    weights = Weights(table, _norms(checkpoint, config), (*held.values(), *packed))
    if pack:
        checkpoint.let_go()
    return weights


def _table(checkpoint: Checkpoint, config: Qwen3Config, held: Held) -> NDArray[np.int64]:
    """A row for every matrix, in the order that the forward pass wants."""
    query, kv = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    hidden, ffn = config.hidden_size, config.intermediate_size
    shapes = {
        "attn_q": (query, hidden),
        "attn_k": (kv, hidden),
        "attn_v": (kv, hidden),
        "attn_output": (hidden, query),
        "ffn_gate": (ffn, hidden),
        "ffn_up": (ffn, hidden),
        "ffn_down": (hidden, ffn),
    }
    rows = [
        _row(checkpoint.tensor(f"blk.{layer}.{name}.weight"), shapes[name], held)
        for layer in range(config.n_layers)
        for name in _MATRICES
    ]
    vocabulary = (config.vocab_size, hidden)
    embedding = checkpoint.tensor("token_embd.weight")
    embedding_row = _row(embedding, vocabulary, held)
    head = checkpoint.tensors.get("output.weight")
    head_row = embedding_row if head is None else _row(head, vocabulary, held)
    table = aligned((len(rows) + 2, COLUMNS), np.int64)
    table[:] = [*rows, embedding_row, head_row]
    return table


def _row(tensor: Tensor, shape: tuple[int, int], held: Held) -> tuple[int, ...]:
    _require_shape(tensor, shape)
    data, scales, columns = tensor.data, tensor.scales, padded(shape[1])
    if columns != shape[1]:
        data = _widened(tensor, columns)
        held[data.ctypes.data] = data
        if scales is not None:
            scales = _widened_scales(scales, shape[0], columns)
            held[scales.ctypes.data] = scales
    kind = tensor.type.type_id
    code = (rows_code(kind), pack_code(kind), panel_code(kind), embed_code(kind))
    where = 0 if scales is None else scales.ctypes.data
    return data.ctypes.data, kind, shape[0], columns, where, 0, *code


def _widened(tensor: Tensor, columns: int) -> NDArray[np.uint8]:
    """A copy with zeros behind each row."""
    rows = tensor.data.reshape(tensor.shape[0], -1)
    wide = aligned((len(rows), tensor.type.row_bytes(columns)), np.uint8)
    wide[:, : rows.shape[1]] = rows
    return wide


def _widened_scales(scales: Floats, rows: int, columns: int) -> Floats:
    """The same for scales; one is for `q8_s.GROUP` columns."""
    wide: Floats = aligned((rows, columns // q8_s.GROUP), np.float32)
    narrow = scales.reshape(rows, -1)
    wide[:, : narrow.shape[1]] = narrow
    return wide


def _pack(table: NDArray[np.int64], held: Held) -> NDArray[np.uint8]:
    """Pack the matrices whose panels take any number of tokens, but the embedding; the table learns where.

    Copies made for a matrix that panels hold completely are not read any more, and let go.
    """
    embedding = table[len(table) - 2, ADDRESS]
    matrices = [
        row for index, row in enumerate(table) if index != len(table) - 2 and takes_few_tokens(int(row[KIND]))
    ]
    sizes = [int(row[ROWS]) // PANEL_ROWS * panel_bytes(int(row[COLS])) for row in matrices]
    packed: NDArray[np.uint8] = aligned((sum(sizes),), np.uint8)
    scratch = aligned((scratch_bytes(GROUP),), np.uint8)
    address = packed.ctypes.data
    for row, size in zip(matrices, sizes, strict=True):
        pack_matrix(row.ctypes.data, address, scratch.ctypes.data)
        row[PANELS] = address
        address += size
        if (
            row[ROWS] % PANEL_ROWS == 0
            and row[ADDRESS] != embedding
            and held.pop(int(row[ADDRESS]), None) is not None
        ):
            held.pop(int(row[SCALES]), None)
            row[ADDRESS] = row[SCALES] = 0
    return packed


def _require_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise CheckpointError(f"tensor {tensor.name!r} has shape {tensor.shape}, the model needs {shape}")


def _norms(checkpoint: Checkpoint, config: Qwen3Config) -> dict[str, Floats]:
    """Norm weights by the names of the kernel's Norms; those of all layers in one array."""

    def weights(name: str, size: int) -> Floats:
        tensor = checkpoint.tensor(name)
        _require_shape(tensor, (size,))
        return tensor.dequantized().copy()

    def stacked(name: str, size: int) -> Floats:
        return np.stack([weights(f"blk.{layer}.{name}.weight", size) for layer in range(config.n_layers)])

    return {
        "attention": stacked("attn_norm", config.hidden_size),
        "ffn": stacked("ffn_norm", config.hidden_size),
        "q": stacked("attn_q_norm", config.head_dim),
        "k": stacked("attn_k_norm", config.head_dim),
        "output": weights("output_norm.weight", config.hidden_size),
    }
