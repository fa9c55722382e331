"""The SIMD vocabulary: vectors as Numba values, and the few operations that kernels need.

A vector is an LLVM vector in a register. Memory is addressed by integers (an array's address plus a byte
offset), so that kernels read memory-mapped blocks of any layout in place; loads and stores are unaligned.
Kernels that know only integers and vectors also compile several times faster than kernels on arrays.
`vector_ops(lanes)` makes the operations for one width; the dot product itself comes from dot.py.
"""

import platform
from types import SimpleNamespace

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.extending import intrinsic, models, register_model

from picoqwen_core.kernels.dot import emit_dot4, emit_small_dot4
from picoqwen_core.kernels.isa import CONVERTS_HALVES

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
F16, F32 = ir.HalfType(), ir.FloatType()
_ELEMENTS = {"i8": I8, "i32": I32, "f32": F32}


class Vector(types.Type):
    """A vector of `lanes` elements of kind "i8", "i32" or "f32"."""

    def __init__(self, kind, lanes):
        self.kind, self.lanes = kind, lanes
        self.llvm = ir.VectorType(_ELEMENTS[kind], lanes)
        super().__init__(name=f"Vector({kind}x{lanes})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector is held in a register as an LLVM vector."""

    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.llvm)


def load_at(builder, address, element):
    """An unaligned load of `element` at an integer address."""
    value = builder.load(builder.inttoptr(address, element.as_pointer()))
    value.align = 1
    return value


def store_at(builder, address, value):
    """An unaligned store at an integer address."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def splat(builder, scalar, lanes):
    """A vector with one scalar in every lane."""
    undefined = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def widened(builder, halves):
    """float16, one or a vector, as float32."""
    wide = _like(halves, F32)
    if CONVERTS_HALVES:
        return builder.fpext(halves, wide)
    # LLVM would call a function for each. Exponents are moved to where float32 has them, by shifting and then
    # multiplying by 2^112, which makes normal numbers of subnormal ones too; infinities become 65,536.
    whole = _like(halves, I32)
    bits = builder.zext(builder.bitcast(halves, _like(halves, I16)), whole)

    def constant(kind, value):
        return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)

    shifted = builder.shl(builder.and_(bits, constant(whole, 0x7FFF)), constant(whole, 13))
    magnitude = builder.fmul(builder.bitcast(shifted, wide), constant(wide, 2.0**112))
    sign = builder.shl(builder.and_(bits, constant(whole, 0x8000)), constant(whole, 16))
    return builder.bitcast(builder.or_(builder.bitcast(magnitude, whole), sign), wide)


def _like(value, element):
    """The type of as many elements as a value has."""
    vector = isinstance(value.type, ir.VectorType)
    return ir.VectorType(element, value.type.count) if vector else element


def call_llvm(builder, name, result, args):
    """Call one of LLVM's intrinsics."""
    signature = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), args)


def operation(result, *arguments):
    """Make an intrinsic from a function (builder, *args) -> LLVM value, with fixed types."""

    def decorate(emit):
        arity = len(arguments)

        def codegen(context, builder, signature, args):
            value = emit(builder, *args)
            return context.get_dummy_value() if value is None else value

        signature = result(*arguments)
        if arity == 0:
            return intrinsic(lambda typingctx: (signature, codegen))
        if arity == 1:
            return intrinsic(lambda typingctx, a: (signature, codegen))
        if arity == 2:
            return intrinsic(lambda typingctx, a, b: (signature, codegen))
        return intrinsic(lambda typingctx, a, b, c: (signature, codegen))

    return decorate


def _float_math(builder, name, value_type, args):
    module = builder.module
    suffix = f"v{value_type.count}f32" if isinstance(value_type, ir.VectorType) else "f32"
    function_type = ir.FunctionType(value_type, [value_type] * len(args))
    function = cgutils.get_or_insert_function(module, function_type, f"llvm.{name}.{suffix}")
    return builder.call(function, args)


