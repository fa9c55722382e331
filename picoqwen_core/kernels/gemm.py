"""Prefill: panels of rows, packed once and used by many tokens.

A panel holds LANES rows side by side, so that one vector holds the same four columns of every row and no sum
over lanes is ever needed. Quantized: [group][8][rows][4] bytes, then [group][rows] float32 scales (for
formats with halves [group][2][rows]), then [group][rows] offsets where panels are small (kernels.blocks).
Float: [column][rows] float32.
"""

import numpy as np

from picoqwen_core.kernels.blocks import (
    ask_for,
    bias,
    for_panel,
    has_halves,
    has_offsets,
    has_small_panels,
    high,
    low,
    offset,
    row_size,
    scale,
    scale_high,
    size_of,
    steps_of,
)
from picoqwen_core.kernels.chunks import CHUNK, GROUP, GROUPS, LANES, STEP, transpose_chunks
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.quantize import UNSIGNED, row_of
from picoqwen_core.kernels.simd import load_i32, load_scalar, store_scalar, vector_ops

PANEL_ROWS = LANES
_V = vector_ops(LANES)
_load_i8, _load_f32, _store_f32, _store_i8 = _V.load_i8, _V.load_f32, _V.store_f32, _V.store_i8
_broadcast4, _broadcast_f32 = _V.broadcast4, _V.broadcast_f32
_dot4, _small_dot4, _to_f32, _fma, _mul = _V.dot4, _V.small_dot4, _V.to_f32, _V.fma, _V.mul
_splat_i32, _zero_i32, _zero = _V.splat_i32, _V.zero_i32, _V.zero_f32
_add_i32, _store_few = _V.add_i32, vector_ops(GROUPS).store_f32


