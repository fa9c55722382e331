"""Decode for the K formats whose whole-numbered scales are taken into the integer products.

As kernels.gemv, a super-block at a time. A row's sum does not depend on how many tokens are read beside it.
"""

import numpy as np

from picoqwen_core.kernels.blocks import (
    ask_for,
    has_offsets,
    minima,
    row_size,
    super_scale,
    whole_products,
)
from picoqwen_core.kernels.chunks import LANES, STEP
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.quantize import row_of
from picoqwen_core.kernels.simd import store_scalar, vector_ops

COLUMNS = 256
# How far ahead weights are asked for: hardware prefetchers stop at the end of a 4096-byte page. Two pages
# gave 38 GB/s where one gave 31 and three 33.
AHEAD = 8192
_V = vector_ops(LANES)
_load, _to_f32, _fma, _mul, _hsum, _zero = _V.load_f32, _V.to_f32, _V.fma, _V.mul, _V.hsum, _V.zero_f32
_splat = _V.splat_f32
_first, _second, _third, _fourth = whole_products


@kernel
def _block(kind, at, a, block, total, rest):
    """Add the products of the super-block at an address to `total`, and what offsets give to `rest`."""
    quants, record, apart = a.quants + COLUMNS * block, a.records + 2 * COLUMNS * block, 16 * LANES
    some = _mul(_to_f32(_first(kind, at, quants)), _load(record))
    some = _fma(_to_f32(_second(kind, at, quants + STEP)), _load(record + apart), some)
    some = _fma(_to_f32(_third(kind, at, quants + 2 * STEP)), _load(record + 2 * apart), some)
    some = _fma(_to_f32(_fourth(kind, at, quants + 3 * STEP)), _load(record + 3 * apart), some)
    if has_offsets(kind):
        rest = _fma(minima(kind, at), _load(a.quarters + 4 * LANES * block), rest)
    return _fma(super_scale(kind, at), some, total), rest


@kernel
def _sum(total, rest):
    return _hsum(_fma(rest, _splat(np.float32(4)), total))


@kernel
def _one(kind, row, cols, a):
    """A row by one token."""
    total, rest, size = _zero(), _zero(), row_size(kind, COLUMNS)
    for block in range(cols // COLUMNS):
        at = row + block * size
        ask_for(kind, at + AHEAD)
        total, rest = _block(kind, at, a, block, total, rest)
    return _sum(total, rest)


@kernel
def _four(kind, row, cols, a, out, stride):
    """A row by four tokens."""
    b, c, d = row_of(a, 1, cols), row_of(a, 2, cols), row_of(a, 3, cols)
    t0, t1, t2, t3 = _zero(), _zero(), _zero(), _zero()
    r0, r1, r2, r3 = _zero(), _zero(), _zero(), _zero()
    size = row_size(kind, COLUMNS)
    for block in range(cols // COLUMNS):
        at = row + block * size
        ask_for(kind, at + AHEAD)
        t0, r0 = _block(kind, at, a, block, t0, r0)
        t1, r1 = _block(kind, at, b, block, t1, r1)
        t2, r2 = _block(kind, at, c, block, t2, r2)
        t3, r3 = _block(kind, at, d, block, t3, r3)
    store_scalar(out, _sum(t0, r0))
    store_scalar(out + stride, _sum(t1, r1))
    store_scalar(out + 2 * stride, _sum(t2, r2))
    store_scalar(out + 3 * stride, _sum(t3, r3))


@kernel
def gemv_rows_k(kind, weights, cols, first, last, tokens, a, out, stride):
    """As kernels.gemv.gemv_rows."""
    size = row_size(kind, cols)
    for r in range(first, last):
        row = weights + r * size
        for t in range(0, tokens - 3, 4):
            _four(kind, row, cols, row_of(a, t, cols), out + t * stride + 4 * r, stride)
        for t in range(tokens // 4 * 4, tokens):
            store_scalar(out + t * stride + 4 * r, _one(kind, row, cols, row_of(a, t, cols)))
