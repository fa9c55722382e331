"""Compares the kernels of one instruction set with their NumPy twins; run as a process of its own.

The instruction set is chosen when the kernels are imported, so each needs its own process:
PICOQWEN_ISA=avx2 python -m tests.kernels.check_kernels
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.kernels import reference
from picoqwen_core.kernels.activation import swiglu
from picoqwen_core.kernels.attention import BLOCK, P, attend, store_key_value
from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.gemm import PANEL_ROWS, panel_bytes
from picoqwen_core.kernels.gemv import Q4_0, Q8_0, dequantize_row
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.matmul import PANELS, Activations, matmul, pack_matrix, scratch_bytes
from picoqwen_core.kernels.norm import rmsnorm
from picoqwen_core.kernels.quantize import quantize_row
from picoqwen_core.kernels.rope import rope
from picoqwen_core.quants.formats import FORMATS

SHAPES = ((1, 32), (16, 64), (33, 96), (64, 256), (50, 1024))
TOKENS = (1, 3, 7, 17)
RNG = np.random.default_rng(7)


@kernel
def rmsnorm_rows(out, x, weight, size, rows, eps):
    """rmsnorm on each row; a kernel, so that the size is a number of the compiled type."""
    for row in range(rows):
        rmsnorm(out + 4 * row * size, x + 4 * row * size, weight, size, eps)


def floats(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def close(ours: NDArray[Any], exact: NDArray[Any], case: str, bound: float = 1e-5) -> None:
    """Fail naming the case when the largest error relative to the largest value is above the bound."""
    error = np.abs(ours - exact).max() / max(np.abs(exact).max(), 1e-9)
    assert error < bound, f"{ISA.name} {case}: relative error {error}"


def quantized(x: NDArray[np.float32]) -> tuple[Activations, tuple[NDArray[Any], ...]]:
    """The rows of x, quantized by the kernel: addresses and the arrays behind them."""
    tokens, cols = x.shape
    arrays = (
        x,
        np.zeros((tokens, cols), np.int8),
        np.zeros((tokens, cols // 32), np.float32),
        np.zeros((tokens, cols // 4), np.int32),
        np.zeros((tokens, cols // 32), np.int32),
    )
    for t in range(tokens):
        row, *targets = (array[t].ctypes.data for array in arrays)
        quantize_row(row, cols, *targets)
    return Activations(*(array.ctypes.data for array in arrays)), arrays


def check_quantize() -> None:
    x = floats(4, 320)
    x[1, 64:96], x[2], x[3] = 0, x[2] * 1e-20, x[3] * 1e20
    _, (_, quants, scales, corrections, totals) = quantized(x)
    for t, row in enumerate(x):
        expected, expected_scales = reference.quantize_row(row)
        assert np.abs(quants[t].astype(int) - expected).max() <= 1
        np.testing.assert_allclose(scales[t], expected_scales, rtol=1e-6)
    if ISA.unsigned_weights:
        np.testing.assert_array_equal(corrections, -128 * quants.reshape(4, -1, 4).sum(2, dtype=np.int32))
        np.testing.assert_array_equal(totals, -128 * quants.reshape(4, -1, 32).sum(2, dtype=np.int32))


def check_product(format_name: str, rows: int, cols: int, tokens: int, threads: int, packed: bool) -> None:
    format_ = FORMATS[format_name]
    data = format_.quantize(floats(rows * cols))
    weights = format_.dequantize(data).reshape(rows, cols)
    x = floats(tokens, cols)
    activations, _held = quantized(x)
    matrix = np.array([data.ctypes.data, format_.type_id, rows, cols, 0], np.int64)
    panels = np.zeros(rows // PANEL_ROWS * panel_bytes(cols) + 1, np.uint8)
    if packed:
        pack_matrix(matrix, panels.ctypes.data)
        matrix[PANELS] = panels.ctypes.data
    out = np.full((tokens, rows + 3), np.nan, np.float32)
    scratch = np.zeros(scratch_bytes(cols), np.uint8)
    for thread in range(threads):
        matmul(
            *(thread, threads, matrix, tokens, activations, scratch.ctypes.data),
            *(out.ctypes.data, 4 * (rows + 3)),
        )
    exact = (reference.matmul_quantized if format_.block_size > 1 else reference.matmul_float)(weights, x)
    case = f"{format_name} {rows}x{cols} tokens={tokens} threads={threads} packed={packed}"
    close(out[:, :rows], exact, case)
    assert np.isnan(out[:, rows:]).all(), f"{case}: wrote beyond its rows"


def check_products() -> None:
    for name, format_ in FORMATS.items():
        for rows, cols in SHAPES:
            for tokens in TOKENS:
                check_product(name, rows, cols, tokens, 1, packed=False)
                check_product(name, rows, cols, tokens, 3, packed=format_.type_id in (Q4_0, Q8_0))


def check_extremes() -> None:
    """The largest weights and activations there are must not overflow an instruction's intermediate sums."""
    for value in (-128, 127):
        weights = np.full((16, 64), value, np.float32)
        blocks = np.zeros((16, 2, 34), np.uint8)
        blocks[:, :, :2] = np.frombuffer(np.float16(1).tobytes(), np.uint8)
        blocks[:, :, 2:] = np.array(value, np.int8).view(np.uint8)
        for sign in (-1, 1):
            x = np.full((8, 64), sign * 127, np.float32)
            activations, _held = quantized(x)
            matrix = np.array([blocks.ctypes.data, Q8_0, 16, 64, 0], np.int64)
            scratch = np.zeros(scratch_bytes(64), np.uint8)
            for tokens in (1, 8):
                out = np.zeros((8, 16), np.float32)
                matmul(0, 1, matrix, tokens, activations, scratch.ctypes.data, out.ctypes.data, 64)
                close(out[:tokens], x[:tokens] @ weights.T, f"weights {value}, activations {127 * sign}")


