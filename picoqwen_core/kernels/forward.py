"""A whole forward pass as one compiled function, run by every thread on its share of each step.

Calling a product from Python costs as much as the product in a small model, so Python is left once per pass.
Steps that need the others' results are separated by a barrier.
"""

from typing import NamedTuple

from picoqwen_core.kernels.activation import swiglu
from picoqwen_core.kernels.attention import attend, store_key_value
from picoqwen_core.kernels.barrier import wait
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.gemv import dequantize_row, row_bytes
from picoqwen_core.kernels.matmul import ADDRESS, COLS, KIND, Activations, matmul
from picoqwen_core.kernels.norm import accumulate, clear, rmsnorm
from picoqwen_core.kernels.quantize import GROUP, quantize_row
from picoqwen_core.kernels.rope import rope

# Rows of the weight table: one matrix each, per layer, then the embedding and the head.
Q, K, V, OUTPUT, GATE, UP, DOWN, PER_LAYER = range(8)
# Tokens of one head that a thread takes at a time: with two heads a group, their queries fill two quads.
ATTENTION_TOKENS = 4


class Shape(NamedTuple):
    """A model's sizes."""

    n_layers: int
    hidden: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    eps: float


class Norms(NamedTuple):
    """Addresses of float32: norm weights, layer after layer, and RoPE tables (positions, head_dim / 2)."""

    attention: int
    ffn: int
    q: int
    k: int
    output: int
    cos: int
    sin: int


class Memory(NamedTuple):
    """Addresses of a pass's scratch: float32 rows, one for each token, and each thread's own."""

    x: int  # hidden
    h: int  # hidden; the normalised input of a block, then its output, before that is added to x
    qkv: int  # (n_heads + 2 n_kv_heads) x head_dim
    attended: int  # n_heads x head_dim
    gate: int  # ffn
    up: int  # ffn
    quants: int  # the widest row, int8
    scales: int  # the widest row / 32
    corrections: int  # the widest row / 4, int32
    totals: int  # the widest row / 32, int32
    scores: int  # 4 x capacity, for each thread
    panels: int  # panel_bytes, for each thread
    panel_bytes: int


class Cache(NamedTuple):
    """Addresses of the KV cache's keys and values, laid out as kernels.attention wants; its capacity."""

    keys: int
    values: int
    capacity: int


@kernel
def _quantize(t, cols, x, m):
    """Quantize row t of the matrix at address x (tokens, cols) into the scratch."""
    groups = cols // GROUP
    quantize_row(
        x + 4 * t * cols,
        cols,
        m.quants + t * cols,
        m.scales + 4 * t * groups,
        m.corrections + t * cols,
        m.totals + 4 * t * groups,
    )


@kernel
def _normalise(thread, threads, first, last, weight, s, m):
    """x += h, then h = rmsnorm(x), and quantized, for this thread's rows of first..last."""
    for t in range(first + thread, last, threads):
        x, h = m.x + 4 * t * s.hidden, m.h + 4 * t * s.hidden
        accumulate(x, h, s.hidden)
        rmsnorm(h, x, weight, s.hidden, s.eps)
        _quantize(t, s.hidden, m.h, m)


@kernel
def _rotate_and_store(thread, threads, tokens, start, layer, s, norms, m, cache):
    """QK-norm and RoPE; queries stay in the scratch, keys and values go to the cache."""
    head, heads = 4 * s.head_dim, s.n_heads + s.n_kv_heads
    row, half = head * (heads + s.n_kv_heads), s.head_dim // 2
    for item in range(thread, tokens * heads, threads):
        t, h = item // heads, item % heads
        at = m.qkv + t * row + h * head
        norm = (norms.q if h < s.n_heads else norms.k) + layer * head
        rmsnorm(at, at, norm, s.head_dim, s.eps)
        angles = 4 * half * (start + t)
        rope(at, norms.cos + angles, norms.sin + angles, half)
        if h >= s.n_heads:
            first = (layer * s.n_kv_heads + h - s.n_heads) * cache.capacity * head
            store_key_value(
                at,
                at + s.n_kv_heads * head,
                cache.keys + first,
                cache.values + first,
                start + t,
                cache.capacity,
                s.head_dim,
            )


@kernel
def _attention(thread, threads, tokens, start, layer, s, m, cache):
    head, group = 4 * s.head_dim, s.n_heads // s.n_kv_heads
    row = head * (s.n_heads + 2 * s.n_kv_heads)
    blocks = (tokens + ATTENTION_TOKENS - 1) // ATTENTION_TOKENS
    for item in range(thread, blocks * s.n_kv_heads, threads):
        kv, t = item % s.n_kv_heads, item // s.n_kv_heads * ATTENTION_TOKENS
        first = (layer * s.n_kv_heads + kv) * cache.capacity * head
        attend(
            m.qkv + t * row + kv * group * head,
            row,
            m.attended + t * s.n_heads * head + kv * group * head,
            s.n_heads * head,
            group,
            min(ATTENTION_TOKENS, tokens - t),
            start + t,
            cache.keys + first,
            cache.values + first,
            cache.capacity,
            s.head_dim,
            m.scores + thread * 16 * cache.capacity,
        )


