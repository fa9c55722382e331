"""Prefill: panels of rows, packed once and used by many tokens (kernels.tiles).

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
from picoqwen_core.kernels.compiled import entry, kernel
from picoqwen_core.kernels.simd import load_scalar, store_scalar, vector_ops

PANEL_ROWS = LANES
_V = vector_ops(LANES)
_store_f32, _store_i8, _store_few = _V.store_f32, _V.store_i8, vector_ops(GROUPS).store_f32


@entry
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
