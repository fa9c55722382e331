"""Decode: weight rows as they lie in a GGUF file, each read once from front to back, by one token.

A row after the other is what the memory prefetcher wants; two accumulators keep the additions of one block
from waiting for those of the block before.
"""

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.quantize import GROUP, UNSIGNED
from picoqwen_core.kernels.simd import (
    load_half,
    load_u8,
    nibble_loader,
    prefetch,
    store_scalar,
    vector_ops,
)

F32, F16, Q4_0, Q8_0, BF16 = 0, 1, 2, 8, 30  # GGML type ids
Q8_0_BYTES, Q4_0_BYTES = 34, 18
# What makes a nibble a weight: it is 8 too large, and unsigned weights are to be 128 too large.
NIBBLE_OFFSET = 120 if UNSIGNED else -8

_S, LANES = vector_ops(ISA.lanes), ISA.lanes
_PART = 4 * LANES
# How far ahead weights are asked for: hardware prefetchers stop at the end of a 4096-byte page.
AHEAD = 4096
_load_i8, _load_i32, _load_f32 = _S.load_i8, _S.load_i32, _S.load_f32
_load_f16, _load_bf16, _load_i8_as_f32 = _S.load_f16, _S.load_bf16, _S.load_i8_as_f32
_load_q8 = _S.flip_i8 if UNSIGNED else _S.load_i8
_load_q4_low, _load_q4_high = nibble_loader(LANES, 0, NIBBLE_OFFSET), nibble_loader(LANES, 1, NIBBLE_OFFSET)
_dot4, _to_f32, _fma, _hsum, _add, _mul = _S.dot4, _S.to_f32, _S.fma, _S.hsum, _S.add, _S.mul
_zero, _zero_i32, _store_f32 = _S.zero_f32, _S.zero_i32, _S.store_f32
_broadcast_f32, _broadcast_f16 = _S.broadcast_f32, _S.broadcast_f16


@kernel
def row_bytes(kind, cols):
    """Bytes of one weight row of GGML type `kind`."""
    if kind == Q8_0:
        return cols // GROUP * Q8_0_BYTES
    if kind == Q4_0:
        return cols // GROUP * Q4_0_BYTES
    return cols * (4 if kind == F32 else 2)


@kernel
def _first(corrections):
    """What an accumulator begins with: the correction of unsigned weights."""
    return _load_i32(corrections) if UNSIGNED else _zero_i32()


@kernel
def _block_q8_0(block, quants, scale, corrections, total):
    """total + a Q8_0 block (f16 scale, 32 int8) by the 32 activations of its group, lane by lane."""
    acc = _first(corrections)
    for at in range(0, GROUP, _PART):
        acc = _dot4(acc, _load_q8(block + 2 + at), _load_i8(quants + at))
    return _fma(_to_f32(acc), _mul(_broadcast_f16(block), _broadcast_f32(scale)), total)


@kernel
def _block_q4_0(block, quants, scale, corrections, total):
    """total + a Q4_0 block (f16 scale, 16 bytes of nibbles) by its 32 activations, lane by lane."""
    acc = _dot4(_first(corrections), _load_q4_low(block + 2), _load_i8(quants))
    if _PART < GROUP:
        acc = _dot4(acc, _load_q4_high(block + 2), _load_i8(quants + 16))
    return _fma(_to_f32(acc), _mul(_broadcast_f16(block), _broadcast_f32(scale)), total)


@kernel
def _row_q8_0(row, cols, quants, scales, corrections):
    a, b = _zero(), _zero()
    groups = cols // GROUP
    for g in range(0, groups - 1, 2):
        block, at = row + g * Q8_0_BYTES, g * GROUP
        prefetch(block + AHEAD)
        a = _block_q8_0(block, quants + at, scales + 4 * g, corrections + at, a)
        block, at = block + Q8_0_BYTES, at + GROUP
        b = _block_q8_0(block, quants + at, scales + 4 * g + 4, corrections + at, b)
    if groups % 2:
        g = groups - 1
        at = g * GROUP
        a = _block_q8_0(row + g * Q8_0_BYTES, quants + at, scales + 4 * g, corrections + at, a)
    return _hsum(_add(a, b))


