"""Qwen3: weights in place in the mapped file, one compiled pass per chunk of tokens, on a few threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.cpu import usable_cores
from picoqwen_core.errors import CheckpointError, RequestError
from picoqwen_core.kernels.forward import forward
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.model.buffers import Buffers, Norms, make_buffers, rope_tables
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.model.kv_cache import KVCache

CHUNK_TOKENS = 256
# A pass over fewer weights than this is done before a second thread has woken up.
MIN_BYTES_PER_THREAD = 32 << 20
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


class Qwen3:
    """A Qwen3 model ready to run. One pass at a time: buffers are shared."""

    def __init__(self, checkpoint: Checkpoint, config: Qwen3Config, threads: int) -> None:
        self.config = config
        self.threads = threads
        self.checkpoint = checkpoint
        self._weights = _weight_table(checkpoint, config)
        self._norms: Norms = _norms(checkpoint, config)
        self._buffers: Buffers | None = None
        self._sync = np.zeros(16, np.int64)
        self._pool = ThreadPoolExecutor(threads - 1, "kernel") if threads > 1 else None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, *, threads: int | None = None) -> Qwen3:
        """Check shapes and prepare to run; nothing is copied but the norms.

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
        ids = np.ascontiguousarray(ids, np.int32)
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
        threads = self.threads if len(ids) > 1 or self.checkpoint.size > MIN_BYTES_PER_THREAD else 1
        shared = (
            threads,
            self._sync,
            ids,
            cache.length,
            self._weights,
            self._norms,
            self._buffers_for(len(ids), cache.capacity),
            cache.keys,
            cache.values,
            len(logits),
            logits,
        )

        def run(thread: int) -> None:
            forward(thread, *shared)

        others = [self._pool.submit(run, t) for t in range(1, threads)] if self._pool else []
        run(0)
        for other in others:
            other.result()

    def _buffers_for(self, tokens: int, capacity: int) -> Buffers:
        """Scratch that fits; it grows to a whole chunk at the first prompt."""
        held = self._buffers
        if held is None or len(held.x) < tokens or held.scores.shape[1] < capacity:
            rows = 8 if tokens <= 8 else CHUNK_TOKENS
            self._buffers = held = make_buffers(self.config, rows, self.threads, capacity)
        return held

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def _weight_table(checkpoint: Checkpoint, config: Qwen3Config) -> NDArray[np.int64]:
    """Address, GGML type, rows and columns of every matrix, in the order that the kernel wants."""
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


def _matrix(tensor: Tensor, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    _require_shape(tensor, shape)
    return tensor.data.ctypes.data, tensor.type.type_id, *shape


def _require_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise CheckpointError(f"tensor {tensor.name!r} has shape {tensor.shape}, the model needs {shape}")


def _norms(checkpoint: Checkpoint, config: Qwen3Config) -> Norms:
    def weights(name: str, size: int) -> NDArray[np.float32]:
        tensor = checkpoint.tensor(name)
        _require_shape(tensor, (size,))
        return tensor.dequantized().copy()

    def stacked(name: str, size: int) -> NDArray[np.float32]:
        return np.stack([weights(f"blk.{layer}.{name}.weight", size) for layer in range(config.n_layers)])

    cos, sin = rope_tables(config, config.context_length)
    return Norms(
        attention=stacked("attn_norm", config.hidden_size),
        ffn=stacked("ffn_norm", config.hidden_size),
        q=stacked("attn_q_norm", config.head_dim),
        k=stacked("attn_k_norm", config.head_dim),
        output=weights("output_norm.weight", config.hidden_size),
        cos=cos,
        sin=sin,
        eps=np.array([config.rms_eps], np.float32),
    )
