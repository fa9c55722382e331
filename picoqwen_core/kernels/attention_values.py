"""Values of an integer KV cache, in int8 or int4, with a float16 scale for each 32 dimensions and position.

In a block of the cache they lie in stripes [head_dim / 32][POSITIONS][32 numbers], and their scales behind
those, [head_dim / 32][POSITIONS]. A byte of int4 holds dimension i of its 32 in the low and i + 16 in the
high nibble, as two's complement. Keys and softmax are kernels.attention_int8's.
"""

from dataclasses import dataclass

import numpy as np
from llvmlite import ir
from numba import types

from picoqwen_core.kernels.attention_job import POSITIONS
from picoqwen_core.kernels.chunks import CHUNK, GROUPS, LANES, STEP
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.floats import FLOAT16, load_numbers, store_number
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.markers import Marker, marked
from picoqwen_core.kernels.quantize import quantize_row
from picoqwen_core.kernels.simd import (
    I8,
    I32,
    I64,
    Vector,
    ask_for_line,
    call_llvm,
    copy_chunk,
    load_at,
    load_scalar,
    operation,
    store_at,
    vector_ops,
)

DIMENSIONS = 32
_V = vector_ops(LANES)
_load, _store, _fma, _mul, _add, _sub = _V.load_f32, _V.store_f32, _V.fma, _V.mul, _V.add, _V.sub
_zero, _splat, _broadcast = _V.zero_f32, _V.splat_f32, _V.broadcast_f32
_larger, _smaller, _rint, _hmax = _V.larger, _V.smaller, _V.rint, _V.hmax
_FLOATS = Vector("f32", LANES)
_WHOLE, _BYTES = ir.VectorType(I32, LANES), ir.VectorType(I8, LANES)
# A group whose largest value is below this is all zeros: its inverse would overflow.
_SMALLEST = np.float32(1e-30)


@dataclass(frozen=True)
class Values(Marker):
    """How values are stored, in so many bits each."""

    bits: int


INT8, INT4 = Values("int8 values", 8), Values("int4 values", 4)


