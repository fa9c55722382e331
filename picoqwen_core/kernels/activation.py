"""The exponential on vectors, and SwiGLU."""

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import vector_ops

_W, LANES = vector_ops(ISA.lanes), ISA.lanes
_load, _store, _fma, _mul, _add, _div = _W.load_f32, _W.store_f32, _W.fma, _W.mul, _W.add, _W.div
_sub, _zero, _splat, _rint = _W.sub, _W.zero_f32, _W.splat_f32, _W.rint
_larger, _smaller, _power_of_two = _W.larger, _W.smaller, _W.power_of_two

# Where e^x leaves the normal float32 numbers.
_LOWEST, _HIGHEST = np.float32(-87.3), np.float32(88.0)
_LOG2_E = np.float32(1.4426950408889634)
# -ln 2 in two parts, the first exact in few bits, so that x - n ln 2 keeps its precision.
_LN2_HIGH, _LN2_LOW = np.float32(-0.693359375), np.float32(2.12194440e-4)
# 1/k! of the Taylor series, whose error on |r| <= ln(2)/2 is below one unit in the last place.
_C2, _C3, _C4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
_C5, _C6, _C7 = np.float32(1 / 120), np.float32(1 / 720), np.float32(1 / 5040)
_ONE = np.float32(1)


@kernel
def exp(x):
    """e to the power of each lane; clamped to the range of normal float32 numbers."""
    x = _smaller(_larger(x, _splat(_LOWEST)), _splat(_HIGHEST))
    n = _rint(_mul(x, _splat(_LOG2_E)))
    r = _fma(n, _splat(_LN2_LOW), _fma(n, _splat(_LN2_HIGH), x))
    p = _fma(_splat(_C7), r, _splat(_C6))
    p = _fma(p, r, _splat(_C5))
    p = _fma(p, r, _splat(_C4))
    p = _fma(p, r, _splat(_C3))
    p = _fma(p, r, _splat(_C2))
    p = _fma(_mul(p, r), r, _add(r, _splat(_ONE)))
    return _mul(p, _power_of_two(n))


@kernel
def swiglu(gate, up, size):
    """gate = silu(gate) * up in place; addresses of float32 (size,), a multiple of 32."""
    for i in range(0, size, LANES):
        value = _load(gate + 4 * i)
        silu = _div(value, _add(_splat(_ONE), exp(_sub(_zero(), value))))
        _store(gate + 4 * i, _mul(silu, _load(up + 4 * i)))