def check_embedding() -> None:
    for name, format_ in FORMATS.items():
        data = format_.quantize(floats(160))
        out = np.zeros(160, np.float32)
        dequantize_row(data.ctypes.data, format_.type_id, 160, out.ctypes.data)
        np.testing.assert_array_equal(out, format_.dequantize(data), err_msg=name)


def check_rows() -> None:
    """Norm, RoPE and SwiGLU; sizes that do and do not fill the widest vectors twice."""
    for size in (32, 96, 128, 160):
        x, weight = floats(3, size), floats(size)
        out = np.empty_like(x)
        rmsnorm_rows(out.ctypes.data, x.ctypes.data, weight.ctypes.data, size, 3, 1e-6)
        close(out, reference.rmsnorm(x, weight, 1e-6), f"rmsnorm {size}")
        cos, sin = floats(2, size // 2)
        rotated = x[0].copy()
        rope(rotated.ctypes.data, cos.ctypes.data, sin.ctypes.data, size // 2)
        close(rotated, reference.rope(x[0], cos, sin), f"rope {size}")
        gate = np.concatenate([x[1, :-4] * 8, np.array([-200, 200, -88, 0], np.float32)])
        exact = reference.swiglu(gate, weight)
        swiglu(gate.ctypes.data, weight.ctypes.data, size)
        close(gate, exact, f"swiglu {size}", 1e-6)


def check_attention(head_dim: int, group: int, tokens: int, start: int) -> None:
    capacity = -(-(start + tokens + 5) // BLOCK) * BLOCK
    queries = floats(tokens, group, head_dim) * 3
    keys, values = floats(start + tokens, head_dim), floats(start + tokens, head_dim)
    # What lies behind the last position must not matter.
    key_cache = np.full((capacity // P, head_dim, P), 1e6, np.float32)
    value_cache = np.full((head_dim // BLOCK, capacity, BLOCK), 1e6, np.float32)
    for position in range(start + tokens):
        store_key_value(
            *(keys[position].ctypes.data, values[position].ctypes.data),
            *(key_cache.ctypes.data, value_cache.ctypes.data, position, capacity, head_dim),
        )
    out, scores = np.empty_like(queries), np.empty((4, capacity), np.float32)
    stride = 4 * group * head_dim
    attend(
        *(queries.ctypes.data, stride, out.ctypes.data, stride, group, tokens, start),
        *(key_cache.ctypes.data, value_cache.ctypes.data, capacity, head_dim, scores.ctypes.data),
    )
    for t in range(tokens):
        seen = start + t + 1
        for head in range(group):
            exact = reference.attend(queries[t, head], keys[:seen], values[:seen])
            close(out[t, head], exact, f"attention {head_dim} {group} {tokens} {start}, token {t}", 2e-5)


def main() -> None:
    """Print "OK isa" or fail naming the case."""
    check_quantize()
    check_products()
    check_extremes()
    check_embedding()
    check_rows()
    for head_dim, group, tokens, start in ((32, 1, 1, 0), (64, 2, 4, 0), (96, 3, 3, 29), (128, 5, 2, 100)):
        check_attention(head_dim, group, tokens, start)
    print(f"OK {ISA.name}")


if __name__ == "__main__":
    main()
