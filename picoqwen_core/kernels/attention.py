"""Causal grouped-query attention over a KV cache of float32 or float16, four queries of one head at a time.

A block of the cache is laid out for it (model.kv_cache): keys in panels [POSITIONS / LANES][head_dim][LANES],
so that a vector holds one dimension of LANES positions and scores need no sums over lanes; values in stripes
[head_dim / BLOCK][POSITIONS][BLOCK], so that each stripe is read from front to back.
"""

import math

import numpy as np

from picoqwen_core.kernels.attention_job import (
    GROUP,
    HEAD_DIM,
    KEY,
    POSITIONS,
    QUERIES,
    QUERY_STRIDE,
    SCORE_STRIDE,
    SCORES,
    START,
    TOKENS,
    VALUE,
    keys_of,
    of,
    out_of,
    values_of,
)
from picoqwen_core.kernels.chunks import LANES
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.floats import load_numbers, number_size, store_number, store_numbers
from picoqwen_core.kernels.simd import load_scalar, vector_ops
from picoqwen_core.kernels.softmax import softmax

# Positions that are scored together.
BLOCK = 2 * LANES
_V = vector_ops(LANES)
_load, _store, _fma, _mul, _add = _V.load_f32, _V.store_f32, _V.fma, _V.mul, _V.add
_zero, _splat, _broadcast = _V.zero_f32, _V.splat_f32, _V.broadcast_f32