@marked(types.int64)
def _group_bytes(builder, values):
    """Of 32 values of one position."""
    return I64(DIMENSIONS * values.bits // 8)


@marked(types.boolean)
def _are_int4(builder, values):
    return ir.Constant(ir.IntType(1), int(values.bits == INT4.bits))


@marked(_FLOATS, types.int64)
def _first_half(builder, values, at):
    """LANES of the first 16 dimensions; at: the address of the first one."""
    stored = load_at(builder, at, _BYTES)
    if values.bits == INT8.bits:
        return builder.sitofp(stored, _FLOATS.llvm)
    if LANES == CHUNK and ISA.name == "avx512_vnni":
        return _looked_up(builder, builder.zext(stored, _WHOLE))
    up = builder.shl(builder.sext(stored, _WHOLE), _every(28))
    return builder.sitofp(builder.ashr(up, _every(28)), _FLOATS.llvm)


@marked(_FLOATS, types.int64)
def _second_half(builder, values, at):
    """LANES of the other 16; at: as for the first."""
    if values.bits == INT8.bits:
        behind = builder.add(at, I64(CHUNK))
        return builder.sitofp(load_at(builder, behind, _BYTES), _FLOATS.llvm)
    stored = load_at(builder, at, _BYTES)
    if LANES == CHUNK and ISA.name == "avx512_vnni":
        return _looked_up(builder, builder.lshr(builder.zext(stored, _WHOLE), _every(4)))
    return builder.sitofp(builder.ashr(builder.sext(stored, _WHOLE), _every(4)), _FLOATS.llvm)


def _looked_up(builder, nibbles):
    """AVX-512 looks floats up in a register by the low 4 bits of numbers: no mask, no conversion."""
    table = ir.Constant(_FLOATS.llvm, [float((n + 8) % 16 - 8) for n in range(16)])
    return call_llvm(builder, "llvm.x86.avx512.permvar.sf.512", _FLOATS.llvm, [table, nibbles])


def _every(number):
    return ir.Constant(_WHOLE, [number] * LANES)


@operation(types.void, types.int64, _FLOATS, _FLOATS)
def _store_nibbles(builder, at, low, high):
    """Whole numbers from -8 to 7, as LANES bytes."""
    low, high = builder.fptosi(low, _WHOLE), builder.fptosi(high, _WHOLE)
    both = builder.or_(builder.and_(low, _every(15)), builder.shl(high, _every(4)))
    store_at(builder, at, builder.trunc(both, _BYTES))


@kernel
def store_value(kind, value, head_dim, values, position, row):
    """Quantize float32 (head_dim,) at an address into a block's values; row: Activations to work in."""
    size, groups = _group_bytes(kind), head_dim // DIMENSIONS
    scales = values + POSITIONS * groups * size
    if not _are_int4(kind):
        quantize_row(value, head_dim, row, False)
    for g in range(groups):
        target = values + (g * POSITIONS + position) * size
        if _are_int4(kind):
            scale = _store_int4(value + 4 * DIMENSIONS * g, target)
        else:
            source = row.quants + g // GROUPS * STEP + CHUNK * (g % GROUPS)
            copy_chunk(source, target)
            copy_chunk(source + CHUNK * GROUPS, target + CHUNK)
            scale = load_scalar(row.scales + 4 * g)
        store_number(FLOAT16, scales + 2 * (g * POSITIONS + position), scale)


@kernel
def _store_int4(value, target):
    """Quantize 32 values so that the one that is farthest from zero becomes -8; returns the scale."""
    highest, lowest = _zero(), _zero()
    for i in range(0, DIMENSIONS, LANES):
        x = _load(value + 4 * i)
        highest, lowest = _larger(highest, x), _larger(lowest, _sub(_zero(), x))
    above, below = _hmax(highest), _hmax(lowest)
    extreme = above if above > below else -below
    scale, inverse = np.float32(0), np.float32(0)
    if max(above, below) > _SMALLEST:
        scale, inverse = extreme / np.float32(-8), np.float32(-8) / extreme
    factor, most = _splat(inverse), _splat(np.float32(7))
    for i in range(0, CHUNK, LANES):
        low = _rint(_mul(_load(value + 4 * i), factor))
        high = _rint(_mul(_load(value + 4 * (i + CHUNK)), factor))
        _store_nibbles(target + i, _smaller(low, most), _smaller(high, most))
    return scale


@kernel
def _weigh(scores, scales, length, inverse, target):
    """target[p] = scores[p] x inverse x the scale of value p."""
    factor = _splat(inverse)
    for p in range(0, length, LANES):
        factors = _mul(factor, load_numbers(FLOAT16, scales + 2 * p))
        _store(target + 4 * p, _mul(_load(scores + 4 * p), factors))


@kernel
def _put_two(at, a, b, first):
    if not first:
        a, b = _add(_load(at), a), _add(_load(at + 4 * CHUNK), b)
    _store(at, a)
    _store(at + 4 * CHUNK, b)


@kernel
def _mix4(kind, values, length, first, w, stride, o0, o1, o2, o3):
    """2 LANES dimensions of four queries: out i += sum over p of w[i, p] value p, = in the first block."""
    size = _group_bytes(kind)
    a0, a1, a2, a3 = _zero(), _zero(), _zero(), _zero()
    b0, b1, b2, b3 = _zero(), _zero(), _zero(), _zero()
    for p in range(length):
        at, s = values + size * p, w + 4 * p
        a, b = _first_half(kind, at), _second_half(kind, at)
        w0, w1 = _broadcast(s), _broadcast(s + stride)
        w2, w3 = _broadcast(s + 2 * stride), _broadcast(s + 3 * stride)
        a0, b0 = _fma(a, w0, a0), _fma(b, w0, b0)
        a1, b1 = _fma(a, w1, a1), _fma(b, w1, b1)
        a2, b2 = _fma(a, w2, a2), _fma(b, w2, b2)
        a3, b3 = _fma(a, w3, a3), _fma(b, w3, b3)
    _put_two(o0, a0, b0, first)
    _put_two(o1, a1, b1, first)
    _put_two(o2, a2, b2, first)
    _put_two(o3, a3, b3, first)


@kernel
def _mix2(kind, values, ahead, length, first, w, stride, o0, o1):
    """The same for two queries; ahead: values that are asked for."""
    size = _group_bytes(kind)
    a0, a1, b0, b1 = _zero(), _zero(), _zero(), _zero()
    c0, c1, d0, d1 = _zero(), _zero(), _zero(), _zero()
    for p in range(0, length - 1, 2):
        at, s, r = values + size * p, w + 4 * p, w + 4 * p + stride
        ask_for_line(ahead + size * p)
        a, b = _first_half(kind, at), _second_half(kind, at)
        c, d = _first_half(kind, at + size), _second_half(kind, at + size)
        w0, w1, v0, v1 = _broadcast(s), _broadcast(r), _broadcast(s + 4), _broadcast(r + 4)
        a0, b0, c0, d0 = _fma(a, w0, a0), _fma(b, w0, b0), _fma(c, v0, c0), _fma(d, v0, d0)
        a1, b1, c1, d1 = _fma(a, w1, a1), _fma(b, w1, b1), _fma(c, v1, c1), _fma(d, v1, d1)
    if length % 2:
        p = length - 1
        a, b = _first_half(kind, values + size * p), _second_half(kind, values + size * p)
        w0, w1 = _broadcast(w + 4 * p), _broadcast(w + 4 * p + stride)
        a0, b0, a1, b1 = _fma(a, w0, a0), _fma(b, w0, b0), _fma(a, w1, a1), _fma(b, w1, b1)
    _put_two(o0, _add(a0, c0), _add(b0, d0), first)
    _put_two(o1, _add(a1, c1), _add(b1, d1), first)


@kernel
def add_block4(kind, values, head_dim, count, first, scores, stride, w0, w1, w2, w3, o0, o1, o2, o3):
    """A block's values into the outputs of four queries."""
    groups, stripe = head_dim // DIMENSIONS, POSITIONS * _group_bytes(kind)
    weights, scales = scores + 4 * stride, values + groups * stripe
    for g in range(groups):
        factors = scales + 2 * g * POSITIONS
        _weigh(scores, factors, count, w0, weights)
        _weigh(scores + stride, factors, count, w1, weights + stride)
        _weigh(scores + 2 * stride, factors, count, w2, weights + 2 * stride)
        _weigh(scores + 3 * stride, factors, count, w3, weights + 3 * stride)
        for part in range(0, CHUNK, LANES):
            at, n = values + g * stripe + part, 4 * (DIMENSIONS * g + part)
            _mix4(kind, at, count, first, weights, stride, o0 + n, o1 + n, o2 + n, o3 + n)


@kernel
def add_block2(kind, values, following, head_dim, count, first, scores, stride, w0, w1, o0, o1):
    """A block's values into the outputs of two queries; following: the next block's, asked for ahead."""
    groups, stripe = head_dim // DIMENSIONS, POSITIONS * _group_bytes(kind)
    weights, scales = scores + 4 * stride, values + groups * stripe
    for g in range(groups):
        factors, later = scales + 2 * g * POSITIONS, g + groups // 2
        for line in range(0, 2 * POSITIONS, 64):
            ask_for_line(following + groups * stripe + 2 * g * POSITIONS + line)
        _weigh(scores, factors, count, w0, weights)
        _weigh(scores + stride, factors, count, w1, weights + stride)
        ahead = values + later * stripe if later < groups else following + (later - groups) * stripe
        for part in range(0, CHUNK, LANES):
            at, n = values + g * stripe + part, 4 * (DIMENSIONS * g + part)
            _mix2(kind, at, ahead, count, first, weights, stride, o0 + n, o1 + n)


@kernel
def ask_for_first(kind, values, head_dim):
    """Ask for the first half of a block's values."""
    for line in range(0, POSITIONS // 2 * (head_dim // DIMENSIONS) * _group_bytes(kind), 64):
        ask_for_line(values + line)
