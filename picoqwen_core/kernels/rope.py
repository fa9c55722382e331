"""Rotary position embedding, half-split as Qwen3 has it."""

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import vector_ops

_W, LANES = vector_ops(ISA.lanes), ISA.lanes
_load, _store, _fma, _mul, _sub = _W.load_f32, _W.store_f32, _W.fma, _W.mul, _W.sub


@kernel
def rope(x, cos, sin, half):
    """Rotate pairs (i, i + half) of x in place; addresses of float32: x (2 half,), cos and sin (half,)."""
    for i in range(0, half, LANES):
        low, high = x + 4 * i, x + 4 * (i + half)
        a, b = _load(low), _load(high)
        c, s = _load(cos + 4 * i), _load(sin + 4 * i)
        _store(low, _sub(_mul(a, c), _mul(b, s)))
        _store(high, _fma(b, c, _mul(a, s)))
