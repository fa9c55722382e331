"""LLVM code that unpackers share: bytes and scales of one step gathered from the blocks of a row.

A step is GROUPS groups of 32 columns, as many as fill vectors of LANES dwords with 16 columns of each. Its
first vector holds columns 0 to 15 of every group, 16 bytes ("a chunk") after another, its second columns 16
to 31: GGML's 4- and 5-bit formats keep the two in the low and the high nibbles of the same bytes.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.extending import intrinsic

from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import (
    F16,
    F32,
    I8,
    I16,
    I32,
    I64,
    Vector,
    load_at,
    operation,
    splat,
    store_at,
    widened,
)

LANES = ISA.lanes
GROUPS = LANES // 4
GROUP = 32
STEP = GROUP * GROUPS
CHUNK = 16
BYTES, DWORDS, FLOATS = (
    ir.VectorType(I8, 4 * LANES),
    ir.VectorType(I32, LANES),
    ir.VectorType(F32, LANES),
)
_LOAD_BYTES = 64


def plus(builder, address, offset):
    """address + a constant."""
    return builder.add(address, I64(offset))


def indices(numbers):
    """A shuffle's constant mask."""
    return ir.Constant(ir.VectorType(I32, len(numbers)), list(numbers))


def dwords(numbers):
    """A constant dword for each group, in each of its lanes."""
    return ir.Constant(DWORDS, [number for number in numbers for _ in range(4)])


