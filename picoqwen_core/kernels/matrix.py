"""The weight table: one matrix a row of int64, with what a product must know of it."""

from llvmlite import ir
from numba import types

from picoqwen_core.kernels.simd import I64, load_at, operation

# SCALES: address of Q8_S's scales. PANELS: address of panels packed ahead, or 0. What follows are addresses
# of the format's code (kernels.code).
ADDRESS, KIND, ROWS, COLS, SCALES, PANELS, ROWS_CODE, PACK_CODE, PANEL_CODE, EMBED_CODE, COLUMNS = range(11)


@operation(types.int64, types.int64, types.int64)
def column(builder, matrix, index):
    """A number of the matrix whose row of the table is at an address."""
    return load_at(builder, builder.add(matrix, builder.mul(index, ir.Constant(I64, 8))), I64)
