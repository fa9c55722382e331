"""Unpackers of the K formats: super-blocks of 256 with 8 groups of 32 (Q4_K, Q5_K) or 16 of 16 (Q6_K).

Layouts: picoqwen_core.quants. `at` is the address of a super-block, `k` the number of a step in it.
"""

from llvmlite import ir

from picoqwen_core.kernels.chunks import (
    BYTES,
    CHUNK,
    DWORDS,
    GROUPS,
    chosen_chunks,
    chunks,
    dwords,
    every_byte,
    group_numbers,
    indices,
    plus,
    rotated,
    shifted,
    small_integers,
    spread,
)
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import I8, I32, I64, load_at

SUPER_GROUPS = 8


class UnpackerK:
    """What all K formats have in common."""

    steps = SUPER_GROUPS // GROUPS
    minimum = None

    def __init__(self, block_bytes):
        self.block_bytes = block_bytes

    def first_group(self, builder, k):
        """The number of a step's first group."""
        return builder.mul(k, I64(GROUPS))


class Q4K(UnpackerK):
    """float16 scale and minimum, 8 x 6 bits of each in 12 bytes, and nibbles: two groups share 32 bytes."""

    minimum, data = 2, 16
    # Odd groups lie in high nibbles. Unsigned bytes can hold 16 times a nibble: then no shift is needed.
    high_as_they_are = ISA.unsigned_weights

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return self._nibbles(builder, at, k, 0)

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return self._nibbles(builder, at, k, 1)

    def scale(self, builder, at, k, scales, part):
        """What the bytes of each group are multiplied by."""
        first = self.first_group(builder, k)
        whole = small_integers(builder, _picked(builder, six_bits(builder, at)[0], first), False, at)
        if self.high_as_they_are:
            whole = builder.fmul(whole, ir.Constant(whole.type, [1.0, 1 / 16] * (GROUPS // 2)))
        return spread(builder, whole)

    def offset(self, builder, at, k):
        """What is added to each value, one number for a group."""
        first = self.first_group(builder, k)
        factor = plus(builder, at, self.minimum)
        whole = small_integers(builder, _picked(builder, six_bits(builder, at)[1], first), False, factor)
        return builder.fneg(whole)

    def _nibbles(self, builder, at, k, part):
        first = self.first_group(builder, k)
        pair = builder.shl(builder.lshr(first, I64(1)), I64(5))
        address = builder.add(plus(builder, at, self.data), pair)
        data = chosen_chunks(builder, address, [i // 2 * 2 + part for i in range(GROUPS)])
        if self.high_as_they_are:
            masks = dwords([0x0F0F0F0F, 0xF0F0F0F0] * (GROUPS // 2))
            return builder.bitcast(builder.and_(builder.bitcast(data, DWORDS), masks), BYTES)
        odd = builder.and_(group_numbers(builder, first), dwords([1] * GROUPS))
        return shifted(builder, data, builder.shl(odd, dwords([2] * GROUPS)), 15)


class Q5K(Q4K):
    """Q4_K with a fifth bit: bit g of 32 more bytes belongs to group g."""

    data = 48
    fifth = 16
    high_as_they_are = False

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return builder.or_(super().low(builder, at, k), self._fifth(builder, at, k, 0))

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return builder.or_(super().high(builder, at, k), self._fifth(builder, at, k, CHUNK))

    def _fifth(self, builder, at, k, part):
        first = self.first_group(builder, k)
        data = chunks(builder, [plus(builder, at, self.fifth + part)] * GROUPS)
        bit = shifted(builder, data, group_numbers(builder, first), 1)
        return builder.shl(bit, ir.Constant(bit.type, [4] * bit.type.count))


class Q6K(UnpackerK):
    """Nibbles, two more bits, 16 int8 scales and a float16; each half of 128 columns by itself."""

    two_bits, scales, super_scale = 128, 192, 208

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return self._six(builder, at, k, 0)

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return self._six(builder, at, k, 1)

    def scale(self, builder, at, k, scales, part):
        """What the bytes of each group are multiplied by."""
        first = self.first_group(builder, k)
        address = builder.add(plus(builder, at, self.scales), builder.shl(first, I64(1)))
        both = load_at(builder, address, ir.VectorType(I8, 2 * GROUPS))
        chosen = builder.shuffle_vector(both, both, indices(range(part, 2 * GROUPS, 2)))
        factor = plus(builder, at, self.super_scale)
        return spread(builder, small_integers(builder, chosen, True, factor))

    def _six(self, builder, at, k, part):
        first = self.first_group(builder, k)
        half = builder.lshr(first, I64(2))
        inside = builder.and_(first, I64(3))
        nibbles = builder.add(at, builder.shl(half, I64(6)))
        if GROUPS == 1:
            nibbles = builder.add(nibbles, builder.shl(builder.and_(inside, I64(1)), I64(5)))
        more = builder.add(plus(builder, at, self.two_bits + CHUNK * part), builder.shl(half, I64(5)))
        group = group_numbers(builder, inside)
        four = builder.shl(builder.lshr(group, dwords([1] * GROUPS)), dwords([2] * GROUPS))
        data = chosen_chunks(builder, nibbles, [i % 2 * 2 + part for i in range(GROUPS)])
        low = shifted(builder, data, four, 15)
        # Pair g to bits 4 and 5: a rotation by 4, 2, 0 or -2.
        turn = builder.sub(dwords([4] * GROUPS), builder.shl(group, dwords([1] * GROUPS)))
        pairs = rotated(builder, chunks(builder, [more] * GROUPS), turn)
        return builder.or_(low, builder.and_(pairs, every_byte(0x30)))


def six_bits(builder, at):
    """The 8 scales and the 8 minima of Q4_K and Q5_K, one in each byte of an i64."""
    words = [load_at(builder, plus(builder, at, 4 + 4 * i), I32) for i in range(3)]
    upper = ir.Constant(I32, 0x03030303)

    def both(first, last):
        low = builder.and_(first, ir.Constant(I32, 0x3F3F3F3F))
        bits = builder.shl(builder.and_(builder.lshr(first, I32(6)), upper), I32(4))
        high = builder.or_(builder.and_(last, ir.Constant(I32, 0x0F0F0F0F)), bits)
        return builder.or_(builder.zext(low, I64), builder.shl(builder.zext(high, I64), I64(32)))

    return both(words[0], words[2]), both(words[1], builder.lshr(words[2], I32(4)))


def _picked(builder, eight, first):
    """The bytes of the step's groups of eight in an i64, as a vector."""
    shift = builder.shl(first, I64(3))
    some = builder.trunc(builder.lshr(eight, shift), ir.IntType(8 * GROUPS))
    return builder.bitcast(some, ir.VectorType(I8, GROUPS))
