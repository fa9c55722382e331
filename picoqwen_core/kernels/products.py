"""Matrix products of weights as they lie in a GGUF file with float32 activations.

Quantized weights meet activations that were quantized to int8 in groups of 32 (quantize_rows). One token
streams each weight row once (decode); many tokens share panels of rows that are packed once (prefill).
Weights are given by address, because a memory-mapped block format has no array type.
"""

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.simd import load_half, load_u32, nibble_loader, store_scalar, store_u32, vector_ops

GROUP = 32
F32, F16, Q4_0, Q8_0, BF16 = 0, 1, 2, 8, 30  # GGML type ids
Q8_0_BYTES, Q4_0_BYTES = 34, 18
# Fewer tokens than this are cheaper one by one than by packing panels.
MIN_PANEL_TOKENS = 6

_S, _W = vector_ops(ISA.lanes), vector_ops(ISA.wide_lanes)
LANES, PANEL_ROWS = ISA.lanes, ISA.wide_lanes
PARTS = GROUP // (4 * LANES)  # loads per group of 32 in decode
Q8_OFFSET = np.int32(128 if ISA.unsigned_weights else 0)
Q8_FLIP = np.uint32(0x80808080 if ISA.unsigned_weights else 0)
Q4_OFFSET = np.int32(8)

_load_i8, _load_f32, _load_f16, _load_bf16 = _S.load_i8, _S.load_f32, _S.load_f16, _S.load_bf16
_load_q8 = _S.flip_i8 if ISA.unsigned_weights else _S.load_i8
_load_q4_low, _load_q4_high = nibble_loader(LANES, 0), nibble_loader(LANES, 1)
_dot4, _to_f32, _fma, _hsum = _S.dot4, _S.to_f32, _S.fma, _S.hsum
_zero, _splat_f32, _splat_i32 = _S.zero_f32, _S.splat_f32, _S.splat_i32
_wide_dot4, _wide_to_f32, _wide_fma, _wide_mul = _W.dot4, _W.to_f32, _W.fma, _W.mul
_wide_splat_i32, _wide_splat_f32, _broadcast4 = _W.splat_i32, _W.splat_f32, _W.broadcast4
_wide_load_i8, _wide_load_f32, _wide_store_f32, _wide_zero = (
    _W.load_i8,
    _W.load_f32,
    _W.store_f32,
    _W.zero_f32,
)
_wide_add = _W.add


