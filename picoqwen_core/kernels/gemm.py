"""Prefill: panels of rows, packed once and used by many tokens.

A panel holds PANEL_ROWS rows side by side, so that one vector holds the same four columns of every row and no
sum over lanes is ever needed. Quantized: [group][8][rows][4] bytes, then [group][rows] float32 scales. Float:
[column][rows] float32.
"""

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.gemv import Q4_0_BYTES, Q8_0, Q8_0_BYTES, dequantize_row, row_bytes
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.quantize import GROUP, UNSIGNED
from picoqwen_core.kernels.simd import (
    load_half,
    load_i32,
    load_scalar,
    load_u32,
    store_scalar,
    store_u32,
    vector_ops,
)

PANEL_ROWS = ISA.wide_lanes
_Q8_FLIP = np.uint32(0x80808080 if UNSIGNED else 0)
_NIBBLES = np.uint32(0x0F0F0F0F)
# A nibble less 8 is the nibble plus 120 with the sign bit flipped; the sum never carries out of its byte.
_Q4_ADD = np.uint32(0x78787878)
_Q4_FLIP = np.uint32(0 if UNSIGNED else 0x80808080)

_W = vector_ops(PANEL_ROWS)
_load_i8, _load_f32, _store_f32 = _W.load_i8, _W.load_f32, _W.store_f32
_broadcast4, _broadcast_f32 = _W.broadcast4, _W.broadcast_f32
_dot4, _to_f32, _fma, _mul = _W.dot4, _W.to_f32, _W.fma, _W.mul
_splat_i32, _zero_i32, _add_i32, _zero = _W.splat_i32, _W.zero_i32, _W.add_i32, _W.zero_f32