@kernel
def panel_bytes(cols):
    """Bytes of a packed panel of a quantized matrix with `cols` columns, for the formats that need most."""
    return PANEL_ROWS * cols + 12 * PANEL_ROWS * (cols // GROUP)


@kernel
def pack_panel(kind, weights, scales, cols, first, panel, scratch):
    """Pack PANEL_ROWS rows, from row `first` on, of a quantized matrix; addresses.

    scratch: PANEL_ROWS x (STEP + 12 LANES) bytes.
    """
    size, groups = row_size(kind, cols), cols // GROUP
    factors = scratch + PANEL_ROWS * STEP
    for step in range(cols // STEP):
        block, k = step // steps_of(kind) * size_of(kind), step % steps_of(kind)
        for r in range(PANEL_ROWS):
            at = weights + (first + r) * size + block
            step_scales = scales + 4 * ((first + r) * groups + GROUPS * step)
            # Rows side by side are no stream that the memory's prefetcher would see: ask for the next panel.
            ask_for(kind, at + PANEL_ROWS * size)
            target, numbers = scratch + r * STEP, factors + 12 * LANES * r
            _store_i8(target, for_panel(kind, low(kind, at, k)))
            _store_i8(target + 4 * LANES, for_panel(kind, high(kind, at, k)))
            s = scale(kind, at, k, step_scales)
            _store_f32(numbers, s)
            if has_halves(kind):
                _store_f32(numbers + 4 * LANES, scale_high(kind, at, k, step_scales))
            elif has_offsets(kind):
                _store_few(numbers + 4 * LANES, offset(kind, at, k))
        _arrange_bytes(step, scratch, panel)
        _arrange_numbers(kind, step, cols, factors, panel)


@kernel
def _arrange_bytes(step, scratch, panel):
    """From rows of a step to [group][8][rows][4]."""
    for i in range(GROUPS):
        target = panel + (step * GROUPS + i) * GROUP * PANEL_ROWS
        transpose_chunks(scratch + CHUNK * i, target)
        transpose_chunks(scratch + CHUNK * (GROUPS + i), target + CHUNK * PANEL_ROWS)


@kernel
def _arrange_numbers(kind, step, cols, factors, panel):
    scales = panel + PANEL_ROWS * cols
    offsets = scales + 4 * PANEL_ROWS * (cols // GROUP)
    for i in range(GROUPS):
        group = step * GROUPS + i
        for r in range(PANEL_ROWS):
            at = factors + 12 * LANES * r + 16 * i
            if has_halves(kind):
                store_scalar(scales + 8 * group * PANEL_ROWS + 4 * r, load_scalar(at))
                store_scalar(scales + (8 * group + 4) * PANEL_ROWS + 4 * r, load_scalar(at + 4 * LANES))
            else:
                store_scalar(scales + 4 * (group * PANEL_ROWS + r), load_scalar(at))
                if has_small_panels(kind):
                    number = -bias(kind) * load_scalar(at)
                    if has_offsets(kind):
                        number = load_scalar(factors + 12 * LANES * r + 4 * LANES + 4 * i)
                    # Four times, because what it is multiplied by is a quarter of the sum.
                    offset_at = offsets + 4 * (group * PANEL_ROWS + r)
                    store_scalar(offset_at, np.float32(4) * number)


@kernel
def _begin(total):
    """What an accumulator begins with: the correction of unsigned weights."""
    return _splat_i32(load_i32(total)) if UNSIGNED else _zero_i32()


@kernel
def _store4(out, stride, f0, f1, f2, f3):
    _store_f32(out, f0)
    _store_f32(out + stride, f1)
    _store_f32(out + 2 * stride, f2)
    _store_f32(out + 3 * stride, f3)


@kernel
def _scaled(total, products, factors, at):
    """total + products x factors x the float32 at an address."""
    return _fma(_to_f32(products), _mul(factors, _broadcast_f32(at)), total)


@kernel
def _tile4(panel, cols, a, b, c, d, out, stride):
    """Four tokens by a packed panel: out[t, 0:PANEL_ROWS] = panel . token t.

    a, b, c, d: Activations of the tokens; out: address of float32 with `stride` bytes between tokens.
    """
    weight_scales = panel + PANEL_ROWS * cols
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for step in range(cols // STEP):
        for i in range(GROUPS):
            g = step * GROUPS + i
            w, x = panel + g * GROUP * PANEL_ROWS, step * STEP + CHUNK * i
            p, q = _begin(a.totals + 4 * g), _begin(b.totals + 4 * g)
            r, s = _begin(c.totals + 4 * g), _begin(d.totals + 4 * g)
            for j in range(4):
                v, y = _load_i8(w + 4 * PANEL_ROWS * j), x + 4 * j
                p, q = _dot4(p, v, _broadcast4(a.quants + y)), _dot4(q, v, _broadcast4(b.quants + y))
                r, s = _dot4(r, v, _broadcast4(c.quants + y)), _dot4(s, v, _broadcast4(d.quants + y))
            for j in range(4):
                v, y = _load_i8(w + 4 * PANEL_ROWS * (4 + j)), x + CHUNK * GROUPS + 4 * j
                p, q = _dot4(p, v, _broadcast4(a.quants + y)), _dot4(q, v, _broadcast4(b.quants + y))
                r, s = _dot4(r, v, _broadcast4(c.quants + y)), _dot4(s, v, _broadcast4(d.quants + y))
            z = _load_f32(weight_scales + 4 * g * PANEL_ROWS)
            f0, f1 = _scaled(f0, p, z, a.scales + 4 * g), _scaled(f1, q, z, b.scales + 4 * g)
            f2, f3 = _scaled(f2, r, z, c.scales + 4 * g), _scaled(f3, s, z, d.scales + 4 * g)
    _store4(out, stride, f0, f1, f2, f3)


@kernel
def _small_tile4(panel, cols, a, b, c, d, out, stride):
    """The same for small panels: no corrections but offsets, which are a product of floats."""
    groups = cols // GROUP
    weight_scales = panel + PANEL_ROWS * cols
    offsets = weight_scales + 4 * PANEL_ROWS * groups
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for step in range(cols // STEP):
        for i in range(GROUPS):
            g = step * GROUPS + i
            w, x = panel + g * GROUP * PANEL_ROWS, step * STEP + CHUNK * i
            p, q, r, s = _zero_i32(), _zero_i32(), _zero_i32(), _zero_i32()
            for j in range(4):
                v, y = _load_i8(w + 4 * PANEL_ROWS * j), x + 4 * j
                p, q = _small(p, v, a.quants + y), _small(q, v, b.quants + y)
                r, s = _small(r, v, c.quants + y), _small(s, v, d.quants + y)
            for j in range(4):
                v, y = _load_i8(w + 4 * PANEL_ROWS * (4 + j)), x + CHUNK * GROUPS + 4 * j
                p, q = _small(p, v, a.quants + y), _small(q, v, b.quants + y)
                r, s = _small(r, v, c.quants + y), _small(s, v, d.quants + y)
            z = _load_f32(weight_scales + 4 * g * PANEL_ROWS)
            f0, f1 = _scaled(f0, p, z, a.scales + 4 * g), _scaled(f1, q, z, b.scales + 4 * g)
            f2, f3 = _scaled(f2, r, z, c.scales + 4 * g), _scaled(f3, s, z, d.scales + 4 * g)
    for g in range(groups):
        m = _load_f32(offsets + 4 * g * PANEL_ROWS)
        f0 = _fma(m, _broadcast_f32(a.quarters + 4 * g), f0)
        f1 = _fma(m, _broadcast_f32(b.quarters + 4 * g), f1)
        f2 = _fma(m, _broadcast_f32(c.quarters + 4 * g), f2)
        f3 = _fma(m, _broadcast_f32(d.quarters + 4 * g), f3)
    _store4(out, stride, f0, f1, f2, f3)


@kernel
def _small(products, weights, at):
    return _small_dot4(products, weights, _broadcast4(at))


@kernel
def _halves_tile4(panel, cols, a, b, c, d, out, stride):
    """The same for two scales in a group."""
    weight_scales = panel + PANEL_ROWS * cols
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for step in range(cols // STEP):
        for i in range(2 * GROUPS):
            g, half = step * GROUPS + i // 2, i % 2
            w = panel + (g * GROUP + half * CHUNK) * PANEL_ROWS
            x, n = step * STEP + CHUNK * (i // 2 + GROUPS * half), 8 * g + 4 * half
            p, q = _begin(a.half_totals + n), _begin(b.half_totals + n)
            r, s = _begin(c.half_totals + n), _begin(d.half_totals + n)
            for j in range(4):
                v, y = _load_i8(w + 4 * PANEL_ROWS * j), x + 4 * j
                p, q = _dot4(p, v, _broadcast4(a.quants + y)), _dot4(q, v, _broadcast4(b.quants + y))
                r, s = _dot4(r, v, _broadcast4(c.quants + y)), _dot4(s, v, _broadcast4(d.quants + y))
            z = _load_f32(weight_scales + n * PANEL_ROWS)
            f0, f1 = _scaled(f0, p, z, a.scales + 4 * g), _scaled(f1, q, z, b.scales + 4 * g)
            f2, f3 = _scaled(f2, r, z, c.scales + 4 * g), _scaled(f3, s, z, d.scales + 4 * g)
    _store4(out, stride, f0, f1, f2, f3)


@kernel
def _tile1(panel, cols, a, out):
    """One token by a packed panel; as tile4."""
    weight_scales = panel + PANEL_ROWS * cols
    total = _zero()
    for step in range(cols // STEP):
        for i in range(GROUPS):
            g = step * GROUPS + i
            w, x = panel + g * GROUP * PANEL_ROWS, a.quants + step * STEP + CHUNK * i
            p, q = _begin(a.totals + 4 * g), _zero_i32()
            for j in range(4):
                y = x + 4 * j
                p = _dot4(p, _load_i8(w + 4 * PANEL_ROWS * j), _broadcast4(y))
                q = _dot4(q, _load_i8(w + 4 * PANEL_ROWS * (4 + j)), _broadcast4(y + CHUNK * GROUPS))
            z = _load_f32(weight_scales + 4 * g * PANEL_ROWS)
            total = _scaled(total, _add_i32(p, q), z, a.scales + 4 * g)
    _store_f32(out, total)


@kernel
def _float_tile4(panel, cols, a, b, c, d, out, stride):
    """Four tokens by a float panel; a, b, c, d: addresses of float32 (cols,); out as in tile4."""
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for i in range(cols):
        w, at = _load_f32(panel + 4 * i * PANEL_ROWS), 4 * i
        f0, f1 = _fma(w, _broadcast_f32(a + at), f0), _fma(w, _broadcast_f32(b + at), f1)
        f2, f3 = _fma(w, _broadcast_f32(c + at), f2), _fma(w, _broadcast_f32(d + at), f3)
    _store4(out, stride, f0, f1, f2, f3)


@kernel
def full_panel(panel, cols, tokens, a, out, stride):
    """out[t, 0:PANEL_ROWS] = panel . token t, for any number of tokens; a: Activations.

    Four tokens at a time, of which the last four may overlap those before.
    """
    if tokens < 4:
        for t in range(tokens):
            _tile1(panel, cols, row_of(a, t, cols), out + t * stride)
        return
    for first in range(0, tokens, 4):
        t = min(first, tokens - 4)
        x0, x1 = row_of(a, t, cols), row_of(a, t + 1, cols)
        x2, x3 = row_of(a, t + 2, cols), row_of(a, t + 3, cols)
        _tile4(panel, cols, x0, x1, x2, x3, out + t * stride, stride)


@kernel
def small_panel(panel, cols, tokens, a, out, stride):
    """The same for small panels and at least four tokens."""
    for first in range(0, tokens, 4):
        t = min(first, tokens - 4)
        x0, x1 = row_of(a, t, cols), row_of(a, t + 1, cols)
        x2, x3 = row_of(a, t + 2, cols), row_of(a, t + 3, cols)
        _small_tile4(panel, cols, x0, x1, x2, x3, out + t * stride, stride)


@kernel
def halves_panel(panel, cols, tokens, a, out, stride):
    """The same for two scales in a group and at least four tokens."""
    for first in range(0, tokens, 4):
        t = min(first, tokens - 4)
        x0, x1 = row_of(a, t, cols), row_of(a, t + 1, cols)
        x2, x3 = row_of(a, t + 2, cols), row_of(a, t + 3, cols)
        _halves_tile4(panel, cols, x0, x1, x2, x3, out + t * stride, stride)


@kernel
def float_panel(panel, cols, tokens, a, out, stride):
    """The same for a float panel and at least four tokens."""
    for first in range(0, tokens, 4):
        t = min(first, tokens - 4)
        x = a.floats + 4 * t * cols
        _float_tile4(panel, cols, x, x + 4 * cols, x + 8 * cols, x + 12 * cols, out + t * stride, stride)