@kernel
def _row_q4_0(row, cols, quants, scales, corrections):
    a, b = _zero(), _zero()
    groups = cols // GROUP
    for g in range(0, groups - 1, 2):
        block, at = row + g * Q4_0_BYTES, g * GROUP
        prefetch(block + AHEAD)
        a = _block_q4_0(block, quants + at, scales + 4 * g, corrections + at, a)
        block, at = block + Q4_0_BYTES, at + GROUP
        b = _block_q4_0(block, quants + at, scales + 4 * g + 4, corrections + at, b)
    if groups % 2:
        g = groups - 1
        at = g * GROUP
        a = _block_q4_0(row + g * Q4_0_BYTES, quants + at, scales + 4 * g, corrections + at, a)
    return _hsum(_add(a, b))


@kernel
def _row_f32(row, cols, x):
    a, b = _zero(), _zero()
    for i in range(0, cols, 2 * LANES):
        a = _fma(_load_f32(row + 4 * i), _load_f32(x + 4 * i), a)
        b = _fma(_load_f32(row + 4 * (i + LANES)), _load_f32(x + 4 * (i + LANES)), b)
    return _hsum(_add(a, b))


@kernel
def _row_f16(row, cols, x):
    a, b = _zero(), _zero()
    for i in range(0, cols, 2 * LANES):
        a = _fma(_load_f16(row + 2 * i), _load_f32(x + 4 * i), a)
        b = _fma(_load_f16(row + 2 * (i + LANES)), _load_f32(x + 4 * (i + LANES)), b)
    return _hsum(_add(a, b))


@kernel
def _row_bf16(row, cols, x):
    a, b = _zero(), _zero()
    for i in range(0, cols, 2 * LANES):
        a = _fma(_load_bf16(row + 2 * i), _load_f32(x + 4 * i), a)
        b = _fma(_load_bf16(row + 2 * (i + LANES)), _load_f32(x + 4 * (i + LANES)), b)
    return _hsum(_add(a, b))


@kernel
def gemv_rows(weights, kind, cols, first, last, x, quants, scales, corrections, out):
    """out[first:last] = rows first..last of a matrix of GGML type `kind` by one token.

    All addresses: weights of row 0; x: float32 (cols,), read for float weights; quants, scales, corrections
    of the same token (kernels.quantize), read for quantized weights; out: float32 (rows,).
    """
    stride = row_bytes(kind, cols)
    for r in range(first, last):
        row = weights + r * stride
        if kind == Q8_0:
            value = _row_q8_0(row, cols, quants, scales, corrections)
        elif kind == Q4_0:
            value = _row_q4_0(row, cols, quants, scales, corrections)
        elif kind == F32:
            value = _row_f32(row, cols, x)
        elif kind == F16:
            value = _row_f16(row, cols, x)
        else:
            value = _row_bf16(row, cols, x)
        store_scalar(out + 4 * r, value)


@kernel
def dequantize_row(row, kind, cols, out):
    """out = a weight row as float32 (cols,), both by address; for embeddings and to pack float panels."""
    if kind == Q8_0:
        for at in range(0, cols, GROUP):
            block = row + at // GROUP * Q8_0_BYTES
            scale = _broadcast_f16(block)
            for i in range(0, GROUP, LANES):
                _store_f32(out + 4 * (at + i), _mul(_load_i8_as_f32(block + 2 + i), scale))
    elif kind == Q4_0:
        for at in range(0, cols, GROUP):
            block = row + at // GROUP * Q4_0_BYTES
            scale = load_half(block)
            for i in range(GROUP // 2):
                packed = load_u8(block + 2 + i)
                store_scalar(out + 4 * (at + i), np.float32((packed & 15) - 8) * scale)
                store_scalar(out + 4 * (at + i + 16), np.float32((packed >> 4) - 8) * scale)
    elif kind == F32:
        for i in range(0, cols, LANES):
            _store_f32(out + 4 * i, _load_f32(row + 4 * i))
    elif kind == F16:
        for i in range(0, cols, LANES):
            _store_f32(out + 4 * i, _load_f16(row + 2 * i))
    else:
        for i in range(0, cols, LANES):
            _store_f32(out + 4 * i, _load_bf16(row + 2 * i))
