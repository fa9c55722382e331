"""The integer dot product: the only operation that knows the CPU.

emit_dot4 adds to each 32-bit lane of the accumulator the sum of four products weight x value. Values are
signed bytes. Weights are unsigned where `ISA.unsigned_weights` (the VNNI instructions want them so), else
signed. emit_small_dot4 is for weights of 0 to 63, which are the same signed or not; AVX2 saves two
instructions with them. See kernels.isa for the choice.
"""

from llvmlite import ir
from numba.core import cgutils

from picoqwen_core.kernels.isa import ISA

I8, I16, I32 = (ir.IntType(bits) for bits in (8, 16, 32))


def emit_dot4(builder, accumulator, weights, values, lanes, isa=ISA.name):
    """accumulator (lanes x i32) + dot products of 4 bytes each; emits LLVM code, returns the value."""
    return _EMITTERS[isa](builder, accumulator, weights, values, lanes)


def emit_small_dot4(builder, accumulator, weights, values, lanes, isa=ISA.name):
    """The same for weights of 0 to 63."""
    emit = _maddubs_small if isa == "avx2" else _EMITTERS[isa]
    return emit(builder, accumulator, weights, values, lanes)


def _call(builder, name, result, args):
    function_type = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)


def _vpdpbusd(builder, accumulator, weights, values, lanes):
    """AVX512-VNNI and AVX-VNNI: one instruction, unsigned weights by signed values."""
    name = f"llvm.x86.avx512.vpdpbusd.{32 * lanes}"
    return _call(builder, name, accumulator.type, [accumulator, weights, values])


def _maddubs(builder, accumulator, weights, values, lanes):
    """AVX2: |w| x sign(v, w) cannot overflow the 16-bit sums, since |w| <= 128 and |v| <= 127."""
    bytes32 = ir.VectorType(I8, 32)
    flag = ir.Constant(ir.IntType(1), 0)
    magnitude = _call(builder, "llvm.abs.v32i8", bytes32, [weights, flag])
    signed = _call(builder, "llvm.x86.avx2.psign.b", bytes32, [values, weights])
    return _maddubs_small(builder, accumulator, magnitude, signed, lanes)


def _maddubs_small(builder, accumulator, weights, values, lanes):
    """AVX2, weights that need no sign."""
    words16 = ir.VectorType(I16, 16)
    pairs = _call(builder, "llvm.x86.avx2.pmadd.ub.sw", words16, [weights, values])
    ones = ir.Constant(words16, [1] * 16)
    quads = _call(builder, "llvm.x86.avx2.pmadd.wd", accumulator.type, [pairs, ones])
    return builder.add(accumulator, quads)


def _sdot(builder, accumulator, weights, values, lanes):
    """Armv8.2 dot product: signed by signed."""
    return _call(
        builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", accumulator.type, [accumulator, weights, values]
    )


def _pairwise(builder, accumulator, weights, values, lanes):
    """Any CPU: multiply as 16 bits, where two products of |w| <= 128 and |v| <= 127 fit; then add halves.

    Plain LLVM code, which becomes smull, addp and ssra on Arm without the dot product instruction.
    """
    words = ir.VectorType(I16, 4 * lanes)
    products = builder.mul(builder.sext(weights, words), builder.sext(values, words))
    pairs = builder.add(_every_second(builder, products, 0), _every_second(builder, products, 1))
    both = builder.bitcast(pairs, accumulator.type)
    sixteen = ir.Constant(accumulator.type, [16] * lanes)
    low = builder.ashr(builder.shl(both, sixteen), sixteen)
    return builder.add(builder.add(accumulator, low), builder.ashr(both, sixteen))


def _every_second(builder, value, first):
    indices = ir.Constant(ir.VectorType(I32, value.type.count // 2), list(range(first, value.type.count, 2)))
    return builder.shuffle_vector(value, value, indices)


_EMITTERS = {
    "avx512_vnni": _vpdpbusd,
    "avx_vnni": _vpdpbusd,
    "avx2": _maddubs,
    "neon_dotprod": _sdot,
    "generic": _pairwise,
}
