"""Softmax of attention scores, and the values weighted by them."""

import numpy as np

from picoqwen_core.kernels.activation import exp
from picoqwen_core.kernels.chunks import LANES
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.simd import store_scalar, vector_ops

_V = vector_ops(LANES)
_load, _store, _mul, _add, _sub = _V.load_f32, _V.store_f32, _V.mul, _V.add, _V.sub
_zero, _splat, _larger, _hmax, _hsum = _V.zero_f32, _V.splat_f32, _V.larger, _V.hmax, _V.hsum
_NEVER = np.float32(-3e38)


@kernel
def softmax(scores, length, end, scale):
    """Turn scores into weights in place, 0 from `length` to `end`; returns 1 / their sum.

    scores: address of float32 (end,), end: a multiple of LANES. Weights are e^(scale (score - largest)).
    """
    for p in range(length, end):
        store_scalar(scores + 4 * p, _NEVER)
    peaks = _splat(_NEVER)
    for p in range(0, end, LANES):
        peaks = _larger(peaks, _load(scores + 4 * p))
    largest, factor, total = _splat(_hmax(peaks)), _splat(scale), _zero()
    for p in range(0, end, LANES):
        weights = exp(_mul(_sub(_load(scores + 4 * p), largest), factor))
        _store(scores + 4 * p, weights)
        total = _add(total, weights)
    for p in range(length, end):
        store_scalar(scores + 4 * p, np.float32(0))
    return np.float32(1) / _hsum(total)
