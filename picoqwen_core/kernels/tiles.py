"""The inner loops of prefill: four tokens by one packed panel, or by two side by side.

Panels lie as kernels.gemm packs them. A tile is compiled once for each of three ways to multiply, its marker.
Two panels at a time use each of the tokens' quants twice per load, where there are registers enough for it.
"""

from dataclasses import dataclass

from llvmlite import ir
from numba import types

from picoqwen_core.kernels.chunks import CHUNK, GROUP, GROUPS, LANES, STEP
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.dot import emit_dot4, emit_small_dot4
from picoqwen_core.kernels.gemm import PANEL_ROWS
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.markers import Marker, marked
from picoqwen_core.kernels.quantize import UNSIGNED, row_of
from picoqwen_core.kernels.simd import Vector, load_i32, vector_ops

_V = vector_ops(LANES)
_load_i8, _load_f32, _store_f32 = _V.load_i8, _V.load_f32, _V.store_f32
_broadcast4, _broadcast_f32 = _V.broadcast4, _V.broadcast_f32
_to_f32, _fma, _mul, _add_i32 = _V.to_f32, _V.fma, _V.mul, _V.add_i32
_splat_i32, _zero = _V.splat_i32, _V.zero_f32
_DWORDS, _BYTES = Vector("i32", LANES), Vector("i8", 4 * LANES)
_PANEL_CHUNK = CHUNK * PANEL_ROWS


@dataclass(frozen=True)
class Tile(Marker):
    """How to multiply. small: panels are small, and have offsets; halves: two scales for a group of 32."""

    small: bool = False
    halves: bool = False


FULL, SMALL, HALVES = Tile("full tile"), Tile("small tile", small=True), Tile("halves tile", halves=True)
# Two panels by four tokens take 16 accumulators and 5 more registers: AVX2 has 16 of them, NEON 32.
PAIRS = ISA.registers >= 32


@marked(types.boolean)
def _is_small(builder, tile):
    return ir.Constant(ir.IntType(1), int(tile.small))


@marked(types.boolean)
def _is_halves(builder, tile):
    return ir.Constant(ir.IntType(1), int(tile.halves))


@marked(_DWORDS, _DWORDS, _BYTES, _BYTES)
def _dot4(builder, tile, accumulator, weights, values):
    emit = emit_small_dot4 if tile.small else emit_dot4
    return emit(builder, accumulator, weights, values, LANES)


@kernel
def _correction(tile, a, g, half):
    """What an accumulator of group g begins with: the correction of unsigned weights (Activations.totals)."""
    if not UNSIGNED or _is_small(tile):
        return _splat_i32(0)
    return _splat_i32(load_i32(a.half_totals + 8 * g + half if _is_halves(tile) else a.totals + 4 * g))


@kernel
def _begin(tile, a, b, c, d, g, half):
    """Accumulators of four tokens; half: 0 or 4, the bytes that the half's total is behind the first's."""
    p, q = _correction(tile, a, g, half), _correction(tile, b, g, half)
    return p, q, _correction(tile, c, g, half), _correction(tile, d, g, half)


@kernel
def _dots(tile, v, y, a, b, c, d, p, q, r, s):
    """The accumulators with the products of a vector of weights and four quants of each token, at y."""
    p, q = _dot4(tile, p, v, _broadcast4(a.quants + y)), _dot4(tile, q, v, _broadcast4(b.quants + y))
    r, s = _dot4(tile, r, v, _broadcast4(c.quants + y)), _dot4(tile, s, v, _broadcast4(d.quants + y))
    return p, q, r, s


@kernel
def _scaled(total, products, z, at):
    return _fma(_to_f32(products), _mul(z, _broadcast_f32(at)), total)


@kernel
def _add(z, g, a, b, c, d, p, q, r, s, f0, f1, f2, f3):
    """The totals with the products of group g by the weights' scales at z and the tokens'."""
    z = _load_f32(z)
    f0, f1 = _scaled(f0, p, z, a.scales + 4 * g), _scaled(f1, q, z, b.scales + 4 * g)
    f2, f3 = _scaled(f2, r, z, c.scales + 4 * g), _scaled(f3, s, z, d.scales + 4 * g)
    return f0, f1, f2, f3


@kernel
def _scales_of(tile, scales, g):
    """Where a panel's scales of group g lie."""
    return scales + (8 if _is_halves(tile) else 4) * g * PANEL_ROWS


