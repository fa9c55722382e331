"""Decode: weight rows as they lie in a file, each read once from front to back, by one token or four.

A row after the other is what the memory prefetcher wants. A row is unpacked once for four tokens, so that
several sequences that are answered together cost little more than one.
"""

import numpy as np

from picoqwen_core.kernels.blocks import (
    ask_for,
    bias,
    dot,
    has_halves,
    has_offsets,
    has_whole_scales,
    high,
    low,
    offset,
    row_size,
    scale,
    scale_high,
    size_of,
    steps_of,
    store_values,
    takes_time,
)
from picoqwen_core.kernels.chunks import CHUNK, GROUP, GROUPS, LANES, STEP
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.gemv_k import AHEAD, gemv_rows_k
from picoqwen_core.kernels.quantize import row_of
from picoqwen_core.kernels.simd import store_scalar, vector_ops

_V, _FEW = vector_ops(LANES), vector_ops(GROUPS)
_load_few, _fma_few, _hsum_few, _zero_few = _FEW.load_f32, _FEW.fma, _FEW.hsum, _FEW.zero_f32
_load_i8, _load_f32, _zero_i32, _splat_f32 = _V.load_i8, _V.load_f32, _V.zero_i32, _V.splat_f32
_to_f32, _fma, _hsum, _mul, _zero = _V.to_f32, _V.fma, _V.hsum, _V.mul, _V.zero_f32


@kernel
def _step(kind, w_low, w_high, s_low, s_high, mins, step, a, total, rest, few):
    """Add one step's products to `total`, sums of activations to `rest` (bias) and to `few` (offsets)."""
    quants, record = a.quants + step * STEP, a.records + 16 * LANES * step
    x_low, x_high, factors = _load_i8(quants), _load_i8(quants + 4 * LANES), _load_f32(record)
    products = dot(kind, _zero_i32(), w_low, x_low)
    if has_halves(kind):
        others = dot(kind, _zero_i32(), w_high, x_high)
        total = _fma(_to_f32(others), _mul(s_high, factors), total)
        rest = _fma(s_low, _load_f32(record + 8 * LANES), rest)
        rest = _fma(s_high, _load_f32(record + 12 * LANES), rest)
    else:
        products = dot(kind, products, w_high, x_high)
        if has_offsets(kind):
            few = _fma_few(mins, _load_few(a.quarters + 4 * GROUPS * step), few)
        elif bias(kind) != 0:
            rest = _fma(s_low, _load_f32(record + 4 * LANES), rest)
    return _fma(_to_f32(products), _mul(s_low, factors), total), rest, few


@kernel
def _sum(kind, total, rest, few):
    """The product of a row: of offsets a quarter was summed, biases were only counted."""
    if has_offsets(kind):
        return _hsum(total) + np.float32(4) * _hsum_few(few)
    return _hsum(_fma(rest, _splat_f32(-bias(kind)), total))


