"""Rows of plain numbers (F32, F16, BF16): products by float32 activations, and what reads them elsewhere."""

from dataclasses import dataclass

from llvmlite import ir
from numba import types

from picoqwen_core.kernels.chunks import LANES
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.markers import Marker, marked
from picoqwen_core.kernels.simd import (
    F16,
    I16,
    I32,
    I64,
    Vector,
    load_at,
    load_scalar,
    store_at,
    store_scalar,
    vector_ops,
    widened,
)

_V = vector_ops(LANES)
_load_f32, _store_f32, _fma, _hsum = _V.load_f32, _V.store_f32, _V.fma, _V.hsum
_add, _zero = _V.add, _V.zero_f32
_FLOATS = Vector("f32", LANES)


@dataclass(frozen=True)
class Number(Marker):
    """How one number is stored; type_id: GGML's; size in bytes."""

    type_id: int
    size: int


FLOAT32, FLOAT16, BFLOAT16 = Number("F32", 0, 4), Number("F16", 1, 2), Number("BF16", 30, 2)
NUMBERS = (FLOAT32, FLOAT16, BFLOAT16)


@marked(_FLOATS, types.int64)
def load_numbers(builder, number, at):
    """LANES numbers as float32."""
    if number is FLOAT32:
        return load_at(builder, at, _FLOATS.llvm)
    if number is FLOAT16:
        return widened(builder, load_at(builder, at, ir.VectorType(F16, LANES)))
    wide = ir.VectorType(I32, LANES)
    bits = builder.zext(load_at(builder, at, ir.VectorType(I16, LANES)), wide)
    return builder.bitcast(builder.shl(bits, ir.Constant(wide, [16] * LANES)), _FLOATS.llvm)


@marked(types.void, types.int64, _FLOATS)
def store_numbers(builder, number, at, value):
    """LANES float32 as numbers of this kind; only FLOAT32 and FLOAT16."""
    store_at(builder, at, value if number is FLOAT32 else builder.fptrunc(value, ir.VectorType(F16, LANES)))


@marked(types.void, types.int64, types.float32)
def store_number(builder, number, at, value):
    """One float32 as a number of this kind; only FLOAT32 and FLOAT16."""
    store_at(builder, at, value if number is FLOAT32 else builder.fptrunc(value, F16))


@marked(types.int64)
def number_size(builder, number):
    """Bytes of a number."""
    return I64(number.size)


@kernel
def _one(number, row, cols, x):
    size = number_size(number)
    a, b = _zero(), _zero()
    for i in range(0, cols, 2 * LANES):
        a = _fma(load_numbers(number, row + size * i), _load_f32(x + 4 * i), a)
        b = _fma(load_numbers(number, row + size * (i + LANES)), _load_f32(x + 4 * (i + LANES)), b)
    return _hsum(_add(a, b))


@kernel
def float_rows(number, weights, cols, first, last, tokens, x, out, stride):
    """out[t, first:last] = rows first..last of a matrix by each token; x: float32 (tokens, cols)."""
    for r in range(first, last):
        row = weights + r * cols * number_size(number)
        for t in range(tokens):
            store_scalar(out + t * stride + 4 * r, _one(number, row, cols, x + 4 * t * cols))


@kernel
def _read(number, source, count, target):
    """target = float32 (count,), a multiple of LANES; both are addresses."""
    for i in range(0, count, LANES):
        _store_f32(target + 4 * i, load_numbers(number, source + number_size(number) * i))


@kernel
def unpack_floats(number, weights, cols, row, target):
    """target = a row of a matrix as float32 (cols,); both are addresses."""
    _read(number, weights + row * cols * number_size(number), cols, target)


@kernel
def pack_floats(number, weights, cols, first, panel, scratch):
    """Pack LANES rows, from row `first` on, into a float panel (kernels.gemm); scratch: of one row."""
    for r in range(LANES):
        unpack_floats(number, weights, cols, first + r, scratch)
        for c in range(cols):
            store_scalar(panel + 4 * (c * LANES + r), load_scalar(scratch + 4 * c))
