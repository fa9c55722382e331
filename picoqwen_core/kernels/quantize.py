"""Activations as int8 in groups of 32, for the integer products with quantized weights.

Where the dot product takes weights as unsigned bytes, they are 128 too large; what that adds to a product
depends on the activations only, so it is computed here once and taken off where accumulators begin.
"""

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import store_i32, store_scalar, vector_ops

GROUP = 32
UNSIGNED = ISA.unsigned_weights
_W, _S = vector_ops(ISA.wide_lanes), vector_ops(ISA.lanes)
_STEP, _PART = ISA.wide_lanes, 4 * ISA.lanes
_load_f32, _mul, _splat_f32, _zero = _W.load_f32, _W.mul, _W.splat_f32, _W.zero_f32
_magnitude, _larger, _hmax, _store_rounded_i8 = _W.magnitude, _W.larger, _W.hmax, _W.store_rounded_i8
_load_i8, _dot4, _splat_i8, _store_i32 = _S.load_i8, _S.dot4, _S.splat_i8, _S.store_i32
_zero_i32, _sub_i32, _hsum_i32 = _S.zero_i32, _S.sub_i32, _S.hsum_i32
# A group whose largest value is below this is all zeros: its inverse would overflow.
_SMALLEST = np.float32(1e-30)


@kernel
def quantize_row(x, cols, quants, scales, corrections, totals):
    """Quantize one row; everything is given by address.

    x: float32 (cols,). quants: int8 (cols,). scales: float32 (cols/32,). Only where weights are unsigned,
    corrections: int32 (cols/4,), -128 x the sum of each 4 quants; totals: int32 (cols/32,), their sums over
    each group.
    """
    for group in range(cols // GROUP):
        source, target = x + 4 * GROUP * group, quants + GROUP * group
        peaks = _zero()
        for i in range(0, GROUP, _STEP):
            peaks = _larger(_magnitude(_load_f32(source + 4 * i)), peaks)
        largest = _hmax(peaks)
        store_scalar(scales + 4 * group, largest / np.float32(127))
        inverse = _splat_f32(np.float32(127) / largest if largest > _SMALLEST else np.float32(0))
        for i in range(0, GROUP, _STEP):
            _store_rounded_i8(target + i, _mul(_load_f32(source + 4 * i), inverse))
    if UNSIGNED:
        _correct(cols, quants, corrections, totals)


@kernel
def _correct(cols, quants, corrections, totals):
    # As an unsigned byte, -128 is 128.
    factors = _splat_i8(np.int32(-128))
    for group in range(cols // GROUP):
        total = np.int32(0)
        for at in range(GROUP * group, GROUP * (group + 1), _PART):
            correction = _sub_i32(_zero_i32(), _dot4(_zero_i32(), factors, _load_i8(quants + at)))
            _store_i32(corrections + at, correction)
            total += _hsum_i32(correction)
        store_i32(totals + 4 * group, total)
