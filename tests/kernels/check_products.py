"""Compares the matrix products of one instruction set with their NumPy twins; run as a process of its own.

The instruction set is chosen when the kernels are imported, so each needs its own process:
PICOQWEN_ISA=avx2 python -m tests.kernels.check_products
"""

import numpy as np

from picoqwen_core.kernels import reference
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.products import matmul, panel_bytes, quantize_row
from picoqwen_core.quants.formats import FORMATS

SHAPES = ((1, 32), (16, 64), (33, 96), (64, 256), (50, 1024))
TOKENS = (1, 3, 7, 17)


def largest_error(format_name: str, rows: int, cols: int, tokens: int, threads: int) -> float:
    """The largest error of a product relative to the largest value of the exact one, over all threads."""
    rng = np.random.default_rng(rows * cols + tokens)
    format_ = FORMATS[format_name]
    data = format_.quantize(rng.standard_normal(rows * cols).astype(np.float32))
    weights = format_.dequantize(data).reshape(rows, cols)
    x = rng.standard_normal((tokens, cols)).astype(np.float32)
    quants, scales = np.zeros((tokens, cols), np.int8), np.zeros((tokens, cols // 32), np.float32)
    sums = np.zeros((tokens, cols // 32), np.int32)
    for t in range(tokens):
        quantize_row(x[t], quants[t], scales[t], sums[t])
    before = rng.standard_normal((tokens, rows)).astype(np.float32)
    out, added = np.full((tokens, rows), np.nan, np.float32), before.copy()
    panel = np.zeros(panel_bytes(cols), np.uint8)
    for thread in range(threads):
        for target, add in ((out, False), (added, True)):
            matmul(
                *(thread, threads, data.ctypes.data, format_.type_id, rows, cols, tokens),
                *(x, quants, scales, sums, target, panel.ctypes.data, add),
            )
    exact = (reference.matmul_quantized if format_.block_size > 1 else reference.matmul_float)(weights, x)
    error = max(np.abs(out - exact).max(), np.abs(added - before - exact).max())
    return float(error / np.abs(exact).max())


def main() -> None:
    """Print "OK isa" or fail naming the case."""
    for format_name in FORMATS:
        for rows, cols in SHAPES:
            for tokens in TOKENS:
                for threads in (1, 3):
                    error = largest_error(format_name, rows, cols, tokens, threads)
                    case = f"{ISA.name} {format_name} {rows}x{cols} tokens={tokens} threads={threads}"
                    assert error < 1e-5, f"{case}: relative error {error}"
    print(f"OK {ISA.name}")


if __name__ == "__main__":
    main()
