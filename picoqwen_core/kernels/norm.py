"""RMSNorm of one row, and the residual stream that it reads."""

import math

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import vector_ops

_W, LANES = vector_ops(ISA.lanes), ISA.lanes
_load, _store, _fma, _mul = _W.load_f32, _W.store_f32, _W.fma, _W.mul
_add, _hsum, _splat, _zero = _W.add, _W.hsum, _W.splat_f32, _W.zero_f32


@kernel
def rmsnorm(out, x, weight, size, eps):
    """out = x / rms(x) * weight; addresses of float32 (size,), a multiple of 32; out may be x."""
    a, b = _zero(), _zero()
    for i in range(0, size, 2 * LANES):
        low, high = _load(x + 4 * i), _load(x + 4 * (i + LANES))
        a, b = _fma(low, low, a), _fma(high, high, b)
    mean = _hsum(_add(a, b)) / np.float32(size)
    scale = _splat(np.float32(1) / np.float32(math.sqrt(mean + np.float32(eps))))
    for i in range(0, size, LANES):
        _store(out + 4 * i, _mul(_mul(_load(x + 4 * i), scale), _load(weight + 4 * i)))


@kernel
def accumulate(x, delta, size):
    """x += delta; addresses of float32 (size,), a multiple of 32."""
    for i in range(0, size, LANES):
        _store(x + 4 * i, _add(_load(x + 4 * i), _load(delta + 4 * i)))


@kernel
def clear(x, size):
    """x = 0; address of float32 (size,), a multiple of 32."""
    for i in range(0, size, LANES):
        _store(x + 4 * i, _zero())
