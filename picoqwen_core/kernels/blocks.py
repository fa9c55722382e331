"""The block formats as kernels see them: one marker for each, and operations that are compiled for it.

A kernel that takes a marker is compiled once for every format it is called with. `low` and `high` give the
weights of one step (kernels.chunks) as bytes, `scale` and `offset` what turns them into values:
scale x (byte - 2^bias_bits) + offset.
"""

from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types

from picoqwen_core.kernels import whole_scales
from picoqwen_core.kernels.chunks import CHUNK, GROUP, GROUPS, LANES, every_byte, indices
from picoqwen_core.kernels.dot import emit_dot4, emit_small_dot4
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.markers import Marker, marked
from picoqwen_core.kernels.simd import I64, Vector, emit_prefetch, store_at
from picoqwen_core.kernels.unpack_32 import Bytes, Codebook, FiveBits, ScaledApart, Unpacker32
from picoqwen_core.kernels.unpack_k import Q4K, Q5K, Q6K, UnpackerK

_CACHE_LINE = 64
UNSIGNED = ISA.unsigned_weights
_FULL_BIAS = 7 if UNSIGNED else 0
_FEW = Vector("f32", GROUPS)
_BYTES, _FLOATS, _DWORDS = Vector("i8", 4 * LANES), Vector("f32", LANES), Vector("i32", LANES)


@dataclass(frozen=True)
class Block(Marker):
    """One format. type_id: GGML's, or our own from 1000 on; columns and size: of a block, size in bytes.

    bias_bits: bytes are 2 to this power too large, unless it is 0. full: bytes of -128 to 127 (or 0 to 255),
    else of 0 to 63. halves: two scales for a group of 32.
    """

    type_id: int
    columns: int
    size: int
    unpacker: Any
    bias_bits: int = 0
    full: bool = False
    halves: bool = False

    @property
    def offsets(self) -> bool:
        """Whether there is an offset to add."""
        return self.unpacker.minimum is not None

    @property
    def small_panels(self) -> bool:
        """Whether panels hold the bytes as they are, and the bias is an offset.

        Where weights are unsigned, taking the bias into the accumulators' beginning costs nothing; AVX2
        multiplies small weights faster.
        """
        return self.offsets or (ISA.name == "avx2" and not self.full and not self.halves)


Q8_0 = Block("Q8_0", 8, 32, 34, Bytes(34, 2), _FULL_BIAS, full=True)
Q4_0 = Block("Q4_0", 2, 32, 18, Unpacker32(18, 2), 3)
Q4_1 = Block("Q4_1", 3, 32, 20, Unpacker32(20, 4, 2))
Q5_0 = Block("Q5_0", 6, 32, 22, FiveBits(22, 6), 4)
Q5_1 = Block("Q5_1", 7, 32, 24, FiveBits(24, 8, 2))
IQ4_NL = Block("IQ4_NL", 20, 32, 18, Codebook(18, 2), _FULL_BIAS, full=True)
Q4_K = Block("Q4_K", 12, 256, 144, Q4K(144))
Q5_K = Block("Q5_K", 13, 256, 176, Q5K(176))
Q6_K = Block("Q6_K", 14, 256, 210, Q6K(210), 5, halves=True)
# qwen3-rs's int8 with float32 scales, one for each 32 columns (loaders.qwen3_rs repeats them).
Q8_S = Block("Q8_S", 1000, 32, 32, ScaledApart(32, 0), _FULL_BIAS, full=True)
BLOCKS = {block.name: block for block in (Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q4_K, Q5_K, Q6_K, Q8_S)}
QUANTIZED = frozenset(block.type_id for block in BLOCKS.values())


@marked(_BYTES, types.int64, types.int64)
def low(builder, block, at, k):
    """Columns 0 to 15 of each group of step k of the blocks at an address."""
    return block.unpacker.low(builder, at, k)


@marked(_BYTES, types.int64, types.int64)
def high(builder, block, at, k):
    """Columns 16 to 31 of each group."""
    return block.unpacker.high(builder, at, k)


@marked(_FLOATS, types.int64, types.int64, types.int64)
def scale(builder, block, at, k, scales):
    """What the bytes of each group (or of `low`) are multiplied by; scales: address of Q8_S's."""
    return block.unpacker.scale(builder, at, k, scales, 0)


@marked(_FLOATS, types.int64, types.int64, types.int64)
def scale_high(builder, block, at, k, scales):
    """What the bytes of `high` are multiplied by, for formats with halves."""
    return block.unpacker.scale(builder, at, k, scales, 1)


@marked(_FEW, types.int64, types.int64)
def offset(builder, block, at, k):
    """What is added to each value, one number for a group; zero for formats without."""
    if not block.offsets:
        return ir.Constant(_FEW.llvm, [0.0] * GROUPS)
    return block.unpacker.offset(builder, at, k)


@marked(types.boolean)
def has_offsets(builder, block):
    """Block.offsets, known when the kernel is compiled."""
    return ir.Constant(ir.IntType(1), int(block.offsets))


