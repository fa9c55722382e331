"""Attention over a KV cache whose keys are int8, with a float16 scale for each 32 dimensions and position.

In a block of the cache keys lie as panels do in kernels.gemm, one of LANES positions after another, in the
order in which kernels.quantize leaves the quants: scores are integer products of quantized queries. Behind
all panels lie their scales, [POSITIONS / LANES][head_dim / 32][LANES]. Values are kernels.attention_values'.
"""

import math

import numpy as np

from picoqwen_core.kernels.attention_job import (
    GROUP,
    HEAD_DIM,
    KEY,
    OUT,
    OUT_STRIDE,
    PAIRS,
    POSITIONS,
    QUERIES,
    QUERY_STRIDE,
    SCORE_STRIDE,
    SCORES,
    SCRATCH,
    START,
    TOKENS,
    VALUE,
    keys_of,
    of,
    out_of,
    values_of,
)
from picoqwen_core.kernels.attention_values import (
    DIMENSIONS,
    add_block2,
    add_block4,
    ask_for_first,
    store_value,
)
from picoqwen_core.kernels.chunks import CHUNK, GROUPS, LANES, STEP
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.floats import FLOAT16, load_numbers, store_number
from picoqwen_core.kernels.quantize import UNSIGNED, Activations, quantize_row, row_of
from picoqwen_core.kernels.simd import (
    ask_for_line,
    load_i32,
    load_scalar,
    store_i32,
    vector_ops,
)
from picoqwen_core.kernels.softmax import softmax

# How far ahead keys are asked for, in positions; values half a block too. Without, a long context is read at
# half the memory's speed.
AHEAD = POSITIONS // 2
_V = vector_ops(LANES)
_store, _fma, _mul, _load_i8 = _V.store_f32, _V.fma, _V.mul, _V.load_i8
_zero, _broadcast, _broadcast4 = _V.zero_f32, _V.broadcast_f32, _V.broadcast4
_dot4, _to_f32, _splat_i32, _zero_i32 = _V.dot4, _V.to_f32, _V.splat_i32, _V.zero_i32
_FLIP = np.int32(-2139062144 if UNSIGNED else 0)  # 0x80808080


@kernel
def _rows(scratch, size):
    """Activations in a job's scratch, for rows of `size` elements: up to eight."""
    quants = scratch
    scales = quants + 8 * size
    totals = scales + size
    halves = totals + size
    return Activations(0, quants, scales, totals, halves, halves + 2 * size, 0)


