"""Activations as int8 in groups of 32, for the integer products with quantized weights.

Quants lie as kernels.chunks gives the weights: in each step the first halves of all its groups, then the
second halves. Unsigned weights are too large by a constant; what that adds to a product depends on the
activations only, so their sums are kept beside them.
"""

from typing import NamedTuple

import numpy as np

from picoqwen_core.kernels.chunks import CHUNK, GROUP, GROUPS, LANES, STEP, spread_f32, store_group_sums
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.matrix import column
from picoqwen_core.kernels.simd import load_scalar, store_scalar, vector_ops

UNSIGNED = ISA.unsigned_weights
_V = vector_ops(LANES)
_load_f32, _mul, _splat_f32, _zero = _V.load_f32, _V.mul, _V.splat_f32, _V.zero_f32
_magnitude, _larger, _hmax, _store_rounded_i8 = _V.magnitude, _V.larger, _V.hmax, _V.store_rounded_i8
_load_i8, _dot4, _splat_i8, _zero_i32 = _V.load_i8, _V.dot4, _V.splat_i8, _V.zero_i32
_store_f32, _to_f32, _add_i32 = _V.store_f32, _V.to_f32, _V.add_i32
# A group whose largest value is below this is all zeros: its inverse would overflow.
_SMALLEST = np.float32(1e-30)


class Activations(NamedTuple):
    """Addresses of the rows of one product's input; row t begins `cols` elements after row t - 1.

    floats: float32 (cols,). quants: int8 (cols,). scales: float32 (cols/32,). totals: int32 (cols/32,) and
    half_totals: int32 (cols/16,), -128 x the sum of a group and of its halves. quarters: float32 (cols/32,),
    a quarter of a group's sum times its scale. records: float32 (cols/STEP, 4, LANES), for the products of
    single rows: in each lane the scale, and the scale times the sum of both dwords of the lane, of the first,
    and of the second.
    """

    floats: int
    quants: int
    scales: int
    totals: int
    half_totals: int
    quarters: int
    records: int


@kernel
def activations_at(address):
    """Activations that lie in memory as seven int64, so that they can be given by one number."""
    return Activations(
        column(address, 0),
        column(address, 1),
        column(address, 2),
        column(address, 3),
        column(address, 4),
        column(address, 5),
        column(address, 6),
    )


@kernel
def row_of(a, t, cols):
    """The Activations that begin with row t."""
    groups = cols // GROUP
    return Activations(
        a.floats + 4 * t * cols,
        a.quants + t * cols,
        a.scales + 4 * t * groups,
        a.totals + 4 * t * groups,
        a.half_totals + 8 * t * groups,
        a.quarters + 4 * t * groups,
        a.records + 2 * t * cols,
    )


@kernel
def quantize_row(x, cols, a, with_records):
    """Quantize float32 (cols,) at address x into the first row of `a`; cols: a multiple of STEP."""
    for step in range(cols // STEP):
        base = a.quants + step * STEP
        for i in range(GROUPS):
            group = step * GROUPS + i
            source, target = x + 4 * GROUP * group, base + CHUNK * i
            peaks = _zero()
            for at in range(0, GROUP, LANES):
                peaks = _larger(_magnitude(_load_f32(source + 4 * at)), peaks)
            largest = _hmax(peaks)
            inverse, factor = np.float32(0), np.float32(0)
            if largest > _SMALLEST:
                inverse, factor = np.float32(127) / largest, largest / np.float32(127)
            store_scalar(a.scales + 4 * group, factor)
            factors = _splat_f32(inverse)
            for at in range(0, CHUNK, LANES):
                _store_rounded_i8(target + at, _mul(_load_f32(source + 4 * at), factors))
                high = _mul(_load_f32(source + 4 * (CHUNK + at)), factors)
                _store_rounded_i8(target + CHUNK * GROUPS + at, high)
        _sum_step(step, base, a, with_records)


@kernel
def _sum_step(step, base, a, with_records):
    ones = _splat_i8(np.int32(1))
    low = _dot4(_zero_i32(), ones, _load_i8(base))
    high = _dot4(_zero_i32(), ones, _load_i8(base + 4 * LANES))
    if with_records:
        record, factors = a.records + 16 * LANES * step, spread_f32(a.scales + 4 * GROUPS * step)
        _store_f32(record, factors)
        _store_f32(record + 4 * LANES, _mul(factors, _to_f32(_add_i32(low, high))))
        _store_f32(record + 8 * LANES, _mul(factors, _to_f32(low)))
        _store_f32(record + 12 * LANES, _mul(factors, _to_f32(high)))
    first = step * GROUPS
    store_group_sums(a.half_totals + 8 * first, a.totals + 4 * first, a.quarters + 4 * first, low, high)
    for i in range(GROUPS):
        quarter = a.quarters + 4 * (first + i)
        store_scalar(quarter, load_scalar(quarter) * load_scalar(a.scales + 4 * (first + i)))