@kernel
def _finish(tile, panel, cols, a, b, c, d, f0, f1, f2, f3, out, stride):
    """Add offsets, a product of floats, and store the totals."""
    if _is_small(tile):
        groups = cols // GROUP
        offsets = panel + PANEL_ROWS * cols + 4 * PANEL_ROWS * groups
        for g in range(groups):
            m = _load_f32(offsets + 4 * g * PANEL_ROWS)
            f0 = _fma(m, _broadcast_f32(a.quarters + 4 * g), f0)
            f1 = _fma(m, _broadcast_f32(b.quarters + 4 * g), f1)
            f2 = _fma(m, _broadcast_f32(c.quarters + 4 * g), f2)
            f3 = _fma(m, _broadcast_f32(d.quarters + 4 * g), f3)
    store4(out, stride, f0, f1, f2, f3)


@kernel
def store4(out, stride, f0, f1, f2, f3):
    """Vectors of four tokens."""
    _store_f32(out, f0)
    _store_f32(out + stride, f1)
    _store_f32(out + 2 * stride, f2)
    _store_f32(out + 3 * stride, f3)


@kernel
def _single(tile, panel, cols, a, b, c, d, out, stride):
    """out[t, 0:PANEL_ROWS] = panel . token t, for four tokens: their Activations, and where they go."""
    scales, f = panel + PANEL_ROWS * cols, (_zero(), _zero(), _zero(), _zero())
    for step in range(cols // STEP):
        for i in range(GROUPS):
            g = step * GROUPS + i
            w, x, z = panel + g * GROUP * PANEL_ROWS, step * STEP + CHUNK * i, _scales_of(tile, scales, g)
            p = _begin(tile, a, b, c, d, g, 0)
            for j in range(4):
                p = _dots(tile, _load_i8(w + 4 * PANEL_ROWS * j), x + 4 * j, a, b, c, d, *p)
            if _is_halves(tile):
                f = _add(z, g, a, b, c, d, *p, *f)
                p, z = _begin(tile, a, b, c, d, g, 4), z + 4 * PANEL_ROWS
            w, x = w + _PANEL_CHUNK, x + CHUNK * GROUPS
            for j in range(4):
                p = _dots(tile, _load_i8(w + 4 * PANEL_ROWS * j), x + 4 * j, a, b, c, d, *p)
            f = _add(z, g, a, b, c, d, *p, *f)
    _finish(tile, panel, cols, a, b, c, d, *f, out, stride)


@kernel
def _pair(tile, panel, apart, cols, a, b, c, d, out, stride):
    """The same for a panel and one `apart` bytes behind it, whose rows follow."""
    scales = panel + PANEL_ROWS * cols
    f = (_zero(), _zero(), _zero(), _zero())
    h = f
    for step in range(cols // STEP):
        for i in range(GROUPS):
            g = step * GROUPS + i
            w, x, z = panel + g * GROUP * PANEL_ROWS, step * STEP + CHUNK * i, _scales_of(tile, scales, g)
            p = _begin(tile, a, b, c, d, g, 0)
            q = p
            for j in range(4):
                at, y = w + 4 * PANEL_ROWS * j, x + 4 * j
                p = _dots(tile, _load_i8(at), y, a, b, c, d, *p)
                q = _dots(tile, _load_i8(at + apart), y, a, b, c, d, *q)
            if _is_halves(tile):
                f, h = _add(z, g, a, b, c, d, *p, *f), _add(z + apart, g, a, b, c, d, *q, *h)
                p, z = _begin(tile, a, b, c, d, g, 4), z + 4 * PANEL_ROWS
                q = p
            w, x = w + _PANEL_CHUNK, x + CHUNK * GROUPS
            for j in range(4):
                at, y = w + 4 * PANEL_ROWS * j, x + 4 * j
                p = _dots(tile, _load_i8(at), y, a, b, c, d, *p)
                q = _dots(tile, _load_i8(at + apart), y, a, b, c, d, *q)
            f, h = _add(z, g, a, b, c, d, *p, *f), _add(z + apart, g, a, b, c, d, *q, *h)
    _finish(tile, panel, cols, a, b, c, d, *f, out, stride)
    _finish(tile, panel + apart, cols, a, b, c, d, *h, out + 4 * PANEL_ROWS, stride)


@kernel
def panels(tile, panel, apart, cols, tokens, a, out, stride):
    """A panel, or two, by any number of tokens from four on; the last four may overlap those before.

    apart: 0 for one panel, else how many bytes behind it the second lies.
    """
    for first in range(0, tokens, 4):
        t = min(first, tokens - 4)
        x0, x1 = row_of(a, t, cols), row_of(a, t + 1, cols)
        x2, x3 = row_of(a, t + 2, cols), row_of(a, t + 3, cols)
        if apart == 0:
            _single(tile, panel, cols, x0, x1, x2, x3, out + t * stride, stride)
        else:
            _pair(tile, panel, apart, cols, x0, x1, x2, x3, out + t * stride, stride)


@kernel
def few_tokens(panel, apart, cols, tokens, a, out, stride):
    """The same for full panels and fewer tokens than four."""
    for t in range(tokens):
        x = row_of(a, t, cols)
        _one_token(panel, cols, x, out + t * stride)
        if apart != 0:
            _one_token(panel + apart, cols, x, out + t * stride + 4 * PANEL_ROWS)


@kernel
def _one_token(panel, cols, a, out):
    """One token by a full panel."""
    weight_scales, total = panel + PANEL_ROWS * cols, _zero()
    for step in range(cols // STEP):
        for i in range(GROUPS):
            g = step * GROUPS + i
            w, x = panel + g * GROUP * PANEL_ROWS, a.quants + step * STEP + CHUNK * i
            p, q = _correction(FULL, a, g, 0), _splat_i32(0)
            for j in range(4):
                y, at = x + 4 * j, w + 4 * PANEL_ROWS * j
                p = _dot4(FULL, p, _load_i8(at), _broadcast4(y))
                q = _dot4(FULL, q, _load_i8(at + _PANEL_CHUNK), _broadcast4(y + CHUNK * GROUPS))
            z = _load_f32(weight_scales + 4 * g * PANEL_ROWS)
            total = _scaled(total, _add_i32(p, q), z, a.scales + 4 * g)
    _store_f32(out, total)


@kernel
def _float_tile(panel, cols, a, b, c, d, out, stride):
    """Four tokens by a float panel; a, b, c, d: addresses of float32 (cols,)."""
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    for i in range(cols):
        w, at = _load_f32(panel + 4 * i * PANEL_ROWS), 4 * i
        f0, f1 = _fma(w, _broadcast_f32(a + at), f0), _fma(w, _broadcast_f32(b + at), f1)
        f2, f3 = _fma(w, _broadcast_f32(c + at), f2), _fma(w, _broadcast_f32(d + at), f3)
    store4(out, stride, f0, f1, f2, f3)


@kernel
def _float_pair(panel, apart, cols, a, b, c, d, out, stride):
    """The same for two panels."""
    f0, f1, f2, f3 = _zero(), _zero(), _zero(), _zero()
    h0, h1, h2, h3 = _zero(), _zero(), _zero(), _zero()
    for i in range(cols):
        at = panel + 4 * i * PANEL_ROWS
        v, w, at = _load_f32(at), _load_f32(at + apart), 4 * i
        x0, x1 = _broadcast_f32(a + at), _broadcast_f32(b + at)
        x2, x3 = _broadcast_f32(c + at), _broadcast_f32(d + at)
        f0, f1, f2, f3 = _fma(v, x0, f0), _fma(v, x1, f1), _fma(v, x2, f2), _fma(v, x3, f3)
        h0, h1, h2, h3 = _fma(w, x0, h0), _fma(w, x1, h1), _fma(w, x2, h2), _fma(w, x3, h3)
    store4(out, stride, f0, f1, f2, f3)
    store4(out + 4 * PANEL_ROWS, stride, h0, h1, h2, h3)


@kernel
def float_panels(panel, apart, cols, tokens, a, out, stride):
    """As `panels`, for float panels."""
    for first in range(0, tokens, 4):
        t = min(first, tokens - 4)
        x = a.floats + 4 * t * cols
        y, z, at = x + 4 * cols, x + 8 * cols, out + t * stride
        if apart == 0:
            _float_tile(panel, cols, x, y, z, z + 4 * cols, at, stride)
        else:
            _float_pair(panel, apart, cols, x, y, z, z + 4 * cols, at, stride)
