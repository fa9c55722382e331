"""K formats on vectors of 256 bits: whole-numbered scales of groups are taken into the integer products.

A super-block of 256 columns then needs one conversion to float for each step, and its float16 once: rows of
Q6_K were read 1.5 times as fast, of Q4_K 1.1 times.
"""

from llvmlite import ir
from numba.core import cgutils

from picoqwen_core.kernels.chunks import (
    BYTES,
    CHUNK,
    DWORDS,
    FLOATS,
    GROUPS,
    LANES,
    chunks,
    dwords,
    every_byte,
    indices,
    plus,
)
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import F16, I8, I16, I64, load_at, splat, widened
from picoqwen_core.kernels.unpack_k import Q5K, Q6K, SUPER_GROUPS, six_bits

# Two groups to a step, so four steps to a super-block, whose groups are as many as a vector has lanes.
USED = LANES == SUPER_GROUPS and ISA.name in ("avx2", "avx_vnni")
STEPS = 4
_WORDS = ir.VectorType(I16, 2 * LANES)
# A sum of four products fits into a word, and of two with scale into a dword: weights have at most 6 bits.
_WORDS_A_SCALE = 1 if ISA.name == "avx2" else 2


def products(builder, unpacker, k, at, quants):
    """Step k (a Python number) of a super-block by int8 `quants`, times its groups' scales."""
    first, second = _scales(builder, unpacker, k, at)
    low = _scaled_dot(builder, unpacker, _weights(builder, unpacker, k, 0, at), quants, first)
    values = plus(builder, quants, 4 * LANES)
    high = _scaled_dot(builder, unpacker, _weights(builder, unpacker, k, 1, at), values, second)
    return builder.add(low, high)


def super_scale(builder, unpacker, at):
    """What products are multiplied by, in every lane."""
    offset = unpacker.super_scale if isinstance(unpacker, Q6K) else 0
    return _half(builder, plus(builder, at, offset))


def minima(builder, unpacker, at):
    """What is added to the values of each of the 8 groups."""
    if unpacker.minimum is None:
        return ir.Constant(FLOATS, [0.0] * LANES)
    packed = builder.bitcast(six_bits(builder, at)[1], ir.VectorType(I8, SUPER_GROUPS))
    whole = builder.sitofp(builder.zext(packed, DWORDS), FLOATS)
    return builder.fneg(builder.fmul(whole, _half(builder, plus(builder, at, unpacker.minimum))))


def _half(builder, at):
    return widened(builder, splat(builder, load_at(builder, at, F16), LANES))


def _scaled_dot(builder, unpacker, weights, at, scales):
    values = load_at(builder, at, BYTES)
    sums = _sums(builder, weights, values)
    if isinstance(unpacker, Q6K):
        sums = builder.sub(sums, _sums(builder, every_byte(32), values))
    words = builder.bitcast(sums, _WORDS)
    return _call(builder, "llvm.x86.avx2.pmadd.wd", DWORDS, [words, scales])


def _sums(builder, weights, values):
    """Of two products as words, or of four as dwords."""
    if ISA.name == "avx2":
        return _call(builder, "llvm.x86.avx2.pmadd.ub.sw", _WORDS, [weights, values])
    zero = ir.Constant(DWORDS, [0] * LANES)
    return _call(builder, "llvm.x86.avx512.vpdpbusd.256", DWORDS, [zero, weights, values])


def _call(builder, name, result, args):
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _scales(builder, unpacker, k, at):
    """Scales of the first and the second halves of a step's groups: words, or dwords that words fit into."""
    if isinstance(unpacker, Q6K):
        address = plus(builder, at, unpacker.scales + 2 * GROUPS * k)
        four = load_at(builder, address, ir.VectorType(I8, 2 * GROUPS))
        words = builder.bitcast(builder.sext(four, ir.VectorType(I64, 2 * GROUPS)), _WORDS)
        return _in_lanes(builder, words, (0, 8)), _in_lanes(builder, words, (4, 12))
    eight = splat(builder, six_bits(builder, at)[0], LANES // 2)
    data, zero = builder.bitcast(eight, BYTES), every_byte(0)
    nothing, width = 4 * LANES, 2 * _WORDS_A_SCALE
    mask = []
    for group in range(GROUPS):
        byte = CHUNK * group + GROUPS * k + group
        mask += ([byte] + [nothing] * (width - 1)) * (CHUNK // width)
    scales = builder.bitcast(builder.shuffle_vector(data, zero, indices(mask)), _WORDS)
    return scales, scales


def _in_lanes(builder, words, chosen):
    """Words by number, one for each group, repeated."""
    zero = ir.Constant(_WORDS, [0] * (2 * LANES))
    mask = []
    for number in chosen:
        mask += ([number] + [2 * LANES] * (_WORDS_A_SCALE - 1)) * (CHUNK // 2 // _WORDS_A_SCALE)
    return builder.shuffle_vector(words, zero, indices(mask))


def _weights(builder, unpacker, k, part, at):
    """Columns 0 to 15 (part 0) or 16 to 31 of a step's two groups, as bytes of 0 to 63."""
    if isinstance(unpacker, Q6K):
        return _six(builder, unpacker, k, part, at)
    data = chunks(builder, [plus(builder, at, unpacker.data + 32 * k + CHUNK * part)] * GROUPS)
    nibbles = _moved(builder, data, [0, 4], 0x0F)
    if not isinstance(unpacker, Q5K):
        return nibbles
    bits = chunks(builder, [plus(builder, at, unpacker.fifth + CHUNK * part)] * GROUPS)
    return builder.or_(nibbles, _moved(builder, bits, [2 * k - 4, 2 * k - 3], 0x10))


def _six(builder, unpacker, k, part, at):
    half, inside = k // 2, 2 * (k % 2)
    nibbles = plus(builder, at, 64 * half + CHUNK * part)
    data = chunks(builder, [nibbles, plus(builder, nibbles, 32)])
    low = _moved(builder, data, [2 * inside, 2 * inside], 0x0F)
    more = plus(builder, at, unpacker.two_bits + 32 * half + CHUNK * part)
    pairs = chunks(builder, [more] * GROUPS)
    return builder.or_(low, _moved(builder, pairs, [2 * inside - 4, 2 * inside - 2], 0x30))


def _moved(builder, data, right, mask):
    """Dwords of each group shifted to the right (negative: to the left), and masked."""
    whole = builder.bitcast(data, DWORDS)
    if any(shift < 0 for shift in right):
        whole = builder.shl(whole, dwords([max(0, -shift) for shift in right]))
    if any(shift > 0 for shift in right):
        whole = builder.lshr(whole, dwords([max(0, shift) for shift in right]))
    return builder.and_(builder.bitcast(whole, BYTES), every_byte(mask))