@kernel
def store_key_value(number, job):
    """Write one position, that of START."""
    key, value, head_dim = of(job, KEY), of(job, VALUE), of(job, HEAD_DIM)
    block, position = of(job, START) // POSITIONS, of(job, START) % POSITIONS
    keys, values = keys_of(job, block), values_of(job, block)
    size = number_size(number)
    panel = keys + size * (position // LANES * head_dim * LANES + position % LANES)
    for d in range(head_dim):
        store_number(number, panel + size * d * LANES, load_scalar(key + 4 * d))
    for d in range(0, head_dim, BLOCK):
        target = values + size * (d * POSITIONS + position * BLOCK)
        store_numbers(number, target, _load(value + 4 * d))
        store_numbers(number, target + size * LANES, _load(value + 4 * (d + LANES)))


@kernel
def _scores(number, q0, q1, q2, q3, keys, head_dim, length, scores, stride):
    """scores[i, p] = query i . key p, float32 with `stride` bytes between rows; whole blocks are written."""
    size = number_size(number) * LANES
    for first in range(0, length, BLOCK):
        low = keys + first // LANES * size * head_dim
        high = low + size * head_dim
        a0, a1, a2, a3 = _zero(), _zero(), _zero(), _zero()
        b0, b1, b2, b3 = _zero(), _zero(), _zero(), _zero()
        for d in range(head_dim):
            a, b = load_numbers(number, low + size * d), load_numbers(number, high + size * d)
            x0, x1 = _broadcast(q0 + 4 * d), _broadcast(q1 + 4 * d)
            x2, x3 = _broadcast(q2 + 4 * d), _broadcast(q3 + 4 * d)
            a0, b0 = _fma(a, x0, a0), _fma(b, x0, b0)
            a1, b1 = _fma(a, x1, a1), _fma(b, x1, b1)
            a2, b2 = _fma(a, x2, a2), _fma(b, x2, b2)
            a3, b3 = _fma(a, x3, a3), _fma(b, x3, b3)
        at = scores + 4 * first
        _store_two(at, a0, b0)
        _store_two(at + stride, a1, b1)
        _store_two(at + 2 * stride, a2, b2)
        _store_two(at + 3 * stride, a3, b3)


@kernel
def _store_two(at, a, b):
    _store(at, a)
    _store(at + 4 * LANES, b)


@kernel
def _add_two(at, a, b, factor, first):
    """Multiply two vectors by a factor, and put them to memory, or add them to what stands there."""
    a, b = _mul(a, _splat(factor)), _mul(b, _splat(factor))
    if not first:
        a, b = _add(_load(at), a), _add(_load(at + 4 * LANES), b)
    _store_two(at, a, b)


@kernel
def _mix(number, values, head_dim, length, first, scores, stride, i0, i1, i2, i3, o0, o1, o2, o3):
    """out i (in the first block: = or else +=) inverse i x sum over p of weight[i, p] value p."""
    size = number_size(number)
    for d in range(0, head_dim, BLOCK):
        stripe = values + size * d * POSITIONS
        a0, a1, a2, a3 = _zero(), _zero(), _zero(), _zero()
        b0, b1, b2, b3 = _zero(), _zero(), _zero(), _zero()
        for p in range(length):
            at, s = stripe + size * BLOCK * p, scores + 4 * p
            a, b = load_numbers(number, at), load_numbers(number, at + size * LANES)
            w0, w1 = _broadcast(s), _broadcast(s + stride)
            w2, w3 = _broadcast(s + 2 * stride), _broadcast(s + 3 * stride)
            a0, b0 = _fma(a, w0, a0), _fma(b, w0, b0)
            a1, b1 = _fma(a, w1, a1), _fma(b, w1, b1)
            a2, b2 = _fma(a, w2, a2), _fma(b, w2, b2)
            a3, b3 = _fma(a, w3, a3), _fma(b, w3, b3)
        _add_two(o0 + 4 * d, a0, b0, i0, first)
        _add_two(o1 + 4 * d, a1, b1, i1, first)
        _add_two(o2 + 4 * d, a2, b2, i2, first)
        _add_two(o3 + 4 * d, a3, b3, i3, first)


@kernel
def attend(number, job):
    """out = softmax(query . keys / sqrt(head_dim)) . values, for the heads that share keys.

    The cache holds positions 0 to START + TOKENS.
    """
    tokens, group, start = of(job, TOKENS), of(job, GROUP), of(job, START)
    stride, head_dim, scores = of(job, SCORE_STRIDE), of(job, HEAD_DIM), of(job, SCORES)
    queries, query_stride = of(job, QUERIES), of(job, QUERY_STRIDE)
    scale = np.float32(1) / np.float32(math.sqrt(head_dim))
    last, head = tokens * group - 1, 4 * head_dim
    for first in range(0, tokens * group, 4):
        # Four at a time; what is missing at the end repeats the last one.
        i0, i1, i2, i3 = first, min(first + 1, last), min(first + 2, last), min(first + 3, last)
        t0, t1, t2, t3 = i0 // group, i1 // group, i2 // group, i3 // group
        h0, h1, h2, h3 = i0 % group * head, i1 % group * head, i2 % group * head, i3 % group * head
        length = start + t3 + 1
        q0, q1 = queries + t0 * query_stride + h0, queries + t1 * query_stride + h1
        q2, q3 = queries + t2 * query_stride + h2, queries + t3 * query_stride + h3
        for p in range(0, length, POSITIONS):
            keys, count = keys_of(job, p // POSITIONS), min(POSITIONS, length - p)
            _scores(number, q0, q1, q2, q3, keys, head_dim, count, scores + 4 * p, stride)
        end = (length + LANES - 1) // LANES * LANES
        w0 = softmax(scores, start + t0 + 1, end, scale)
        w1 = softmax(scores + stride, start + t1 + 1, end, scale)
        w2 = softmax(scores + 2 * stride, start + t2 + 1, end, scale)
        w3 = softmax(scores + 3 * stride, start + t3 + 1, end, scale)
        o0, o1 = out_of(job, first, last), out_of(job, first + 1, last)
        o2, o3 = out_of(job, first + 2, last), out_of(job, first + 3, last)
        for p in range(0, length, POSITIONS):
            values, count = values_of(job, p // POSITIONS), min(POSITIONS, length - p)
            _mix(
                *(number, values, head_dim, count, p == 0, scores + 4 * p, stride),
                *(w0, w1, w2, w3, o0, o1, o2, o3),
            )
