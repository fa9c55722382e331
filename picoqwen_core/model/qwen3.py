"""Qwen3: weights in place in the mapped file, one compiled pass per chunk of tokens, on a few threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.cpu import usable_cores
from picoqwen_core.errors import RequestError
from picoqwen_core.kernels.attention_job import POSITIONS
from picoqwen_core.kernels.forward import ATTENTION_TOKENS, Norms, Pass, Shape, forward
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.matmul import MIN_PANEL_TOKENS
from picoqwen_core.kernels.prepare import parts_for, prepare
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.model.buffers import Buffers, make_buffers, padded, rope_tables
from picoqwen_core.model.config import Qwen3Config
from picoqwen_core.model.kv_cache import KVBlock, KVCache, cache_bytes, kind_for
from picoqwen_core.model.weights import load_weights

# Tokens of a pass. More make packing panels cheaper, and cost memory: activations of an 8B model's 256 tokens
# are 80 MB.
CHUNK_TOKENS, WIDE_CHUNK_TOKENS = 512, 256
_WIDE_HIDDEN = 2048
_FEW_TOKENS = 16
# A pass over fewer weights than this is done before a second thread has woken up.
MIN_BYTES_PER_THREAD = 32 << 20
# Smaller models are packed for the products once, when they are loaded: packing at each pass would cost them
# a quarter of a short prompt. Larger ones are used where the file has them, and cost no memory of their own.
MAX_PACKED_BYTES = 32 << 20


class Part(NamedTuple):
    """Tokens that follow those in a cache."""

    ids: NDArray[np.int32]
    cache: KVCache


def _nothing() -> None:
    """Nobody waits for a pass to begin."""


class Qwen3:
    """A Qwen3 model ready to run. One pass at a time: buffers are shared."""

    block_tokens = POSITIONS
    exact_prompt_tokens = MIN_PANEL_TOKENS

    def __init__(
        self, checkpoint: Checkpoint, config: Qwen3Config, threads: int, kv_cache: str = "auto"
    ) -> None:
        self.config = config
        self.threads = threads
        self.checkpoint = checkpoint
        self.small = checkpoint.size <= MAX_PACKED_BYTES
        # A small model's cache is small in any kind.
        chosen = ("f32" if self.small else "k8v4") if kv_cache == "auto" else kv_cache
        self.cache_kind = kind_for(config, chosen)
        self.chunk_tokens = CHUNK_TOKENS if config.hidden_size <= _WIDE_HIDDEN else WIDE_CHUNK_TOKENS
        self._shape = _shape(config)
        types = (tensor.type.type_id for tensor in checkpoint.tensors.values())
        prepare(parts_for(types, (self.cache_kind,)), usable_cores())
        self._weights = load_weights(checkpoint, config, pack=self.small)
        self._rope = rope_tables(config, 0)
        self._norms: Norms | None = None
        self._buffers: Buffers | None = None
        self._sync = np.zeros(16, np.int64)
        self._pool = ThreadPoolExecutor(threads - 1, "kernel") if threads > 1 else None

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, *, threads: int | None = None, kv_cache: str = "auto"
    ) -> Qwen3:
        """Check shapes and prepare to run; of a large model nothing is copied but the norms.

        kv_cache: how caches keep keys and values, see KVCache; "auto" is f32 for a small model, else k8v4.
        Raises CheckpointError for another architecture, missing tensors and wrong shapes.
        """
        embedding = checkpoint.tensor("token_embd.weight")
        config = Qwen3Config.from_metadata(checkpoint.metadata, embedding.shape[0])
        most = max(1, checkpoint.size // MIN_BYTES_PER_THREAD)
        return cls(checkpoint, config, min(threads or usable_cores(), most), kv_cache)

    @property
    def layout(self) -> str:
        """How a block of the cache is laid out: the same string, the same order of bytes."""
        return f"{self.cache_kind} {ISA.name} {POSITIONS}"

    def new_block(self) -> KVBlock:
        """An empty block of a cache."""
        return KVBlock(cache_bytes(self.config, POSITIONS, self.cache_kind))

    @property
    def vocab_size(self) -> int:
        """Ids are below it."""
        return self.config.vocab_size

    def new_cache(self, capacity: int | None = None, kind: str | None = None) -> KVCache:
        """An empty cache for `capacity` tokens (by default the model's whole context).

        kind: see KVCache; by default what the model was opened with.
        """
        capacity = min(capacity or self.config.context_length, self.config.context_length)
        return KVCache(self.config, capacity, kind_for(self.config, kind) if kind else self.cache_kind)

    def forward(self, ids: NDArray[np.int32], cache: KVCache) -> NDArray[np.float32]:
        """Read `ids`, append them to the cache, and return the logits of the last one, float32 (vocab,)."""
        logits: NDArray[np.float32] = self._read(ids, cache, 1)[0]
        return logits

    def forward_all(self, ids: NDArray[np.int32], cache: KVCache) -> NDArray[np.float32]:
        """The same with the logits of every token, float32 (n, vocab)."""
        return self._read(ids, cache, len(ids))

    def forward_batch(self, parts: Sequence[Part]) -> NDArray[np.float32]:
        """Read tokens of several sequences in one pass; the logits of each part's last, float32 (n, vocab).

        Raises RequestError for bad ids and for more tokens than `chunk_tokens` together,
        ContextLengthExceeded when a part does not fit into its cache.
        """
        parts = self._pass_of(parts)
        tokens = sum(len(part.ids) for part in parts)
        logits = np.empty((len(parts), self.config.vocab_size), np.float32)
        self._pass(
            parts, np.cumsum([len(part.ids) for part in parts]) - 1, logits, tokens >= MIN_PANEL_TOKENS
        )
        return logits

    def read(
        self, parts: Sequence[tuple[Sequence[int], KVCache, int]], begun: Callable[[], None] = _nothing
    ) -> NDArray[np.float32]:
        """forward_exact of (ids, cache, wanted)."""
        exact = [Part(np.asarray(ids, np.int32), cache) for ids, cache, _ in parts]
        return self.forward_exact(exact, [wanted for _, _, wanted in parts], begun)

    def forward_exact(
        self, parts: Sequence[Part], wanted: Sequence[int], begun: Callable[[], None] = _nothing
    ) -> NDArray[np.float32]:
        """Read tokens of several sequences in one pass, each bit for bit as if it were read alone.

        Returns the logits of each part's last `wanted` tokens, float32 (sum of wanted, vocab), part after
        part. Errors as in forward_batch. Meant for few tokens: weights are not packed, so that many cost
        more than in `forward`, whose results differ in rounding.
        """
        parts = self._pass_of(parts)
        ends = np.cumsum([len(part.ids) for part in parts])
        rows = [np.arange(end - count, end) for end, count in zip(ends, wanted, strict=True)]
        logits = np.empty((sum(wanted), self.config.vocab_size), np.float32)
        self._pass(parts, np.concatenate(rows), logits, panels=False, begun=begun)
        return logits

    def prefill(
        self, ids: Sequence[int] | NDArray[np.int32], cache: KVCache, *, logits: bool
    ) -> NDArray[np.float32] | None:
        """Read up to `chunk_tokens` of a prompt; the logits (vocab,) of the last one, where they are wanted.

        From `exact_prompt_tokens` on, what comes out does not depend on how a prompt is cut into calls.
        Errors as in forward_batch.
        """
        parts = self._pass_of([Part(np.asarray(ids, np.int32), cache)])
        tokens = len(parts[0].ids)
        out = np.empty((int(logits), self.config.vocab_size), np.float32)
        rows = np.arange(tokens - int(logits), tokens)
        self._pass(parts, rows, out, tokens >= MIN_PANEL_TOKENS)
        return out[0] if logits else None

    def _pass_of(self, parts: Sequence[Part]) -> list[Part]:
        """Checked parts; see forward_batch for the errors."""
        parts = [Part(self._checked(ids, cache), cache) for ids, cache in parts]
        tokens = sum(len(part.ids) for part in parts)
        if not 0 < tokens <= self.chunk_tokens:
            raise RequestError(f"a pass reads 1 to {self.chunk_tokens} tokens, got {tokens}")
        return parts

    def _read(self, ids: NDArray[np.int32], cache: KVCache, wanted: int) -> NDArray[np.float32]:
        """Read in chunks; the logits of the last `wanted` tokens."""
        ids = self._checked(ids, cache)
        logits = np.empty((wanted, self.config.vocab_size), np.float32)
        first = len(ids) - wanted
        for begin in range(0, len(ids), self.chunk_tokens):
            chunk = ids[begin : begin + self.chunk_tokens]
            rows = np.arange(max(0, first - begin), len(chunk))
            done = max(0, begin - first)
            panels = len(chunk) >= MIN_PANEL_TOKENS
            self._pass([Part(chunk, cache)], rows, logits[done : done + len(rows)], panels)
        return logits

    def _checked(self, ids: NDArray[np.int32], cache: KVCache) -> NDArray[np.int32]:
        """Raises RequestError for bad ids, ContextLengthExceeded when they do not fit."""
        ids = np.asarray(ids, np.int32)
        if not len(ids):
            raise RequestError("no tokens to read")
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            raise RequestError(f"token ids must be in 0..{self.config.vocab_size - 1}, got {ids.max()}")
        cache.require(len(ids))
        return ids

    def _pass(
        self,
        parts: list[Part],
        wanted: NDArray[np.int64],
        logits: NDArray[np.float32],
        panels: bool,
        begun: Callable[[], None] = _nothing,
    ) -> None:
        """One pass on all threads; caches grow by what was read. begun: called once the others compute."""
        tokens = sum(len(part.ids) for part in parts)
        positions = max(part.cache.positions for part in parts)
        tables = _tables(parts, ATTENTION_TOKENS if panels else 1)
        wanted = np.ascontiguousarray(wanted, np.int64)
        work = Pass(
            tokens=tokens,
            **{name: table.ctypes.data for name, table in tables.items()},
            n_blocks=len(tables["blocks"]),
            wanted=wanted.ctypes.data,
            n_wanted=len(wanted),
            logits=logits.ctypes.data,
            panels=int(panels),
        )
        arguments = (
            self.threads,
            self._sync.ctypes.data,
            self._weights.table.ctypes.data,
            self._shape,
            self._norms_for(positions),
            self._buffers_for(tokens, positions).memory,
            work,
        )
        others = (
            [self._pool.submit(forward, t, *arguments) for t in range(1, self.threads)] if self._pool else []
        )
        begun()
        forward(0, *arguments)
        for other in others:
            other.result()
        for part in parts:
            part.cache.length += len(part.ids)

    def _norms_for(self, positions: int) -> Norms:
        """Addresses of the norms, and of RoPE tables for as many positions as the largest cache has."""
        if self._norms is None or len(self._rope[0]) < positions:
            self._rope = cos, sin = rope_tables(self.config, positions)
            weights = {name: array.ctypes.data for name, array in self._weights.norms.items()}
            self._norms = Norms(**weights, cos=cos.ctypes.data, sin=sin.ctypes.data)
        return self._norms

    def _buffers_for(self, tokens: int, positions: int) -> Buffers:
        """Scratch that fits; it grows to a whole chunk at the first prompt."""
        held = self._buffers
        if held is None or held.tokens < tokens or held.positions < positions:
            rows = _FEW_TOKENS if tokens <= _FEW_TOKENS else self.chunk_tokens
            self._buffers = held = make_buffers(
                self.config,
                max(rows, held.tokens if held else 0),
                self.threads,
                max(positions, held.positions if held else 0),
                records=self._weights.rows_beside_panels,
            )
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
        hidden_columns=padded(config.hidden_size),
        query_columns=padded(config.n_heads * config.head_dim),
        ffn_columns=padded(config.intermediate_size),
        eps=config.rms_eps,
    )


def _tables(parts: list[Part], block_tokens: int) -> dict[str, NDArray[np.int64]]:
    """The arrays of kernels.forward.Pass that describe the parts' tokens; attention takes them by blocks."""
    blocks, first = [], 0
    for number, part in enumerate(parts):
        count = len(part.ids)
        blocks += [
            (number, first + begin, min(block_tokens, count - begin))
            for begin in range(0, count, block_tokens)
        ]
        first += count
    return {
        "ids": np.concatenate([part.ids for part in parts]).astype(np.int64),
        "owners": np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts]),
        "positions": np.concatenate([part.cache.length + np.arange(len(part.ids)) for part in parts]),
        "blocks": np.array(blocks, np.int64),
        "sequences": np.array([part.cache.row for part in parts], np.int64),
    }
