"""Qwen3: weights in place in the mapped file, one compiled pass per chunk of tokens, on a few threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.cpu import usable_cores
from picoqwen_core.errors import CheckpointError, RequestError
from picoqwen_core.kernels.forward import Norms, Shape, forward
from picoqwen_core.kernels.gemm import PANEL_ROWS, panel_bytes
from picoqwen_core.kernels.gemv import Q4_0, Q8_0
from picoqwen_core.kernels.matmul import PANELS, pack_matrix
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.model.buffers import Buffers, Floats, make_buffers, rope_tables
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.model.kv_cache import KVCache

CHUNK_TOKENS = 256
# A pass over fewer weights than this is done before a second thread has woken up.
MIN_BYTES_PER_THREAD = 32 << 20
# Smaller models are packed for the products once, when they are loaded: packing at each pass would cost them
# a quarter of a short prompt. Larger ones are used where the file has them, and cost no memory of their own.
MAX_PACKED_BYTES = 32 << 20
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


class Qwen3:
    """A Qwen3 model ready to run. One pass at a time: buffers are shared."""

    def __init__(self, checkpoint: Checkpoint, config: Qwen3Config, threads: int) -> None:
        self.config = config
        self.threads = threads
        self.checkpoint = checkpoint
        self._shape = _shape(config)
        self._weights = _weight_table(checkpoint, config)
        self._packed = _pack(self._weights) if checkpoint.size <= MAX_PACKED_BYTES else None
        self._norm_weights = _norm_weights(checkpoint, config)
        self._rope = rope_tables(config, 0)
        self._norms: Norms | None = None
        self._buffers: Buffers | None = None
        self._sync = np.zeros(16, np.int64)
        self._pool = ThreadPoolExecutor(threads - 1, "kernel") if threads > 1 else None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, *, threads: int | None = None) -> Qwen3:
        """Check shapes and prepare to run; of a large model nothing is copied but the norms.

        Raises CheckpointError for another architecture, missing tensors and wrong shapes.
        """
        embedding = checkpoint.tensor("token_embd.weight")
        config = Qwen3Config.from_metadata(checkpoint.metadata, embedding.shape[0])
        most = max(1, checkpoint.size // MIN_BYTES_PER_THREAD)
        return cls(checkpoint, config, min(threads or usable_cores(), most))

    def new_cache(self, capacity: int | None = None) -> KVCache:
        """An empty cache for `capacity` tokens (by default the model's whole context)."""
        return KVCache(self.config, min(capacity or self.config.context_length, self.config.context_length))

    def forward(self, ids: NDArray[np.int32], cache: KVCache) -> NDArray[np.float32]:
        """Read `ids`, append them to the cache, and return the logits of the last one, float32 (vocab,)."""
        logits: NDArray[np.float32] = self._run(ids, cache, 1)[0]
        return logits

    def forward_all(self, ids: NDArray[np.int32], cache: KVCache) -> NDArray[np.float32]:
        """The same with the logits of every token, float32 (n, vocab)."""
        return self._run(ids, cache, len(ids))

    def _run(self, ids: NDArray[np.int32], cache: KVCache, logit_rows: int) -> NDArray[np.float32]:
        """Run in chunks. Raises RequestError for bad ids, ContextLengthExceeded when they do not fit."""
        ids = np.array(ids, np.int32)  # a copy: kernels would be compiled again for a read-only array
        if not len(ids):
            raise RequestError("no tokens to read")
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            raise RequestError(f"token ids must be in 0..{self.config.vocab_size - 1}, got {ids.max()}")
        cache.require(len(ids))
        logits = np.empty((logit_rows, self.config.vocab_size), np.float32)
        for begin in range(0, len(ids), CHUNK_TOKENS):
            chunk = ids[begin : begin + CHUNK_TOKENS]
            first_row = len(ids) - logit_rows
            wanted = max(0, begin + len(chunk) - max(begin, first_row))
            row = max(0, begin - first_row)
            self._pass(chunk, cache, logits[row : row + wanted])
            cache.length += len(chunk)
        return logits

    def _pass(self, ids: NDArray[np.int32], cache: KVCache, logits: NDArray[np.float32]) -> None:
        """One chunk on all threads."""
        arguments = (
            self.threads,
            self._sync,
            ids,
            cache.length,
            self._weights,
            self._shape,
            self._norms_for(cache),
            self._buffers_for(len(ids), cache).memory,
            cache.addresses,
            len(logits),
            logits.ctypes.data,
        )
        others = (
            [self._pool.submit(forward, t, *arguments) for t in range(1, self.threads)] if self._pool else []
        )
        forward(0, *arguments)
        for other in others:
            other.result()

    def _norms_for(self, cache: KVCache) -> Norms:
        """Addresses of the norms, and of RoPE tables for as many positions as the largest cache has."""
        if self._norms is None or len(self._rope[0]) < cache.capacity:
            self._rope = cos, sin = rope_tables(self.config, cache.capacity)
            weights = {name: array.ctypes.data for name, array in self._norm_weights.items()}
            self._norms = Norms(**weights, cos=cos.ctypes.data, sin=sin.ctypes.data)
        return self._norms

    def _buffers_for(self, tokens: int, cache: KVCache) -> Buffers:
        """Scratch that fits; it grows to a whole chunk at the first prompt."""
        held = self._buffers
        if held is None or held.tokens < tokens or held.positions < cache.positions:
            rows = 8 if tokens <= 8 else CHUNK_TOKENS
            self._buffers = held = make_buffers(self.config, rows, self.threads, cache.positions)
        return held

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def _shape(config: Qwen3Config) -> Shape:
    return Shape(
        n_layers=config.n_layers,
        hidden=config.hidden_size,
        n_heads=config.n_heads,
        n_kv_heads=config.n_kv_heads,
        head_dim=config.head_dim,
        ffn=config.intermediate_size,
        vocab=config.vocab_size,
        eps=config.rms_eps,
    )


def _weight_table(checkpoint: Checkpoint, config: Qwen3Config) -> NDArray[np.int64]:
    """A row of the kernels' weight table for every matrix, in the order that the forward pass wants."""
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
    matrices = [
        _matrix(checkpoint.tensor(f"blk.{layer}.{name}.weight"), shapes[name])
        for layer in range(config.n_layers)
        for name in _MATRICES
    ]
    vocabulary = (config.vocab_size, hidden)
    embedding = checkpoint.tensor("token_embd.weight")
    head = checkpoint.tensors.get("output.weight", embedding)
    return np.array([*matrices, _matrix(embedding, vocabulary), _matrix(head, vocabulary)], np.int64)


def _matrix(tensor: Tensor, shape: tuple[int, int]) -> tuple[int, ...]:
    _require_shape(tensor, shape)
    return tensor.data.ctypes.data, tensor.type.type_id, *shape, 0


def _pack(weights: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Pack the quantized matrices, but the embedding, into the array returned; the table learns where."""
    matrices = [
        row for index, row in enumerate(weights) if index != len(weights) - 2 and row[1] in (Q8_0, Q4_0)
    ]
    sizes = [int(row[2]) // PANEL_ROWS * panel_bytes(int(row[3])) for row in matrices]
    packed = np.empty(sum(sizes), np.uint8)
    address = packed.ctypes.data
    for row, size in zip(matrices, sizes, strict=True):
        pack_matrix(row, address)
        row[PANELS] = address
        address += size
    return packed


def _require_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise CheckpointError(f"tensor {tensor.name!r} has shape {tensor.shape}, the model needs {shape}")


def _norm_weights(checkpoint: Checkpoint, config: Qwen3Config) -> dict[str, Floats]:
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
