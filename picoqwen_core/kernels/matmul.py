"""A matrix product on several threads: who computes which rows, and by which kernel."""

from typing import NamedTuple

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.gemm import (
    PANEL_ROWS,
    float_tile1,
    float_tile4,
    pack_float_panel,
    pack_panel,
    panel_bytes,
    tile1,
    tile4,
)
from picoqwen_core.kernels.gemv import Q4_0, Q8_0, gemv_rows
from picoqwen_core.kernels.quantize import GROUP

# Columns of a weight table: one matrix a row. PANELS is the address of panels packed ahead, or 0.
ADDRESS, KIND, ROWS, COLS, PANELS = range(5)
# Fewer tokens than this are cheaper one by one than by packing panels.
MIN_PANEL_TOKENS = 6


class Activations(NamedTuple):
    """Addresses of the rows of one product's input; row t begins `cols` elements after row t - 1.

    floats: float32; quants, scales, corrections, totals: see kernels.quantize.
    """

    floats: int
    quants: int
    scales: int
    corrections: int
    totals: int


@kernel
def scratch_bytes(cols):
    """Scratch that one thread needs for matrices of up to `cols` columns: a float panel and a row."""
    return 4 * PANEL_ROWS * cols + 4 * cols


@kernel
def matmul(thread, threads, matrix, tokens, a, scratch, out, stride):
    """out[t, r] = sum over c of W[r, c] x[t, c], for this thread's share of the rows.

    matrix: int64 (5,), a row of the weight table; a: Activations of `tokens` rows; scratch: address of this
    thread's scratch_bytes(cols); out: address of float32, with `stride` bytes between tokens.
    """
    kind, rows, cols = matrix[KIND], matrix[ROWS], matrix[COLS]
    panels = rows // PANEL_ROWS
    share = (panels + threads - 1) // threads
    first = min(panels, thread * share) * PANEL_ROWS
    last = min(panels, (thread + 1) * share) * PANEL_ROWS
    if matrix[PANELS] != 0 or tokens >= MIN_PANEL_TOKENS:
        if kind in (Q8_0, Q4_0):
            _by_panels(matrix, first, last, tokens, a, scratch, out, stride)
        else:
            _by_float_panels(matrix, first, last, tokens, a, scratch, out, stride)
        first = last
    if thread == threads - 1:
        last = rows  # with the rows that fill no panel
    groups = cols // GROUP
    for t in range(tokens):
        gemv_rows(
            matrix[ADDRESS],
            kind,
            cols,
            first,
            last,
            a.floats + 4 * t * cols,
            a.quants + t * cols,
            a.scales + 4 * t * groups,
            a.corrections + t * cols,
            out + t * stride,
        )


@kernel
def _by_panels(matrix, first, last, tokens, a, scratch, out, stride):
    cols = matrix[COLS]
    groups = cols // GROUP
    for row in range(first, last, PANEL_ROWS):
        panel = matrix[PANELS] + row // PANEL_ROWS * panel_bytes(cols)
        if matrix[PANELS] == 0:
            panel = scratch
            pack_panel(matrix[ADDRESS], matrix[KIND], cols, row, panel)
        target = out + 4 * row
        for t in range(0, tokens - 3, 4):
            x, at = a.quants + t * cols, 4 * t * groups
            tile4(panel, cols, x, a.scales + at, a.totals + at, target + t * stride, stride)
        for t in range(tokens // 4 * 4, tokens):
            x, at = a.quants + t * cols, 4 * t * groups
            tile1(panel, cols, x, a.scales + at, a.totals + at, target + t * stride)


@kernel
def _by_float_panels(matrix, first, last, tokens, a, scratch, out, stride):
    cols = matrix[COLS]
    row_buffer = scratch + 4 * PANEL_ROWS * cols
    for row in range(first, last, PANEL_ROWS):
        pack_float_panel(matrix[ADDRESS], matrix[KIND], cols, row, scratch, row_buffer)
        target = out + 4 * row
        for t in range(0, tokens - 3, 4):
            float_tile4(scratch, cols, a.floats + 4 * t * cols, target + t * stride, stride)
        for t in range(tokens // 4 * 4, tokens):
            float_tile1(scratch, cols, a.floats + 4 * t * cols, target + t * stride)


@kernel
def pack_matrix(matrix, target):
    """Pack all whole panels of a quantized matrix ahead, to the address `target`."""
    cols = matrix[COLS]
    for panel in range(matrix[ROWS] // PANEL_ROWS):
        at = target + panel * panel_bytes(cols)
        pack_panel(matrix[ADDRESS], matrix[KIND], cols, panel * PANEL_ROWS, at)
