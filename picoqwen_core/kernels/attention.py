"""Causal grouped-query attention over the KV cache, four queries of one key-value head at a time.

The cache is laid out for it (model.kv_cache): keys in panels [positions / P][head_dim][P], so that a vector
holds one dimension of P positions and scores need no sums over lanes; values in stripes
[head_dim / 2P][capacity][2P], so that each stripe is read from front to back. P is ISA.wide_lanes.
"""

import math

import numpy as np

from picoqwen_core.kernels.activation import exp
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import load_scalar, store_scalar, vector_ops

P = ISA.wide_lanes
# Positions that are scored together: capacities are rounded up to them.
BLOCK = 2 * P
_W = vector_ops(P)
_load, _store, _fma, _mul, _add, _sub = _W.load_f32, _W.store_f32, _W.fma, _W.mul, _W.add, _W.sub
_zero, _splat, _broadcast = _W.zero_f32, _W.splat_f32, _W.broadcast_f32
_larger, _hmax, _hsum = _W.larger, _W.hmax, _W.hsum
_NEVER = np.float32(-3e38)


@kernel
def store_key_value(key, value, keys, values, position, capacity, head_dim):
    """Write one position; key, value: addresses of float32 (head_dim,), keys, values: of one head's cache."""
    panel = keys + 4 * (position // P * head_dim * P + position % P)
    for d in range(head_dim):
        store_scalar(panel + 4 * d * P, load_scalar(key + 4 * d))
    for d in range(0, head_dim, BLOCK):
        target = values + 4 * (d * capacity + position * BLOCK)
        _store(target, _load(value + 4 * d))
        _store(target + 4 * P, _load(value + 4 * (d + P)))


@kernel
def _scores(q0, q1, q2, q3, keys, head_dim, length, scores, stride):
    """scores[i, p] = query i . key p, float32 with `stride` bytes between rows; whole blocks are written."""
    for first in range(0, length, BLOCK):
        low = keys + 4 * first * head_dim
        high = low + 4 * P * head_dim
        a0, a1, a2, a3 = _zero(), _zero(), _zero(), _zero()
        b0, b1, b2, b3 = _zero(), _zero(), _zero(), _zero()
        for d in range(head_dim):
            a, b = _load(low + 4 * P * d), _load(high + 4 * P * d)
            x0, x1 = _broadcast(q0 + 4 * d), _broadcast(q1 + 4 * d)
            x2, x3 = _broadcast(q2 + 4 * d), _broadcast(q3 + 4 * d)
            a0, b0 = _fma(a, x0, a0), _fma(b, x0, b0)
            a1, b1 = _fma(a, x1, a1), _fma(b, x1, b1)
            a2, b2 = _fma(a, x2, a2), _fma(b, x2, b2)
            a3, b3 = _fma(a, x3, a3), _fma(b, x3, b3)
        at = scores + 4 * first
        _store(at, a0)
        _store(at + 4 * P, b0)
        _store(at + stride, a1)
        _store(at + stride + 4 * P, b1)
        _store(at + 2 * stride, a2)
        _store(at + 2 * stride + 4 * P, b2)
        _store(at + 3 * stride, a3)
        _store(at + 3 * stride + 4 * P, b3)


@kernel
def _softmax(scores, length, end, scale):
    """Turn scores into weights in place, 0 from `length` to `end`; returns 1 / their sum.

    scores: address of float32 (end,), end: a multiple of P. Weights are e^(scale (score - largest)).
    """
    for p in range(length, end):
        store_scalar(scores + 4 * p, _NEVER)
    peaks = _splat(_NEVER)
    for p in range(0, end, P):
        peaks = _larger(peaks, _load(scores + 4 * p))
    largest, factor, total = _splat(_hmax(peaks)), _splat(scale), _zero()
    for p in range(0, end, P):
        weights = exp(_mul(_sub(_load(scores + 4 * p), largest), factor))
        _store(scores + 4 * p, weights)
        total = _add(total, weights)
    for p in range(length, end):
        store_scalar(scores + 4 * p, np.float32(0))
    return np.float32(1) / _hsum(total)


@kernel
def _mix(values, stripe_bytes, head_dim, length, scores, stride, i0, i1, i2, i3, o0, o1, o2, o3):
    """out i = inverse i x sum over p of weight[i, p] value p."""
    for d in range(0, head_dim, BLOCK):
        stripe = values + d // BLOCK * stripe_bytes
        a0, a1, a2, a3 = _zero(), _zero(), _zero(), _zero()
        b0, b1, b2, b3 = _zero(), _zero(), _zero(), _zero()
        for p in range(length):
            at, s = stripe + 4 * BLOCK * p, scores + 4 * p
            a, b = _load(at), _load(at + 4 * P)
            w0, w1 = _broadcast(s), _broadcast(s + stride)
            w2, w3 = _broadcast(s + 2 * stride), _broadcast(s + 3 * stride)
            a0, b0 = _fma(a, w0, a0), _fma(b, w0, b0)
            a1, b1 = _fma(a, w1, a1), _fma(b, w1, b1)
            a2, b2 = _fma(a, w2, a2), _fma(b, w2, b2)
            a3, b3 = _fma(a, w3, a3), _fma(b, w3, b3)
        _store_pair(o0 + 4 * d, a0, b0, i0)
        _store_pair(o1 + 4 * d, a1, b1, i1)
        _store_pair(o2 + 4 * d, a2, b2, i2)
        _store_pair(o3 + 4 * d, a3, b3, i3)


@kernel
def _store_pair(at, a, b, factor):
    factors = _splat(factor)
    _store(at, _mul(a, factors))
    _store(at + 4 * P, _mul(b, factors))


@kernel
def attend(
    queries, query_stride, out, out_stride, group, tokens, start, keys, values, capacity, head_dim, scores
):
    """out = softmax(query . keys / sqrt(head_dim)) . values, for the `group` heads that share keys.

    queries, out: addresses of float32, the first head of the first of `tokens` tokens, the heads one after
    the other, with a stride in bytes between tokens; keys, values: the heads' cache, where positions 0 to
    start + tokens have been written; scores: scratch of float32 (4, capacity).
    """
    scale = np.float32(1) / np.float32(math.sqrt(head_dim))
    stride, last = 4 * capacity, tokens * group - 1
    for first in range(0, tokens * group, 4):
        # Four at a time; what is missing at the end repeats the last one.
        i0, i1, i2, i3 = first, min(first + 1, last), min(first + 2, last), min(first + 3, last)
        t0, t1, t2, t3 = i0 // group, i1 // group, i2 // group, i3 // group
        h0, h1, h2, h3 = i0 % group, i1 % group, i2 % group, i3 % group
        length, head = start + t3 + 1, 4 * head_dim
        _scores(
            queries + t0 * query_stride + h0 * head,
            queries + t1 * query_stride + h1 * head,
            queries + t2 * query_stride + h2 * head,
            queries + t3 * query_stride + h3 * head,
            keys,
            head_dim,
            length,
            scores,
            stride,
        )
        end = (length + P - 1) // P * P
        _mix(
            values,
            4 * BLOCK * capacity,
            head_dim,
            length,
            scores,
            stride,
            _softmax(scores, start + t0 + 1, end, scale),
            _softmax(scores + stride, start + t1 + 1, end, scale),
            _softmax(scores + 2 * stride, start + t2 + 1, end, scale),
            _softmax(scores + 3 * stride, start + t3 + 1, end, scale),
            out + t0 * out_stride + h0 * head,
            out + t1 * out_stride + h1 * head,
            out + t2 * out_stride + h2 * head,
            out + t3 * out_stride + h3 * head,
        )