def join(builder, parts):
    """Vectors one after the other in one, by halves."""
    while len(parts) > 1:
        mask = indices(range(2 * parts[0].type.count))
        parts = [builder.shuffle_vector(a, b, mask) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def chunks(builder, addresses):
    """One chunk of each group."""
    return join(builder, [load_at(builder, address, ir.VectorType(I8, CHUNK)) for address in addresses])


def strided_chunks(builder, at, offset, stride):
    """Chunks of consecutive blocks."""
    return chunks(builder, [plus(builder, at, offset + i * stride) for i in range(GROUPS)])


def spread(builder, values):
    """A number of each group in each of its lanes."""
    mask = indices([i for i in range(GROUPS) for _ in range(4)])
    return builder.shuffle_vector(values, values, mask)


def halves(builder, at, offset, stride):
    """A float16 of each of GROUPS consecutive blocks as float32, in each lane of its group."""
    if LANES == 16:
        return _shuffled_halves(builder, at, offset, stride)
    return spread(builder, few_halves(builder, at, offset, stride))


def _shuffled_halves(builder, at, offset, stride):
    """The same by a permutation of words, which AVX-512 has in one instruction."""
    total = GROUPS * stride
    second = min(_LOAD_BYTES, total - _LOAD_BYTES)
    words = ir.VectorType(I16, _LOAD_BYTES // 2)
    low, high = load_at(builder, at, words), load_at(builder, plus(builder, at, second), words)
    picked = []
    for i in range(GROUPS):
        byte = offset + i * stride
        inside = byte + 2 <= _LOAD_BYTES
        picked += [byte // 2 if inside else (byte - second + _LOAD_BYTES) // 2] * 4
    chosen = builder.shuffle_vector(low, high, indices(picked))
    return widened(builder, builder.bitcast(chosen, ir.VectorType(F16, LANES)))


def group_numbers(builder, first):
    """first + 0, 1, ... for each group, as dwords; first: i64."""
    base = splat(builder, builder.trunc(first, I32), LANES)
    return builder.add(base, dwords(range(GROUPS)))


def shifted(builder, data, shifts, mask):
    """(dword >> shift) & mask in each byte: bits that a shift brings in from the next byte are masked off."""
    whole = builder.lshr(builder.bitcast(data, DWORDS), shifts)
    return builder.and_(builder.bitcast(whole, BYTES), every_byte(mask))


def rotated(builder, data, turns):
    """Dwords rotated to the left; turns: dwords, negative for the right."""
    module, kind = builder.module, ir.FunctionType(DWORDS, [DWORDS] * 3)
    function = cgutils.get_or_insert_function(module, kind, f"llvm.fshl.v{LANES}i32")
    whole = builder.bitcast(data, DWORDS)
    return builder.bitcast(builder.call(function, [whole, whole, turns]), BYTES)


def few_halves(builder, at, offset, stride):
    """A float16 of each of GROUPS consecutive blocks, as float32 (GROUPS,)."""
    values = ir.Constant(ir.VectorType(F16, GROUPS), ir.Undefined)
    for i in range(GROUPS):
        half = load_at(builder, plus(builder, at, offset + i * stride), F16)
        values = builder.insert_element(values, half, I32(i))
    return widened(builder, values)


def every_byte(number):
    """A constant in each byte."""
    return ir.Constant(BYTES, [number] * (4 * LANES))


def low_nibbles(builder, data):
    """The low 4 bits of each byte."""
    return builder.and_(data, every_byte(15))


def high_nibbles(builder, data):
    """The high 4 bits of each byte."""
    return builder.lshr(data, every_byte(4))


def chosen_chunks(builder, at, chosen):
    """Chunks by number; at: the address of chunk 0."""
    if LANES == 16 and max(chosen) < GROUPS:
        # One load of 64 bytes and one permutation.
        data = load_at(builder, at, BYTES)
        mask = indices([CHUNK * number + i for number in chosen for i in range(CHUNK)])
        return builder.shuffle_vector(data, data, mask)
    return chunks(builder, [plus(builder, at, CHUNK * number) for number in chosen])


def small_integers(builder, packed, signed, factor):
    """GROUPS bytes times a float16 at an address, as float32 (GROUPS,); packed: i8 (GROUPS,)."""
    wide, numbers = ir.VectorType(I32, GROUPS), ir.VectorType(F32, GROUPS)
    whole = builder.sext(packed, wide) if signed else builder.zext(packed, wide)
    halves = splat(builder, load_at(builder, factor, F16), GROUPS)
    return builder.fmul(builder.sitofp(whole, numbers), widened(builder, halves))


@operation(types.void, types.int64, types.int64)
def transpose_chunks(builder, source, target):
    """[LANES rows, STEP bytes apart][4] dwords to [4][LANES]; both are addresses."""
    rows = []
    for r in range(4):
        addresses = [plus(builder, source, (r + 4 * i) * STEP) for i in range(GROUPS)]
        rows.append(builder.bitcast(chunks(builder, addresses), DWORDS))

    def interleave(a, b, order):
        # In each quarter of 4 lanes; numbers from 4 on are b's.
        mask = [4 * i + n if n < 4 else LANES + 4 * i + n - 4 for i in range(GROUPS) for n in order]
        return builder.shuffle_vector(a, b, indices(mask))

    for half, order in enumerate(((0, 4, 1, 5), (2, 6, 3, 7))):
        a, b = interleave(rows[0], rows[1], order), interleave(rows[2], rows[3], order)
        for number, pair in enumerate(((0, 1, 4, 5), (2, 3, 6, 7))):
            dword = 2 * half + number
            store_at(builder, plus(builder, target, 4 * LANES * dword), interleave(a, b, pair))


@operation(Vector("f32", LANES), types.int64)
def spread_f32(builder, at):
    """A float32 of each group, from an address on, in each lane of its group."""
    return spread(builder, load_at(builder, at, ir.VectorType(F32, GROUPS)))


@intrinsic
def store_group_sums(typingctx, half_totals, totals, quarters, low, high):
    """From the sums of dwords, in two vectors, those of groups and of their halves.

    Addresses of int32 (GROUPS, 2) and int32 (GROUPS,): -128 x the sums (unsigned panels are 128 too large),
    and of float32 (GROUPS,): a quarter of them.
    """

    def codegen(context, builder, signature, args):
        first, second = _group_sums(builder, args[3]), _group_sums(builder, args[4])
        both = builder.add(first, second)
        factor = ir.Constant(first.type, [-128] * GROUPS)
        pairs = builder.shuffle_vector(
            first, second, indices([i + GROUPS * j for i in range(GROUPS) for j in (0, 1)])
        )
        store_at(builder, args[0], builder.mul(pairs, ir.Constant(pairs.type, [-128] * (2 * GROUPS))))
        store_at(builder, args[1], builder.mul(both, factor))
        numbers = ir.VectorType(F32, GROUPS)
        quarter = ir.Constant(numbers, [0.25] * GROUPS)
        store_at(builder, args[2], builder.fmul(builder.sitofp(both, numbers), quarter))
        return context.get_dummy_value()

    vector = Vector("i32", LANES)
    return types.void(types.int64, types.int64, types.int64, vector, vector), codegen


def _group_sums(builder, sums):
    """The sum of each four lanes, by halves."""
    while sums.type.count > GROUPS:
        even, odd = indices(range(0, sums.type.count, 2)), indices(range(1, sums.type.count, 2))
        sums = builder.add(builder.shuffle_vector(sums, sums, even), builder.shuffle_vector(sums, sums, odd))
    return sums