@kernel
def panel_bytes(cols):
    """Bytes of a packed panel of a quantized matrix with `cols` columns."""
    return PANEL_ROWS * cols + 4 * PANEL_ROWS * (cols // GROUP)


@kernel
def pack_panel(weights, kind, cols, first, panel):
    """Pack PANEL_ROWS rows, from row `first` on, of a Q8_0 or Q4_0 matrix; addresses."""
    stride = row_bytes(kind, cols)
    scales = panel + PANEL_ROWS * cols
    for r in range(PANEL_ROWS):
        row = weights + (first + r) * stride
        for group in range(cols // GROUP):
            target = panel + group * GROUP * PANEL_ROWS + 4 * r
            if kind == Q8_0:
                block = row + group * Q8_0_BYTES
                for j in range(8):
                    store_u32(target + j * 4 * PANEL_ROWS, load_u32(block + 2 + 4 * j) ^ _Q8_FLIP)
            else:
                block = row + group * Q4_0_BYTES
                for j in range(4):
                    packed = load_u32(block + 2 + 4 * j)
                    low = (packed & _NIBBLES) + _Q4_ADD
                    high = ((packed >> np.uint32(4)) & _NIBBLES) + _Q4_ADD
                    store_u32(target + j * 4 * PANEL_ROWS, low ^ _Q4_FLIP)
                    store_u32(target + (j + 4) * 4 * PANEL_ROWS, high ^ _Q4_FLIP)
            store_scalar(scales + 4 * (group * PANEL_ROWS + r), load_half(block))


@kernel
def pack_float_panel(weights, kind, cols, first, panel, row_buffer):
    """Pack PANEL_ROWS rows of an F32, F16 or BF16 matrix; row_buffer: scratch of float32 (cols,)."""
    stride = row_bytes(kind, cols)
    for r in range(PANEL_ROWS):
        dequantize_row(weights + (first + r) * stride, kind, cols, row_buffer)
        for c in range(cols):
            store_scalar(panel + 4 * (c * PANEL_ROWS + r), load_scalar(row_buffer + 4 * c))


@kernel
def _begin(total):
    """What an accumulator begins with: the correction of unsigned weights."""
    return _splat_i32(load_i32(total)) if UNSIGNED else _zero_i32()


@kernel
def tile4(panel, cols, quants, scales, totals, out, stride):
    """Four tokens by a packed panel: out[t, 0:PANEL_ROWS] = panel . token t.

    Addresses of the first of four tokens: quants int8 (4, cols), scales float32 (4, cols/32), totals int32
    (4, cols/32); out: float32 with `stride` bytes between tokens.
    """
    groups = cols // GROUP
    weight_scales = panel + PANEL_ROWS * cols
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for g in range(groups):
        s0, at = 4 * g, quants + GROUP * g
        s1, s2, s3 = s0 + 4 * groups, s0 + 8 * groups, s0 + 12 * groups
        a0, a1, a2, a3 = _begin(totals + s0), _begin(totals + s1), _begin(totals + s2), _begin(totals + s3)
        for j in range(8):
            w = _load_i8(panel + (g * 8 + j) * 4 * PANEL_ROWS)
            a0 = _dot4(a0, w, _broadcast4(at + 4 * j))
            a1 = _dot4(a1, w, _broadcast4(at + cols + 4 * j))
            a2 = _dot4(a2, w, _broadcast4(at + 2 * cols + 4 * j))
            a3 = _dot4(a3, w, _broadcast4(at + 3 * cols + 4 * j))
        s = _load_f32(weight_scales + 4 * g * PANEL_ROWS)
        f0 = _fma(_to_f32(a0), _mul(s, _broadcast_f32(scales + s0)), f0)
        f1 = _fma(_to_f32(a1), _mul(s, _broadcast_f32(scales + s1)), f1)
        f2 = _fma(_to_f32(a2), _mul(s, _broadcast_f32(scales + s2)), f2)
        f3 = _fma(_to_f32(a3), _mul(s, _broadcast_f32(scales + s3)), f3)
    _store_f32(out, f0)
    _store_f32(out + stride, f1)
    _store_f32(out + 2 * stride, f2)
    _store_f32(out + 3 * stride, f3)


@kernel
def tile1(panel, cols, quants, scales, totals, out):
    """One token by a packed panel; as tile4."""
    weight_scales = panel + PANEL_ROWS * cols
    total = _zero()
    for g in range(cols // GROUP):
        a, b = _begin(totals + 4 * g), _zero_i32()
        base, at = panel + g * GROUP * PANEL_ROWS, quants + GROUP * g
        for j in range(0, 8, 2):
            a = _dot4(a, _load_i8(base + j * 4 * PANEL_ROWS), _broadcast4(at + 4 * j))
            b = _dot4(b, _load_i8(base + (j + 1) * 4 * PANEL_ROWS), _broadcast4(at + 4 * j + 4))
        scale = _mul(_load_f32(weight_scales + 4 * g * PANEL_ROWS), _broadcast_f32(scales + 4 * g))
        total = _fma(_to_f32(_add_i32(a, b)), scale, total)
    _store_f32(out, total)


@kernel
def float_tile4(panel, cols, x, out, stride):
    """Four tokens by a float panel; x: address of float32 (4, cols); out as in tile4."""
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for c in range(cols):
        w, at = _load_f32(panel + 4 * c * PANEL_ROWS), x + 4 * c
        f0 = _fma(w, _broadcast_f32(at), f0)
        f1 = _fma(w, _broadcast_f32(at + 4 * cols), f1)
        f2 = _fma(w, _broadcast_f32(at + 8 * cols), f2)
        f3 = _fma(w, _broadcast_f32(at + 12 * cols), f3)
    _store_f32(out, f0)
    _store_f32(out + stride, f1)
    _store_f32(out + 2 * stride, f2)
    _store_f32(out + 3 * stride, f3)


@kernel
def float_tile1(panel, cols, x, out):
    """One token by a float panel, in the same order of additions as four."""
    total = _zero()
    for c in range(cols):
        total = _fma(_load_f32(panel + 4 * c * PANEL_ROWS), _broadcast_f32(x + 4 * c), total)
    _store_f32(out, total)