@kernel
def panel_bytes(cols):
    """Scratch that one thread needs to pack a panel of `cols` columns: bytes, then float32 scales."""
    return PANEL_ROWS * cols + 4 * PANEL_ROWS * (cols // GROUP)


@kernel
def quantize_row(x, quants, scales, sums):
    """Quantize one activation row to int8 in groups of 32.

    x: float32 (cols,); quants: int8 (cols,); scales: float32 (cols/32,); sums: int32 (cols/32,) of quants.
    """
    for group in range(x.size // GROUP):
        start = group * GROUP
        largest = np.float32(0)
        for i in range(start, start + GROUP):
            largest = max(largest, abs(x[i]))
        scales[group] = largest / np.float32(127)
        inverse = np.float32(127) / largest if largest > 0 else np.float32(0)
        total = np.int32(0)
        for i in range(start, start + GROUP):
            value = np.int32(np.rint(x[i] * inverse))
            quants[i] = value
            total += value
        sums[group] = total


@kernel
def _row_q8_0(row, cols, quants, scales, sums):
    """Dot product of a Q8_0 row (f16 scale and 32 int8 a block) with a quantized activation row."""
    total = _zero()
    shift = np.float32(0)
    for group in range(cols // GROUP):
        block = row + group * Q8_0_BYTES
        scale = load_half(block) * scales[group]
        acc = _splat_i32(np.int32(0))
        for part in range(PARTS):
            at = 4 * LANES * part
            acc = _dot4(acc, _load_q8(block + 2 + at), _load_i8(quants + group * GROUP + at))
        total = _fma(_to_f32(acc), _splat_f32(scale), total)
        shift += scale * np.float32(sums[group])
    return _hsum(total) - np.float32(Q8_OFFSET) * shift


@kernel
def _row_q4_0(row, cols, quants, scales, sums):
    """Dot product of a Q4_0 row (f16 scale and 16 bytes of nibbles a block) with a quantized row."""
    total = _zero()
    shift = np.float32(0)
    for group in range(cols // GROUP):
        block = row + group * Q4_0_BYTES
        scale = load_half(block) * scales[group]
        acc = _dot4(_splat_i32(np.int32(0)), _load_q4_low(block + 2), _load_i8(quants + group * GROUP))
        if PARTS == 2:
            acc = _dot4(acc, _load_q4_high(block + 2), _load_i8(quants + group * GROUP + 16))
        total = _fma(_to_f32(acc), _splat_f32(scale), total)
        shift += scale * np.float32(sums[group])
    return _hsum(total) - np.float32(Q4_OFFSET) * shift


@kernel
def _row_f32(row, cols, x):
    total = _zero()
    for i in range(cols // LANES):
        total = _fma(_load_f32(row + 4 * LANES * i), _load_f32(x + 4 * LANES * i), total)
    return _hsum(total)


@kernel
def _row_f16(row, cols, x):
    total = _zero()
    for i in range(cols // LANES):
        total = _fma(_load_f16(row + 2 * LANES * i), _load_f32(x + 4 * LANES * i), total)
    return _hsum(total)


@kernel
def _row_bf16(row, cols, x):
    total = _zero()
    for i in range(cols // LANES):
        total = _fma(_load_bf16(row + 2 * LANES * i), _load_f32(x + 4 * LANES * i), total)
    return _hsum(total)


@kernel
def row_bytes(kind, cols):
    """Bytes of one weight row of GGML type `kind`."""
    if kind == Q8_0:
        return cols // GROUP * Q8_0_BYTES
    if kind == Q4_0:
        return cols // GROUP * Q4_0_BYTES
    return cols * (4 if kind == F32 else 2)


@kernel
def _gemv_rows(weights, kind, cols, first, last, x, quants, scales, sums, out, add):
    """out[first:last] (+)= rows x activation; one token. x, scales, sums, out: arrays of that token."""
    stride = row_bytes(kind, cols)
    x_at, q_at = x.ctypes.data, quants.ctypes.data
    for r in range(first, last):
        row = weights + r * stride
        if kind == Q8_0:
            value = _row_q8_0(row, cols, q_at, scales, sums)
        elif kind == Q4_0:
            value = _row_q4_0(row, cols, q_at, scales, sums)
        elif kind == F32:
            value = _row_f32(row, cols, x_at)
        elif kind == F16:
            value = _row_f16(row, cols, x_at)
        else:
            value = _row_bf16(row, cols, x_at)
        if add:
            out[r] += value
        else:
            out[r] = value


@kernel
def _pack_panel(weights, kind, cols, first, panel):
    """Interleave PANEL_ROWS rows: 8 x rows x 4 weight bytes a group; after all groups, rows x f32 a group."""
    groups = cols // GROUP
    stride = row_bytes(kind, cols)
    scales = panel + PANEL_ROWS * cols
    for r in range(PANEL_ROWS):
        row = weights + (first + r) * stride
        for group in range(groups):
            target = panel + group * GROUP * PANEL_ROWS + 4 * r
            if kind == Q8_0:
                block = row + group * Q8_0_BYTES
                for j in range(8):
                    store_u32(target + j * 4 * PANEL_ROWS, load_u32(block + 2 + 4 * j) ^ Q8_FLIP)
            else:
                block = row + group * Q4_0_BYTES
                for j in range(4):
                    packed = load_u32(block + 2 + 4 * j)
                    low, high = (
                        packed & np.uint32(0x0F0F0F0F),
                        (packed >> np.uint32(4)) & np.uint32(0x0F0F0F0F),
                    )
                    store_u32(target + j * 4 * PANEL_ROWS, low)
                    store_u32(target + (j + 4) * 4 * PANEL_ROWS, high)
            store_scalar(scales + 4 * (group * PANEL_ROWS + r), load_half(block))


@kernel
def _tile4(panel, cols, offset, quants, scales, sums, t, out, first, add):
    """Four tokens by a packed panel; quants int8 (tokens, cols), out float32 (tokens, rows)."""
    groups = cols // GROUP
    weight_scales = panel + PANEL_ROWS * cols
    q0, q1, q2, q3 = (
        quants[t].ctypes.data,
        quants[t + 1].ctypes.data,
        quants[t + 2].ctypes.data,
        quants[t + 3].ctypes.data,
    )
    f0, f1, f2, f3 = _wide_zero(), _wide_zero(), _wide_zero(), _wide_zero()
    for g in range(groups):
        a0 = _wide_splat_i32(np.int32(-offset * sums[t, g]))
        a1 = _wide_splat_i32(np.int32(-offset * sums[t + 1, g]))
        a2 = _wide_splat_i32(np.int32(-offset * sums[t + 2, g]))
        a3 = _wide_splat_i32(np.int32(-offset * sums[t + 3, g]))
        base = panel + g * GROUP * PANEL_ROWS
        at = g * GROUP
        for j in range(8):
            w = _wide_load_i8(base + j * 4 * PANEL_ROWS)
            a0 = _wide_dot4(a0, w, _broadcast4(q0 + at + 4 * j))
            a1 = _wide_dot4(a1, w, _broadcast4(q1 + at + 4 * j))
            a2 = _wide_dot4(a2, w, _broadcast4(q2 + at + 4 * j))
            a3 = _wide_dot4(a3, w, _broadcast4(q3 + at + 4 * j))
        s = _wide_load_f32(weight_scales + 4 * g * PANEL_ROWS)
        f0 = _wide_fma(_wide_to_f32(a0), _wide_mul(s, _wide_splat_f32(scales[t, g])), f0)
        f1 = _wide_fma(_wide_to_f32(a1), _wide_mul(s, _wide_splat_f32(scales[t + 1, g])), f1)
        f2 = _wide_fma(_wide_to_f32(a2), _wide_mul(s, _wide_splat_f32(scales[t + 2, g])), f2)
        f3 = _wide_fma(_wide_to_f32(a3), _wide_mul(s, _wide_splat_f32(scales[t + 3, g])), f3)
    _store(out[t].ctypes.data + 4 * first, f0, add)
    _store(out[t + 1].ctypes.data + 4 * first, f1, add)
    _store(out[t + 2].ctypes.data + 4 * first, f2, add)
    _store(out[t + 3].ctypes.data + 4 * first, f3, add)


@kernel
def _tile1(panel, cols, offset, quants, scales, sums, t, out, first, add):
    """One token by a packed panel."""
    weight_scales = panel + PANEL_ROWS * cols
    q0 = quants[t].ctypes.data
    f0 = _wide_zero()
    for g in range(cols // GROUP):
        a0 = _wide_splat_i32(np.int32(-offset * sums[t, g]))
        base = panel + g * GROUP * PANEL_ROWS
        for j in range(8):
            w = _wide_load_i8(base + j * 4 * PANEL_ROWS)
            a0 = _wide_dot4(a0, w, _broadcast4(q0 + g * GROUP + 4 * j))
        s = _wide_load_f32(weight_scales + 4 * g * PANEL_ROWS)
        f0 = _wide_fma(_wide_to_f32(a0), _wide_mul(s, _wide_splat_f32(scales[t, g])), f0)
    _store(out[t].ctypes.data + 4 * first, f0, add)


@kernel
def _store(at, value, add):
    if add:
        _wide_store_f32(at, _wide_add(_wide_load_f32(at), value))
    else:
        _wide_store_f32(at, value)


@kernel
def matmul(thread, threads, weights, kind, rows, cols, tokens, x, quants, scales, sums, out, panel, add):
    """out[t, r] (+)= sum over c of W[r, c] x[t, c], for this thread's share of the rows.

    weights: address of a (rows, cols) matrix of GGML type `kind`; x: float32 (>= tokens, cols), read for
    float weights; quants, scales, sums: the same quantized, read for quantized weights; out: float32
    (>= tokens, rows); panel: address of this thread's scratch of panel_bytes(cols).
    """
    panels = rows // PANEL_ROWS
    share = (panels + threads - 1) // threads
    first = min(panels, thread * share) * PANEL_ROWS
    last = rows if thread == threads - 1 else min(panels, (thread + 1) * share) * PANEL_ROWS
    if tokens < MIN_PANEL_TOKENS or (kind != Q8_0 and kind != Q4_0):
        for t in range(tokens):
            _gemv_rows(weights, kind, cols, first, last, x[t], quants[t], scales[t], sums[t], out[t], add)
        return
    offset = Q8_OFFSET if kind == Q8_0 else Q4_OFFSET
    row = first
    while row + PANEL_ROWS <= last:
        _pack_panel(weights, kind, cols, row, panel)
        t = 0
        while t + 4 <= tokens:
            _tile4(panel, cols, offset, quants, scales, sums, t, out, row, add)
            t += 4
        while t < tokens:
            _tile1(panel, cols, offset, quants, scales, sums, t, out, row, add)
            t += 1
        row += PANEL_ROWS
    for t in range(tokens):
        _gemv_rows(weights, kind, cols, row, last, x[t], quants[t], scales[t], sums[t], out[t], add)


@kernel
def embed(weights, kind, cols, token, out):
    """out[:] = row `token` of an embedding matrix of GGML type `kind`; out: float32 (cols,)."""
    row = weights + token * row_bytes(kind, cols)
    for group in range(cols // GROUP):
        for i in range(GROUP):
            out[group * GROUP + i] = _element(row, kind, group, i)


@kernel
def _element(row, kind, group, i):
    at = group * GROUP + i
    if kind == F32:
        return _as_f32(load_u32(row + 4 * at))
    if kind == F16:
        return load_half(row + 2 * at)
    if kind == BF16:
        return _as_f32((load_u32(row + 2 * at) & np.uint32(0xFFFF)) << np.uint32(16))
    if kind == Q8_0:
        block = row + group * Q8_0_BYTES
        return load_half(block) * np.float32(np.int8(load_u32(block + 2 + i) & np.uint32(0xFF)))
    block = row + group * Q4_0_BYTES
    packed = load_u32(block + 2 + i % 16) & np.uint32(0xFF)
    nibble = packed & np.uint32(15) if i < 16 else packed >> np.uint32(4)
    return load_half(block) * (np.float32(nibble) - np.float32(8))


@kernel
def _as_f32(bits):
    return np.uint32(bits).view(np.float32)
