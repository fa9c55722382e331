"""Attention over a KV cache of int8, with a float16 scale for each 32 dimensions of each head and position.

In a block of the cache keys lie as panels do in kernels.gemm, one of LANES positions after another, in the
order in which kernels.quantize leaves the quants: scores are integer products of quantized queries. Behind
all panels lie their scales, [POSITIONS / LANES][head_dim / 32][LANES]. Values lie in stripes
[head_dim / 32][POSITIONS][32], and behind them the scales [head_dim / 32][POSITIONS].
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
from picoqwen_core.kernels.chunks import CHUNK, GROUPS, LANES, STEP
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.floats import FLOAT16, load_numbers, store_number
from picoqwen_core.kernels.quantize import UNSIGNED, Activations, quantize_row, row_of
from picoqwen_core.kernels.simd import (
    ask_for_line,
    copy_chunk,
    load_i32,
    load_scalar,
    store_i32,
    vector_ops,
)
from picoqwen_core.kernels.softmax import softmax

DIMENSIONS = 32
# How far ahead keys are asked for, in positions; values half a block too. Without, a long context is read at
# half the memory's speed.
AHEAD = POSITIONS // 2
_STRIPE = POSITIONS * DIMENSIONS
_V = vector_ops(LANES)
_load, _store, _fma, _mul, _load_i8 = _V.load_f32, _V.store_f32, _V.fma, _V.mul, _V.load_i8
_zero, _splat, _broadcast, _broadcast4 = _V.zero_f32, _V.splat_f32, _V.broadcast_f32, _V.broadcast4
_dot4, _to_f32, _splat_i32, _zero_i32 = _V.dot4, _V.to_f32, _V.splat_i32, _V.zero_i32
_load_bytes, _add = _V.load_i8_as_f32, _V.add
# Parts of DIMENSIONS that fill a vector.
_PARTS = DIMENSIONS // LANES
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
def store_key_value(job):
    """Quantize and write one position, that of START."""
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
    quantize_row(of(job, VALUE), head_dim, row, False)
    for g in range(groups):
        source = row.quants + g // GROUPS * STEP + CHUNK * (g % GROUPS)
        target = values + (g * POSITIONS + position) * DIMENSIONS
        copy_chunk(source, target)
        copy_chunk(source + CHUNK * GROUPS, target + CHUNK)
        at = values + POSITIONS * head_dim + 2 * (g * POSITIONS + position)
        store_number(FLOAT16, at, load_scalar(row.scales + 4 * g))


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
def _weigh(scores, scales, length, inverse, target):
    """target[p] = scores[p] x inverse x the scale of value p."""
    factor = _splat(inverse)
    for p in range(0, length, LANES):
        factors = _mul(factor, load_numbers(FLOAT16, scales + 2 * p))
        _store(target + 4 * p, _mul(_load(scores + 4 * p), factors))


@kernel
def _mix4(values, length, first, w, stride, o0, o1, o2, o3):
    """2 LANES dimensions of four queries: out i += sum over p of w[i, p] value p, = in the first block."""
    a0, a1, a2, a3 = _zero(), _zero(), _zero(), _zero()
    b0, b1, b2, b3 = _zero(), _zero(), _zero(), _zero()
    for p in range(length):
        at, s = values + DIMENSIONS * p, w + 4 * p
        a, b = _load_bytes(at), _load_bytes(at + LANES)
        w0, w1 = _broadcast(s), _broadcast(s + stride)
        w2, w3 = _broadcast(s + 2 * stride), _broadcast(s + 3 * stride)
        a0, b0 = _fma(a, w0, a0), _fma(b, w0, b0)
        a1, b1 = _fma(a, w1, a1), _fma(b, w1, b1)
        a2, b2 = _fma(a, w2, a2), _fma(b, w2, b2)
        a3, b3 = _fma(a, w3, a3), _fma(b, w3, b3)
    _put_two(o0, a0, b0, first)
    _put_two(o1, a1, b1, first)
    _put_two(o2, a2, b2, first)
    _put_two(o3, a3, b3, first)


@kernel
def _put_two(at, a, b, first):
    if not first:
        a, b = _add(_load(at), a), _add(_load(at + 4 * LANES), b)
    _store(at, a)
    _store(at + 4 * LANES, b)


@kernel
def _mix2(values, ahead, length, first, w, stride, o0, o1):
    """The same for two queries; ahead: values that are asked for."""
    a0, a1, b0, b1 = _zero(), _zero(), _zero(), _zero()
    c0, c1, d0, d1 = _zero(), _zero(), _zero(), _zero()
    for p in range(0, length - 1, 2):
        at, s, r = values + DIMENSIONS * p, w + 4 * p, w + 4 * p + stride
        ask_for_line(ahead + DIMENSIONS * p)
        a, b = _load_bytes(at), _load_bytes(at + LANES)
        c, d = _load_bytes(at + DIMENSIONS), _load_bytes(at + DIMENSIONS + LANES)
        w0, w1, v0, v1 = _broadcast(s), _broadcast(r), _broadcast(s + 4), _broadcast(r + 4)
        a0, b0, c0, d0 = _fma(a, w0, a0), _fma(b, w0, b0), _fma(c, v0, c0), _fma(d, v0, d0)
        a1, b1, c1, d1 = _fma(a, w1, a1), _fma(b, w1, b1), _fma(c, v1, c1), _fma(d, v1, d1)
    if length % 2:
        p = length - 1
        a, b = _load_bytes(values + DIMENSIONS * p), _load_bytes(values + DIMENSIONS * p + LANES)
        w0, w1 = _broadcast(w + 4 * p), _broadcast(w + 4 * p + stride)
        a0, b0, a1, b1 = _fma(a, w0, a0), _fma(b, w0, b0), _fma(a, w1, a1), _fma(b, w1, b1)
    _put_two(o0, _add(a0, c0), _add(b0, d0), first)
    _put_two(o1, _add(a1, c1), _add(b1, d1), first)


@kernel
def attend(job):
    """As kernels.attention.attend."""
    tokens, group = of(job, TOKENS), of(job, GROUP)
    if tokens * group == 2 and of(job, PAIRS) != 0:
        _attend2(job, of(job, START), of(job, GROUP))
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
            _add_block4(
                values, head_dim, count, p == 0, scores + 4 * p, stride, w0, w1, w2, w3, o0, o1, o2, o3
            )


@kernel
def _add_block4(values, head_dim, count, first, scores, stride, w0, w1, w2, w3, o0, o1, o2, o3):
    """A block's values into the outputs of four queries."""
    weights, scales = scores + 4 * stride, values + POSITIONS * head_dim
    for g in range(head_dim // DIMENSIONS):
        factors = scales + 2 * g * POSITIONS
        _weigh(scores, factors, count, w0, weights)
        _weigh(scores + stride, factors, count, w1, weights + stride)
        _weigh(scores + 2 * stride, factors, count, w2, weights + 2 * stride)
        _weigh(scores + 3 * stride, factors, count, w3, weights + 3 * stride)
        for part in range(0, _PARTS, 2):
            at, n = values + g * _STRIPE + part * LANES, 4 * (DIMENSIONS * g + LANES * part)
            _mix4(at, count, first, weights, stride, o0 + n, o1 + n, o2 + n, o3 + n)


@kernel
def _attend2(job, start, group):
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
    for line in range(0, AHEAD * head_dim, 64):
        ask_for_line(values_of(job, 0) + line)
    end = (length + LANES - 1) // LANES * LANES
    w0, w1 = softmax(scores, start + 1, end, scale), softmax(scores + stride, length, end, scale)
    o0 = of(job, OUT)
    o1 = o0 + (head if group == 2 else of(job, OUT_STRIDE))
    for block in range(blocks):
        p, following = block * POSITIONS, values_of(job, min(block + 1, blocks - 1))
        values, count = values_of(job, block), min(POSITIONS, length - p)
        _add_block2(values, following, head_dim, count, p == 0, scores + 4 * p, stride, w0, w1, o0, o1)


@kernel
def _add_block2(values, following, head_dim, count, first, scores, stride, w0, w1, o0, o1):
    """A block's values into the outputs of two queries; following: the next block's, asked for ahead."""
    weights, scales = scores + 4 * stride, values + POSITIONS * head_dim
    groups = head_dim // DIMENSIONS
    for g in range(groups):
        factors, later = scales + 2 * g * POSITIONS, g + groups // 2
        for line in range(0, 2 * POSITIONS, 64):
            ask_for_line(following + POSITIONS * head_dim + 2 * g * POSITIONS + line)
        _weigh(scores, factors, count, w0, weights)
        _weigh(scores + stride, factors, count, w1, weights + stride)
        ahead = values + later * _STRIPE if later < groups else following + (later - groups) * _STRIPE
        for part in range(0, _PARTS, 2):
            at, n = values + g * _STRIPE + part * LANES, 4 * (DIMENSIONS * g + LANES * part)
            _mix2(at, ahead, count, first, weights, stride, o0 + n, o1 + n)
