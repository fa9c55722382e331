"""Unpackers of the formats with blocks of 32: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL and Q8_S.

Layouts: picoqwen_core.quants. `at` is the address of a step's first block. What `low` and `high` give is
unsigned, or as kernels.dot wants Q8_0's and IQ4_NL's full bytes; kernels.blocks says how much too large.
"""

import platform

from llvmlite import ir
from numba.core import cgutils

from picoqwen_core.kernels.chunks import (
    BYTES,
    GROUPS,
    LANES,
    chunks,
    every_byte,
    few_halves,
    halves,
    high_nibbles,
    low_nibbles,
    plus,
    spread,
    strided_chunks,
)
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import F32, I16, load_at

# The values of IQ4_NL's 16 codes: https://github.com/ggml-org/ggml, kvalues_iq4nl in ggml-common.h.
CODES = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


class Unpacker32:
    """What a format says of one step."""

    steps = 1

    def __init__(self, block_bytes, data, minimum=None):
        self.block_bytes, self.data, self.minimum = block_bytes, data, minimum

    def nibbles(self, builder, at, k):
        """Both vectors' nibbles, still in one byte."""
        return strided_chunks(builder, at, self.data, self.block_bytes)

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group, as bytes."""
        return low_nibbles(builder, self.nibbles(builder, at, k))

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return high_nibbles(builder, self.nibbles(builder, at, k))

    def scale(self, builder, at, k, scales, part):
        """float32 by which a byte is multiplied, in each lane of its group."""
        return halves(builder, at, 0, self.block_bytes)

    def offset(self, builder, at, k):
        """float32 that is added to each value, one number for a group."""
        return few_halves(builder, at, self.minimum, self.block_bytes)


class FiveBits(Unpacker32):
    """Q5_0 and Q5_1: the fifth bits lie in 32 bits before the nibbles, one for each column."""

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return builder.or_(super().low(builder, at, k), self._fifth(builder, at, k, 0))

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return builder.or_(super().high(builder, at, k), self._fifth(builder, at, k, 2))

    def _fifth(self, builder, at, k, part):
        """16 where the bit is set."""
        bits = ir.Constant(ir.IntType(CHUNK_BITS * GROUPS), 0)
        for i in range(GROUPS):
            address = plus(builder, at, self.data - 4 + part + i * self.block_bytes)
            word = builder.zext(load_at(builder, address, I16), bits.type) if GROUPS > 1 else None
            if word is None:
                bits = load_at(builder, address, I16)
            else:
                bits = builder.or_(bits, builder.shl(word, ir.Constant(bits.type, CHUNK_BITS * i)))
        mask = builder.bitcast(bits, ir.VectorType(ir.IntType(1), 4 * LANES))
        return builder.select(mask, every_byte(16), every_byte(0))


class Bytes(Unpacker32):
    """Q8_0: signed bytes."""

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return self._chunks(builder, at, k, 0)

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return self._chunks(builder, at, k, 16)

    def _chunks(self, builder, at, k, part):
        data = strided_chunks(builder, at, self.data + part, self.block_bytes)
        return _as_dot_wants(builder, data)


class ScaledApart(Unpacker32):
    """Q8_S: signed bytes without gaps; the float32 scales of a row lie elsewhere."""

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return self._chunks(builder, at, k, 0)

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return self._chunks(builder, at, k, 16)

    def scale(self, builder, at, k, scales, part):
        """What the bytes of each group are multiplied by."""
        return spread(builder, load_at(builder, scales, ir.VectorType(F32, GROUPS)))

    def _chunks(self, builder, at, k, part):
        return _as_dot_wants(
            builder, chunks(builder, [plus(builder, at, part + 32 * i) for i in range(GROUPS)])
        )


class Codebook(Unpacker32):
    """IQ4_NL: a nibble is the number of one of 16 values."""

    def low(self, builder, at, k):
        """Columns 0 to 15 of each group."""
        return look_up(builder, super().low(builder, at, k))

    def high(self, builder, at, k):
        """Columns 16 to 31 of each group."""
        return look_up(builder, super().high(builder, at, k))


CHUNK_BITS = 16


def _as_dot_wants(builder, signed):
    """Signed bytes as unsigned ones, 128 larger, where the dot product takes these."""
    return builder.xor(signed, every_byte(-128)) if ISA.unsigned_weights else signed


def look_up(builder, codes):
    """CODES by number, 128 larger where the dot product takes unsigned weights."""
    table = [code + (128 if ISA.unsigned_weights else 0) for code in CODES]
    if ISA.name.startswith("avx"):
        name = "llvm.x86.avx512.pshuf.b.512" if LANES == 16 else "llvm.x86.avx2.pshuf.b"
        constant = ir.Constant(BYTES, table * (LANES // 4))
        return _call(builder, name, BYTES, [constant, codes])
    if platform.machine() in ("aarch64", "arm64"):
        return _call(builder, "llvm.aarch64.neon.tbl1.v16i8", BYTES, [ir.Constant(BYTES, table), codes])
    value = every_byte(table[0])
    for code in range(1, len(table)):
        same = builder.icmp_signed("==", codes, every_byte(code))
        value = builder.select(same, every_byte(table[code]), value)
    return value


def _call(builder, name, result, arguments):
    function_type = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)