def _fold(builder, value, width, combine):
    """One scalar from all lanes, by halves."""
    while width > 1:
        width //= 2
        low = ir.Constant(ir.VectorType(I32, width), list(range(width)))
        high = ir.Constant(ir.VectorType(I32, width), list(range(width, 2 * width)))
        value = combine(builder.shuffle_vector(value, value, low), builder.shuffle_vector(value, value, high))
    return builder.extract_element(value, I32(0))


def vector_ops(lanes):
    """The operations on vectors of `lanes` 32-bit lanes, and of 4 x lanes bytes."""
    f32v, i32v, i8v = Vector("f32", lanes), Vector("i32", lanes), Vector("i8", 4 * lanes)
    address = types.int64

    @operation(f32v)
    def zero_f32(builder):
        return cgutils.get_null_value(f32v.llvm)

    @operation(i32v, types.int32)
    def splat_i32(builder, scalar):
        return splat(builder, scalar, lanes)

    @operation(f32v, types.float32)
    def splat_f32(builder, scalar):
        return splat(builder, scalar, lanes)

    @operation(i32v)
    def zero_i32(builder):
        return cgutils.get_null_value(i32v.llvm)

    @operation(i8v, types.int32)
    def splat_i8(builder, scalar):
        """The low byte of a number in every byte."""
        return splat(builder, builder.trunc(scalar, I8), 4 * lanes)

    @operation(i32v, address)
    def load_i32(builder, at):
        return load_at(builder, at, i32v.llvm)

    @operation(f32v, address)
    def load_f32(builder, at):
        return load_at(builder, at, f32v.llvm)

    @operation(f32v, address)
    def broadcast_f32(builder, at):
        """The float32 at an address in every lane."""
        return splat(builder, load_at(builder, at, F32), lanes)

    @operation(types.void, address, i32v)
    def store_i32(builder, at, value):
        store_at(builder, at, value)

    @operation(types.void, address, f32v)
    def store_rounded_i8(builder, at, value):
        """Round to the nearest integer and store as bytes; the values must fit."""
        whole = builder.fptosi(_float_math(builder, "rint", f32v.llvm, [value]), i32v.llvm)
        store_at(builder, at, builder.trunc(whole, ir.VectorType(I8, lanes)))

    @operation(types.void, address, f32v)
    def store_f32(builder, at, value):
        store_at(builder, at, value)

    @operation(i8v, address)
    def load_i8(builder, at):
        return load_at(builder, at, i8v.llvm)

    @operation(types.void, address, i8v)
    def store_i8(builder, at, value):
        store_at(builder, at, value)

    @operation(i8v, address)
    def broadcast4(builder, at):
        """The same four bytes in every 32-bit lane."""
        return builder.bitcast(splat(builder, load_at(builder, at, I32), lanes), i8v.llvm)

    @operation(i32v, i32v, i8v, i8v)
    def dot4(builder, accumulator, weights, values):
        return emit_dot4(builder, accumulator, weights, values, lanes)

    @operation(i32v, i32v, i8v, i8v)
    def small_dot4(builder, accumulator, weights, values):
        return emit_small_dot4(builder, accumulator, weights, values, lanes)

    @operation(f32v, i32v)
    def to_f32(builder, value):
        return builder.sitofp(value, f32v.llvm)

    @operation(f32v, f32v, f32v)
    def mul(builder, a, b):
        return builder.fmul(a, b)

    @operation(f32v, f32v, f32v)
    def add(builder, a, b):
        return builder.fadd(a, b)

    @operation(i32v, i32v, i32v)
    def add_i32(builder, a, b):
        return builder.add(a, b)

    @operation(f32v, f32v, f32v)
    def sub(builder, a, b):
        return builder.fsub(a, b)

    @operation(f32v, f32v, f32v)
    def div(builder, a, b):
        return builder.fdiv(a, b)

    @operation(f32v, f32v, f32v)
    def larger(builder, a, b):
        return builder.select(builder.fcmp_ordered(">", a, b), a, b)

    @operation(f32v, f32v, f32v)
    def smaller(builder, a, b):
        return builder.select(builder.fcmp_ordered("<", a, b), a, b)

    @operation(f32v, f32v)
    def magnitude(builder, value):
        return _float_math(builder, "fabs", f32v.llvm, [value])

    @operation(f32v, f32v)
    def rint(builder, value):
        return _float_math(builder, "rint", f32v.llvm, [value])

    @operation(f32v, f32v)
    def power_of_two(builder, exponent):
        """2 to a whole number in -126..127, by writing it into the exponent's bits."""
        biased = builder.add(builder.fptosi(exponent, i32v.llvm), ir.Constant(i32v.llvm, [127] * lanes))
        return builder.bitcast(builder.shl(biased, ir.Constant(i32v.llvm, [23] * lanes)), f32v.llvm)

    @operation(f32v, f32v, f32v, f32v)
    def fma(builder, a, b, c):
        """a x b + c, in one instruction where the CPU has one: llvm.fma would call a function where not."""
        return _float_math(builder, "fmuladd", f32v.llvm, [a, b, c])

    @operation(types.float32, f32v)
    def hsum(builder, value):
        return _fold(builder, value, lanes, builder.fadd)

    @operation(types.int32, i32v)
    def hsum_i32(builder, value):
        return _fold(builder, value, lanes, builder.add)

    @operation(types.float32, f32v)
    def hmax(builder, value):
        return _fold(
            builder, value, lanes, lambda a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b)
        )

    named = {name: value for name, value in locals().items() if callable(value)}
    return SimpleNamespace(lanes=lanes, **named)