@kernel
def _attention_block(thread, threads, sync, tokens, start, layer, w, s, norms, m, cache):
    """h = attention of h; ends with a barrier."""
    scratch = m.panels + thread * m.panel_bytes
    query, kv = s.n_heads * s.head_dim, s.n_kv_heads * s.head_dim
    row = 4 * (query + 2 * kv)
    h = Activations(m.h, m.quants, m.scales, m.corrections, m.totals)
    for part in range(Q, V + 1):
        column = 0 if part == Q else query + (part - K) * kv
        matmul(thread, threads, w[part], tokens, h, scratch, m.qkv + 4 * column, row)
    wait(threads, sync)
    _rotate_and_store(thread, threads, tokens, start, layer, s, norms, m, cache)
    wait(threads, sync)
    _attention(thread, threads, tokens, start, layer, s, m, cache)
    wait(threads, sync)
    for t in range(thread, tokens, threads):
        _quantize(t, query, m.attended, m)
    wait(threads, sync)
    attended = Activations(m.attended, m.quants, m.scales, m.corrections, m.totals)
    matmul(thread, threads, w[OUTPUT], tokens, attended, scratch, m.h, 4 * s.hidden)
    wait(threads, sync)


@kernel
def _ffn_block(thread, threads, sync, tokens, w, s, m):
    """h = down(silu(gate(h)) * up(h)); ends with a barrier."""
    scratch = m.panels + thread * m.panel_bytes
    h = Activations(m.h, m.quants, m.scales, m.corrections, m.totals)
    for part in range(GATE, UP + 1):
        matmul(thread, threads, w[part], tokens, h, scratch, m.gate if part == GATE else m.up, 4 * s.ffn)
    wait(threads, sync)
    for t in range(thread, tokens, threads):
        at = 4 * t * s.ffn
        swiglu(m.gate + at, m.up + at, s.ffn)
        _quantize(t, s.ffn, m.gate, m)
    wait(threads, sync)
    gated = Activations(m.gate, m.quants, m.scales, m.corrections, m.totals)
    matmul(thread, threads, w[DOWN], tokens, gated, scratch, m.h, 4 * s.hidden)
    wait(threads, sync)


@kernel
def forward(thread, threads, sync, ids, start, weights, s, norms, m, cache, logit_rows, logits):
    """Read tokens and write the logits of the last `logit_rows` of them.

    thread of threads; sync: int64 (16,) of the barrier; ids: int32 (tokens,); start: position of the first;
    weights: int64 (n_layers x 7 + 2, 5), the table of kernels.matmul; s, norms, m, cache: Shape, Norms,
    Memory and Cache; logits: address of float32 (logit_rows, vocab).
    """
    tokens = ids.size
    table = weights[s.n_layers * PER_LAYER :]  # the embedding and the head
    embedding = table[0]
    stride = row_bytes(embedding[KIND], embedding[COLS])
    for t in range(thread, tokens, threads):
        row = embedding[ADDRESS] + ids[t] * stride
        dequantize_row(row, embedding[KIND], s.hidden, m.h + 4 * t * s.hidden)
        clear(m.x + 4 * t * s.hidden, s.hidden)
    for layer in range(s.n_layers):
        w = weights[layer * PER_LAYER : (layer + 1) * PER_LAYER]
        _normalise(thread, threads, 0, tokens, norms.attention + 4 * layer * s.hidden, s, m)
        wait(threads, sync)
        _attention_block(thread, threads, sync, tokens, start, layer, w, s, norms, m, cache)
        _normalise(thread, threads, 0, tokens, norms.ffn + 4 * layer * s.hidden, s, m)
        wait(threads, sync)
        _ffn_block(thread, threads, sync, tokens, w, s, m)
    if logit_rows == 0:
        return
    first = tokens - logit_rows
    _normalise(thread, threads, first, tokens, norms.output, s, m)
    wait(threads, sync)
    groups = s.hidden // GROUP
    h = Activations(
        m.h + 4 * first * s.hidden,
        m.quants + first * s.hidden,
        m.scales + 4 * first * groups,
        m.corrections + first * s.hidden,
        m.totals + 4 * first * groups,
    )
    scratch = m.panels + thread * m.panel_bytes
    matmul(thread, threads, table[1], logit_rows, h, scratch, logits, 4 * s.vocab)
    wait(threads, sync)