@kernel
def store_key_value(kind, job):
    """Quantize and write one position, that of START; kind: attention_values.Values."""
    head_dim, block, position = of(job, HEAD_DIM), of(job, START) // POSITIONS, of(job, START) % POSITIONS
    keys, values = keys_of(job, block), values_of(job, block)
    row = _rows(of(job, SCRATCH), head_dim)
    quantize_row(of(job, KEY), head_dim, row, False)
    panel = keys + position // LANES * LANES * head_dim + 4 * (position % LANES)
    for i in range(head_dim // 4):
        store_i32(panel + 4 * LANES * i, load_i32(row.quants + 4 * i) ^ _FLIP)
    groups = head_dim // DIMENSIONS
    scales = keys + POSITIONS * head_dim
    for g in range(groups):
        at = scales + 2 * ((position // LANES * groups + g) * LANES + position % LANES)
        store_number(FLOAT16, at, load_scalar(row.scales + 4 * g))
    store_value(kind, of(job, VALUE), head_dim, values, position, row)


@kernel
def _begin(total):
    return _splat_i32(load_i32(total)) if UNSIGNED else _zero_i32()


@kernel
def _scaled(total, products, factors, at):
    return _fma(_to_f32(products), _mul(factors, _broadcast(at)), total)


@kernel
def _scores4(a, keys, head_dim, length, scores, stride):
    """scores[i, p] = query i . key p for four quantized queries; whole vectors are written."""
    b, c, d = row_of(a, 1, head_dim), row_of(a, 2, head_dim), row_of(a, 3, head_dim)
    groups = head_dim // DIMENSIONS
    for first in range(0, length, LANES):
        panel = keys + first * head_dim
        factors = keys + POSITIONS * head_dim + 2 * first * groups
        f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
        for g in range(groups):
            x = g // GROUPS * STEP + CHUNK * (g % GROUPS)
            p, q = _begin(a.totals + 4 * g), _begin(b.totals + 4 * g)
            r, s = _begin(c.totals + 4 * g), _begin(d.totals + 4 * g)
            for j in range(8):
                y = x + 4 * (j % 4) + j // 4 * CHUNK * GROUPS
                v = _load_i8(panel + LANES * y)
                p, q = _dot4(p, v, _broadcast4(a.quants + y)), _dot4(q, v, _broadcast4(b.quants + y))
                r, s = _dot4(r, v, _broadcast4(c.quants + y)), _dot4(s, v, _broadcast4(d.quants + y))
            z = load_numbers(FLOAT16, factors + 2 * LANES * g)
            f0, f1 = _scaled(f0, p, z, a.scales + 4 * g), _scaled(f1, q, z, b.scales + 4 * g)
            f2, f3 = _scaled(f2, r, z, c.scales + 4 * g), _scaled(f3, s, z, d.scales + 4 * g)
        at = scores + 4 * first
        _store(at, f0)
        _store(at + stride, f1)
        _store(at + 2 * stride, f2)
        _store(at + 3 * stride, f3)


@kernel
def _scores2(a, keys, following, head_dim, length, scores, stride):
    """The same for two queries, as many as share keys in the small models when one token is read.

    following: the next block's keys, which are asked for ahead.
    """
    b = row_of(a, 1, head_dim)
    groups = head_dim // DIMENSIONS
    for first in range(0, length, LANES):
        panel = keys + first * head_dim
        factors = keys + POSITIONS * head_dim + 2 * first * groups
        ahead = panel + AHEAD * head_dim if first < AHEAD else following + (first - AHEAD) * head_dim
        later = (first + AHEAD) % POSITIONS * 2 * groups + POSITIONS * head_dim
        for line in range(0, 2 * LANES * groups, 64):
            ask_for_line((keys if first < AHEAD else following) + later + line)
        f0, f1 = _zero(), _zero()
        for g in range(groups):
            x = g // GROUPS * STEP + CHUNK * (g % GROUPS)
            p, q = _begin(a.totals + 4 * g), _begin(b.totals + 4 * g)
            for j in range(8):
                y = x + 4 * (j % 4) + j // 4 * CHUNK * GROUPS
                v = _load_i8(panel + LANES * y)
                # In the order of memory: in that of the quants, scores came at 29 GB/s instead of 41.
                ask_for_line(ahead + LANES * (DIMENSIONS * g + 4 * j))
                p, q = _dot4(p, v, _broadcast4(a.quants + y)), _dot4(q, v, _broadcast4(b.quants + y))
            z = load_numbers(FLOAT16, factors + 2 * LANES * g)
            f0, f1 = _scaled(f0, p, z, a.scales + 4 * g), _scaled(f1, q, z, b.scales + 4 * g)
        _store(scores + 4 * first, f0)
        _store(scores + 4 * first + stride, f1)


@kernel
def attend(kind, job):
    """As kernels.attention.attend."""
    tokens, group = of(job, TOKENS), of(job, GROUP)
    if tokens * group == 2 and of(job, PAIRS) != 0:
        _attend2(kind, job, of(job, START), of(job, GROUP))
        return
    stride, head_dim, start = of(job, SCORE_STRIDE), of(job, HEAD_DIM), of(job, START)
    query_stride = of(job, QUERY_STRIDE)
    rows = _rows(of(job, SCRATCH), head_dim)
    scale = np.float32(1) / np.float32(math.sqrt(head_dim))
    last, head, scores = tokens * group - 1, 4 * head_dim, of(job, SCORES)
    for first in range(0, tokens * group, 4):
        for i in range(4):
            n = min(first + i, last)
            query = of(job, QUERIES) + n // group * query_stride + n % group * head
            quantize_row(query, head_dim, row_of(rows, i, head_dim), False)
        i0, i1, i2, i3 = first, min(first + 1, last), min(first + 2, last), min(first + 3, last)
        length = start + i3 // group + 1
        for p in range(0, length, POSITIONS):
            count = min(POSITIONS, length - p)
            _scores4(rows, keys_of(job, p // POSITIONS), head_dim, count, scores + 4 * p, stride)
        end = (length + LANES - 1) // LANES * LANES
        w0 = softmax(scores, start + i0 // group + 1, end, scale)
        w1 = softmax(scores + stride, start + i1 // group + 1, end, scale)
        w2 = softmax(scores + 2 * stride, start + i2 // group + 1, end, scale)
        w3 = softmax(scores + 3 * stride, start + i3 // group + 1, end, scale)
        o0, o1 = out_of(job, first, last), out_of(job, first + 1, last)
        o2, o3 = out_of(job, first + 2, last), out_of(job, first + 3, last)
        for p in range(0, length, POSITIONS):
            values, count = values_of(job, p // POSITIONS), min(POSITIONS, length - p)
            add_block4(
                *(kind, values, head_dim, count, p == 0, scores + 4 * p, stride),
                *(w0, w1, w2, w3, o0, o1, o2, o3),
            )


@kernel
def _attend2(kind, job, start, group):
    """Two queries: one token of two heads, or two tokens of one."""
    stride, head_dim, scores = of(job, SCORE_STRIDE), of(job, HEAD_DIM), of(job, SCORES)
    head, rows = 4 * head_dim, _rows(of(job, SCRATCH), head_dim)
    scale = np.float32(1) / np.float32(math.sqrt(head_dim))
    apart = head if group == 2 else of(job, QUERY_STRIDE)
    quantize_row(of(job, QUERIES), head_dim, rows, False)
    quantize_row(of(job, QUERIES) + apart, head_dim, row_of(rows, 1, head_dim), False)
    length = start + (1 if group == 2 else 2)
    blocks = (length + POSITIONS - 1) // POSITIONS
    for block in range(blocks):
        p, following = block * POSITIONS, keys_of(job, min(block + 1, blocks - 1))
        count = min(POSITIONS, length - p)
        _scores2(rows, keys_of(job, block), following, head_dim, count, scores + 4 * p, stride)
    # The softmax reads no memory: the first values can come meanwhile.
    ask_for_first(kind, values_of(job, 0), head_dim)
    end = (length + LANES - 1) // LANES * LANES
    w0, w1 = softmax(scores, start + 1, end, scale), softmax(scores + stride, length, end, scale)
    o0 = of(job, OUT)
    o1 = o0 + (head if group == 2 else of(job, OUT_STRIDE))
    for block in range(blocks):
        p, following = block * POSITIONS, values_of(job, min(block + 1, blocks - 1))
        values, count = values_of(job, block), min(POSITIONS, length - p)
        add_block2(
            *(kind, values, following, head_dim, count, p == 0, scores + 4 * p, stride, w0, w1, o0, o1)
        )