@kernel
def _one(kind, row, scales, cols, a):
    """A row by one token."""
    total, rest, few = _zero(), _zero(), _zero_few()
    steps, size = steps_of(kind), size_of(kind)
    for block in range(cols // (STEP * steps)):
        at = row + block * size
        ask_for(kind, at + AHEAD)
        for k in range(steps):
            step = block * steps + k
            w_low, w_high, mins = low(kind, at, k), high(kind, at, k), offset(kind, at, k)
            s_low = scale(kind, at, k, scales + 4 * GROUPS * step)
            s_high = scale_high(kind, at, k, scales + 4 * GROUPS * step)
            total, rest, few = _step(kind, w_low, w_high, s_low, s_high, mins, step, a, total, rest, few)
    return _sum(kind, total, rest, few)


@kernel
def _pair(kind, row, apart, scales, scales_apart, cols, a, out):
    """Two rows by one token: its quants are loaded once for both."""
    t0, m0, n0 = _zero(), _zero(), _zero_few()
    t1, m1, n1 = _zero(), _zero(), _zero_few()
    steps, size = steps_of(kind), size_of(kind)
    for block in range(cols // (STEP * steps)):
        at = row + block * size
        ask_for(kind, row + 2 * block * size + AHEAD)
        ask_for(kind, row + 2 * block * size + size + AHEAD)
        for k in range(steps):
            step = block * steps + k
            where = scales + 4 * GROUPS * step
            w_low, w_high, mins = low(kind, at, k), high(kind, at, k), offset(kind, at, k)
            s_low, s_high = scale(kind, at, k, where), scale_high(kind, at, k, where)
            t0, m0, n0 = _step(kind, w_low, w_high, s_low, s_high, mins, step, a, t0, m0, n0)
            at, where = at + apart, where + scales_apart
            w_low, w_high, mins = low(kind, at, k), high(kind, at, k), offset(kind, at, k)
            s_low, s_high = scale(kind, at, k, where), scale_high(kind, at, k, where)
            t1, m1, n1 = _step(kind, w_low, w_high, s_low, s_high, mins, step, a, t1, m1, n1)
            at = at - apart
    store_scalar(out, _sum(kind, t0, m0, n0))
    store_scalar(out + 4, _sum(kind, t1, m1, n1))


@kernel
def _four(kind, row, scales, cols, a, out, stride):
    """A row by four tokens."""
    b, c, d = row_of(a, 1, cols), row_of(a, 2, cols), row_of(a, 3, cols)
    t0, t1, t2, t3 = _zero(), _zero(), _zero(), _zero()
    m0, m1, m2, m3 = _zero(), _zero(), _zero(), _zero()
    n0, n1, n2, n3 = _zero_few(), _zero_few(), _zero_few(), _zero_few()
    steps, size = steps_of(kind), size_of(kind)
    for block in range(cols // (STEP * steps)):
        at = row + block * size
        ask_for(kind, at + AHEAD)
        for k in range(steps):
            step = block * steps + k
            w_low, w_high, mins = low(kind, at, k), high(kind, at, k), offset(kind, at, k)
            s_low = scale(kind, at, k, scales + 4 * GROUPS * step)
            s_high = scale_high(kind, at, k, scales + 4 * GROUPS * step)
            t0, m0, n0 = _step(kind, w_low, w_high, s_low, s_high, mins, step, a, t0, m0, n0)
            t1, m1, n1 = _step(kind, w_low, w_high, s_low, s_high, mins, step, b, t1, m1, n1)
            t2, m2, n2 = _step(kind, w_low, w_high, s_low, s_high, mins, step, c, t2, m2, n2)
            t3, m3, n3 = _step(kind, w_low, w_high, s_low, s_high, mins, step, d, t3, m3, n3)
    store_scalar(out, _sum(kind, t0, m0, n0))
    store_scalar(out + stride, _sum(kind, t1, m1, n1))
    store_scalar(out + 2 * stride, _sum(kind, t2, m2, n2))
    store_scalar(out + 3 * stride, _sum(kind, t3, m3, n3))


@kernel
def gemv_rows(kind, weights, scales, cols, first, last, tokens, a, out, stride):
    """out[t, first:last] = rows first..last of a matrix by each token.

    kind: marker of kernels.blocks; addresses: weights and scales of row 0, a: Activations, out: of float32
    with `stride` bytes between tokens.
    """
    if has_whole_scales(kind):
        gemv_rows_k(kind, weights, cols, first, last, tokens, a, out, stride)
        return
    size, groups = row_size(kind, cols), cols // GROUP
    if tokens == 1 and takes_time(kind):
        for r in range(first, last - 1, 2):
            row, row_scales = weights + r * size, scales + 4 * r * groups
            _pair(kind, row, size, row_scales, 4 * groups, cols, a, out + 4 * r)
        first = max(first, last - (last - first) % 2)
    for r in range(first, last):
        row, row_scales = weights + r * size, scales + 4 * r * groups
        for t in range(0, tokens - 3, 4):
            _four(kind, row, row_scales, cols, row_of(a, t, cols), out + t * stride + 4 * r, stride)
        for t in range(tokens // 4 * 4, tokens):
            store_scalar(out + t * stride + 4 * r, _one(kind, row, row_scales, cols, row_of(a, t, cols)))


@kernel
def unpack_row(kind, weights, scales, cols, r, target):
    """target = row r of a matrix as float32 (cols,); all by address. For the embedding."""
    row, row_scales = weights + r * row_size(kind, cols), scales + 4 * r * (cols // GROUP)
    steps = steps_of(kind)
    for step in range(cols // STEP):
        at, k, out = row + step // steps * size_of(kind), step % steps, target + 4 * STEP * step
        s_low, mins = scale(kind, at, k, row_scales + 4 * GROUPS * step), offset(kind, at, k)
        store_values(kind, low(kind, at, k), s_low, mins, out)
        s_high = scale_high(kind, at, k, row_scales) if has_halves(kind) else s_low
        store_values(kind, high(kind, at, k), s_high, mins, out + 4 * CHUNK)