@marked(types.boolean)
def has_halves(builder, block):
    """Block.halves."""
    return ir.Constant(ir.IntType(1), int(block.halves))


@marked(types.boolean)
def takes_time(builder, block):
    """Whether unpacking takes longer than reading: all formats but those of whole bytes."""
    return ir.Constant(ir.IntType(1), int(block.size < block.columns))


@marked(types.boolean)
def has_whole_scales(builder, block):
    """Whether rows are read by kernels.whole_scales."""
    return ir.Constant(ir.IntType(1), int(_has_whole_scales(block)))


def _has_whole_scales(block):
    return whole_scales.USED and isinstance(block.unpacker, UnpackerK)


def _products_of(k):
    @marked(_DWORDS, types.int64, types.int64)
    def products(builder, block, at, quants):
        """Step k of the super-block at an address by int8 at another, times its groups' whole scales."""
        if not _has_whole_scales(block):
            return ir.Constant(_DWORDS.llvm, [0] * LANES)
        return whole_scales.products(builder, block.unpacker, k, at, quants)

    return products


whole_products = tuple(_products_of(k) for k in range(whole_scales.STEPS))


@marked(_FLOATS, types.int64)
def super_scale(builder, block, at):
    """What the products of a super-block are multiplied by."""
    if not _has_whole_scales(block):
        return ir.Constant(_FLOATS.llvm, [0.0] * LANES)
    return whole_scales.super_scale(builder, block.unpacker, at)


@marked(_FLOATS, types.int64)
def minima(builder, block, at):
    """What is added to the values of the groups of a super-block, one lane for each."""
    if not _has_whole_scales(block):
        return ir.Constant(_FLOATS.llvm, [0.0] * LANES)
    return whole_scales.minima(builder, block.unpacker, at)


@marked(types.boolean)
def has_small_panels(builder, block):
    """Block.small_panels."""
    return ir.Constant(ir.IntType(1), int(block.small_panels))


@marked(types.float32)
def bias(builder, block):
    """How much too large bytes are."""
    return ir.Constant(ir.FloatType(), float(1 << block.bias_bits) if block.bias_bits else 0.0)


@marked(types.int64, types.int64)
def row_size(builder, block, columns):
    """Bytes of a row."""
    return builder.mul(builder.udiv(columns, I64(block.columns)), I64(block.size))


@marked(types.int64)
def steps_of(builder, block):
    """Steps that share blocks: those of a super-block, else 1."""
    return I64(block.unpacker.steps)


@marked(types.int64)
def size_of(builder, block):
    """Bytes of the blocks that steps_of(block) steps share."""
    return I64(32 * GROUPS * block.unpacker.steps * block.size // block.columns)


@marked(types.void, types.int64)
def ask_for(builder, block, at):
    """Ask for the cache lines at an address that as many bytes as size_of(block) begin in."""
    size = 32 * GROUPS * block.unpacker.steps * block.size // block.columns
    for line in range(0, size, _CACHE_LINE):
        emit_prefetch(builder, builder.add(at, I64(line)))


@marked(_DWORDS, _DWORDS, _BYTES, _BYTES)
def dot(builder, block, accumulator, weights, values):
    """kernels.dot for the bytes of this format."""
    emit = emit_dot4 if block.full else emit_small_dot4
    return emit(builder, accumulator, weights, values, LANES)


@marked(_BYTES, _BYTES)
def for_panel(builder, block, weights):
    """Bytes as a panel holds them: as they are, or without bias and as the full dot product wants them."""
    if block.small_panels:
        return weights
    moved = (128 if UNSIGNED else 0) - (1 << block.bias_bits if block.bias_bits else 0)
    return builder.add(weights, every_byte(moved)) if moved else weights


@marked(types.void, _BYTES, _FLOATS, _FEW, types.int64)
def store_values(builder, block, weights, factors, mins, target):
    """Bytes as float32 values: 16 columns of each group, 32 columns apart, from an address on."""
    wide, values = ir.VectorType(ir.IntType(32), 4 * LANES), ir.VectorType(ir.FloatType(), 4 * LANES)
    if block.full and not UNSIGNED:
        whole = builder.sext(weights, wide)
    else:
        bias_value = 1 << block.bias_bits if block.bias_bits else 0
        whole = builder.sub(builder.zext(weights, wide), ir.Constant(wide, [bias_value] * wide.count))
    each = indices([lane for lane in range(LANES) for _ in range(4)])
    scaled = builder.fmul(builder.sitofp(whole, values), builder.shuffle_vector(factors, factors, each))
    if block.offsets:
        group = indices([group for group in range(GROUPS) for _ in range(CHUNK)])
        scaled = builder.fadd(scaled, builder.shuffle_vector(mins, mins, group))
    for i in range(GROUPS):
        chunk = indices(range(CHUNK * i, CHUNK * (i + 1)))
        part = builder.shuffle_vector(scaled, scaled, chunk)
        store_at(builder, builder.add(target, I64(4 * GROUP * i)), part)