def emit_prefetch(builder, at):
    """Ask for the cache line at an address that will be read soon; any address may be given."""
    pointer = builder.inttoptr(at, I8.as_pointer())
    signature = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
    function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    builder.call(function, [pointer, I32(0), I32(3), I32(1)])


@operation(types.float32, types.int64)
def load_scalar(builder, at):
    """One float32."""
    return load_at(builder, at, F32)


@operation(types.int32, types.int64)
def load_i32(builder, at):
    """One int32."""
    return load_at(builder, at, I32)


@operation(types.void, types.int64, types.int32)
def store_i32(builder, at, value):
    """One int32."""
    store_at(builder, at, value)


@operation(types.void, types.int64, types.float32)
def store_scalar(builder, at, value):
    """One float32."""
    store_at(builder, at, value)


@operation(types.int64, types.int64, types.int64)
def atomic_add(builder, at, amount):
    """Add to an int64 in memory, for all threads at once; returns the value before."""
    return builder.atomic_rmw("add", builder.inttoptr(at, I64.as_pointer()), amount, "seq_cst")


@operation(types.int64, types.int64)
def atomic_load(builder, at):
    """Read an int64 that another thread writes."""
    return builder.load_atomic(builder.inttoptr(at, I64.as_pointer()), "acquire", align=8)


@operation(types.void, types.int64, types.int64)
def store_i64(builder, at, value):
    """One int64."""
    store_at(builder, at, value)


@operation(types.void, types.int64, types.int64)
def copy_chunk(builder, source, target):
    """16 bytes."""
    store_at(builder, target, load_at(builder, source, ir.VectorType(I8, 16)))


@operation(types.void)
def pause(builder):
    """Some tens of cycles of doing nothing, in which the other thread of a core gets on."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        name, arguments = "llvm.x86.sse2.pause", []
    elif machine in ("aarch64", "arm64"):
        name, arguments = "llvm.aarch64.isb", [I32(15)]
    else:
        return
    signature = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


@operation(types.void, types.int64)
def ask_for_line(builder, at):
    """Ask for a cache line."""
    emit_prefetch(builder, at)
