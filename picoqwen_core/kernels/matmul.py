"""A matrix product on several threads: who computes which rows, and whether panels are worth packing."""

from picoqwen_core.kernels.chunks import LANES, STEP
from picoqwen_core.kernels.code import call
from picoqwen_core.kernels.compiled import entry, kernel
from picoqwen_core.kernels.gemm import PANEL_ROWS, panel_bytes
from picoqwen_core.kernels.matrix import (
    COLS,
    EMBED_CODE,
    PACK_CODE,
    PANEL_CODE,
    PANELS,
    ROWS,
    ROWS_CODE,
    column,
)
from picoqwen_core.kernels.tiles import PAIRS

# Fewer tokens than this are cheaper with unpacked rows than by packing panels.
MIN_PANEL_TOKENS = 9
# Panels that are packed and used together.
AT_ONCE = 2 if PAIRS else 1


@entry
def scratch_bytes(cols):
    """Scratch that one thread needs for matrices of up to `cols` columns: panels, and a row or a step."""
    return AT_ONCE * 4 * PANEL_ROWS * cols + 4 * cols + PANEL_ROWS * (STEP + 12 * LANES)


@kernel
def matmul(thread, threads, matrix, tokens, by_panels, a, scratch, out, stride):
    """out[t, r] = sum over c of W[r, c] x[t, c], for this thread's share of the rows.

    by_panels: pack rows to panels, for which there should be at least MIN_PANEL_TOKENS tokens.
    Addresses: matrix: a row of the weight table (kernels.matrix); a: the input's
    Activations as seven int64; scratch: this thread's scratch_bytes(cols); out: float32, with `stride` bytes
    between tokens.
    """
    panels = column(matrix, ROWS) // PANEL_ROWS
    share = (panels + threads - 1) // threads
    first = min(panels, thread * share) * PANEL_ROWS
    last = min(panels, (thread + 1) * share) * PANEL_ROWS
    if column(matrix, PANELS) != 0 or by_panels:
        _by_panels(matrix, first, last, tokens, a, scratch, out, stride)
        first = last
    if thread == threads - 1:
        last = column(matrix, ROWS)  # with the rows that fill no panel
    call(column(matrix, ROWS_CODE), matrix, first, last, tokens, a, out, stride)


@kernel
def _by_panels(matrix, first, last, tokens, a, scratch, out, stride):
    cols, packed = column(matrix, COLS), column(matrix, PANELS)
    size = 4 * PANEL_ROWS * cols if packed == 0 else panel_bytes(cols)
    for row in range(first, last, AT_ONCE * PANEL_ROWS):
        panel, apart = packed + row // PANEL_ROWS * size, size
        if row + PANEL_ROWS >= last or AT_ONCE == 1:
            apart = 0
        if packed == 0:
            panel = scratch
            behind = scratch + AT_ONCE * size
            call(column(matrix, PACK_CODE), matrix, row, panel, behind, 0, 0, 0)
            if apart != 0:
                call(column(matrix, PACK_CODE), matrix, row + PANEL_ROWS, panel + apart, behind, 0, 0, 0)
        call(column(matrix, PANEL_CODE), panel, cols, tokens, a, out + 4 * row, stride, apart)


@entry
def pack_matrix(matrix, target, scratch):
    """Pack all whole panels of a quantized matrix ahead, to the address `target`."""
    size = panel_bytes(column(matrix, COLS))
    for panel in range(column(matrix, ROWS) // PANEL_ROWS):
        row, at = panel * PANEL_ROWS, target + panel * size
        call(column(matrix, PACK_CODE), matrix, row, at, scratch, 0, 0, 0)


@kernel
def embed(matrix, row, target):
    """target = a row of a matrix as float32 (cols,); both by address."""
    call(column(matrix, EMBED_CODE), matrix, row, target, 0, 0, 0, 0)
