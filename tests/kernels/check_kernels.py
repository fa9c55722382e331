"""Compares the kernels of one instruction set with their NumPy twins; run as a process of its own.

The instruction set is chosen when the kernels are imported, so each needs its own process:
PICOQWEN_ISA=avx2 python -m tests.kernels.check_kernels
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.kernels import activation, matmul, quantize, reference
from picoqwen_core.kernels import attention_job as job_of
from picoqwen_core.kernels import rope as rotation
from picoqwen_core.kernels.attention_job import POSITIONS
from picoqwen_core.kernels.blocks import BLOCKS, Q8_0, Q8_S
from picoqwen_core.kernels.chunks import LANES, STEP
from picoqwen_core.kernels.code import (
    attend_code,
    call,
    embed_code,
    pack_code,
    panel_code,
    rows_code,
    store_code,
    takes_few_tokens,
)
from picoqwen_core.kernels.compiled import entry
from picoqwen_core.kernels.gemm import PANEL_ROWS, panel_bytes
from picoqwen_core.kernels.isa import ISA
from picoqwen_core.kernels.matmul import MIN_PANEL_TOKENS, pack_matrix, scratch_bytes
from picoqwen_core.kernels.matrix import COLUMNS, PANELS
from picoqwen_core.kernels.norm import rmsnorm
from picoqwen_core.kernels.quantize import Activations
from picoqwen_core.model.buffers import aligned
from picoqwen_core.model.kv_cache import KIND_BITS
from picoqwen_core.quants.formats import FORMATS

SHAPES = ((1, 256), (33, 512), (50, 1024))
TOKENS = (1, 3, 4, 7, 9, 17)
RNG = np.random.default_rng(7)
# Kernels as Python can call them.
embed, matmul_rows = entry(matmul.embed.py_func), entry(matmul.matmul.py_func)
quantize_row, row_of = entry(quantize.quantize_row.py_func), entry(quantize.row_of.py_func)
rope, swiglu = entry(rotation.rope.py_func), entry(activation.swiglu.py_func)


@entry
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
        aligned((tokens, cols), np.int8),
        aligned((tokens, cols // 32), np.float32),
        aligned((tokens, cols // 32), np.int32),
        aligned((tokens, cols // 16), np.int32),
        aligned((tokens, cols // 32), np.float32),
        aligned((tokens, cols // STEP, 4, LANES), np.float32),
    )
    a = Activations(*(array.ctypes.data for array in arrays))
    for t in range(tokens):
        quantize_row(x.ctypes.data + 4 * t * cols, cols, row_of(a, t, cols), True)
    return a, arrays


def in_columns_order(quants: NDArray[np.int8]) -> NDArray[np.int8]:
    """Quants as kernels.chunks orders them, back in the order of columns."""
    steps = quants.reshape(len(quants), -1, 2, STEP // 32, 16)
    return steps.transpose(0, 1, 3, 2, 4).reshape(quants.shape)


def check_quantize() -> None:
    x = floats(4, 3 * STEP)
    x[1, 32:64], x[2], x[3] = 0, x[2] * 1e-20, x[3] * 1e20
    _, (_, quants, scales, totals, half_totals, quarters, records) = quantized(x)
    ordered = in_columns_order(quants)
    for t, row in enumerate(x):
        expected, expected_scales = reference.quantize_row(row)
        assert np.abs(ordered[t].astype(int) - expected).max() <= 1
        np.testing.assert_allclose(scales[t], expected_scales, rtol=1e-6)
    sums = ordered.reshape(4, -1, 2, 16).sum(3, dtype=np.int32)
    np.testing.assert_array_equal(half_totals, -128 * sums.reshape(4, -1))
    np.testing.assert_array_equal(totals, -128 * sums.sum(2))
    np.testing.assert_allclose(quarters, 0.25 * scales * sums.sum(2), rtol=1e-6)
    spread = np.repeat(scales.reshape(4, -1, LANES // 4), 4, axis=2)
    dwords = quants.reshape(4, -1, 2, LANES, 4).sum(4)
    np.testing.assert_array_equal(records[:, :, 0], spread)
    np.testing.assert_allclose(records[:, :, 1], spread * dwords.sum(2), rtol=1e-6)
    np.testing.assert_allclose(records[:, :, 2:], spread[:, :, None] * dwords, rtol=1e-6)


def table_row(data: NDArray[Any], kind: int, rows: int, cols: int, scales: int = 0) -> NDArray[np.int64]:
    """A matrix as kernels.matrix wants it."""
    code = (rows_code(kind), pack_code(kind), panel_code(kind), embed_code(kind))
    row = np.array([data.ctypes.data, kind, rows, cols, scales, 0, *code], np.int64)
    assert row.size == COLUMNS
    return row


def product(matrix: NDArray[np.int64], x: NDArray[np.float32], threads: int = 1) -> NDArray[np.float32]:
    """The kernel's x . W^T; fails when it writes beyond its rows."""
    rows, cols = (int(number) for number in matrix[2:4])
    activations, _held = quantized(x)
    addresses = np.array(activations, np.int64)
    out = np.full((len(x), rows + 3), np.nan, np.float32)
    scratch = aligned((scratch_bytes(cols),), np.uint8)
    for thread in range(threads):
        matmul_rows(
            *(thread, threads, matrix.ctypes.data, len(x), len(x) >= MIN_PANEL_TOKENS),
            *(addresses.ctypes.data, scratch.ctypes.data),
            *(out.ctypes.data, 4 * (rows + 3)),
        )
    assert np.isnan(out[:, rows:]).all(), "wrote beyond its rows"
    return out[:, :rows]


def check_product(format_name: str, rows: int, cols: int, tokens: int, threads: int, packed: bool) -> None:
    format_ = FORMATS[format_name]
    data = format_.quantize(floats(rows * cols))
    weights = format_.dequantize(data).reshape(rows, cols)
    matrix = table_row(data, format_.type_id, rows, cols)
    panels = aligned((rows // PANEL_ROWS * panel_bytes(cols) + 1,), np.uint8)
    if packed:
        scratch = aligned((scratch_bytes(cols),), np.uint8)
        pack_matrix(matrix.ctypes.data, panels.ctypes.data, scratch.ctypes.data)
        matrix[PANELS] = panels.ctypes.data
    x = floats(tokens, cols)
    exact = (reference.matmul_quantized if format_.block_size > 1 else reference.matmul_float)(weights, x)
    case = f"{format_name} {rows}x{cols} tokens={tokens} threads={threads} packed={packed}"
    close(product(matrix, x, threads), exact, case)


def check_products() -> None:
    for name, format_ in FORMATS.items():
        for rows, cols in SHAPES:
            for tokens in TOKENS:
                check_product(name, rows, cols, tokens, 1, packed=False)
                check_product(name, rows, cols, tokens, 3, packed=takes_few_tokens(format_.type_id))


def check_scales_apart() -> None:
    """Q8_S, which no file of ours holds: int8 with float32 scales elsewhere."""
    rows, cols = 33, 512
    data = RNG.integers(-127, 128, (rows, cols), dtype=np.int8)
    scales = np.abs(floats(rows, cols // 32))
    weights = data * np.repeat(scales, 32, axis=1)
    matrix = table_row(data, Q8_S.type_id, rows, cols, scales.ctypes.data)
    for tokens in TOKENS:
        x = floats(tokens, cols)
        close(product(matrix, x), reference.matmul_quantized(weights, x), f"Q8_S, {tokens} tokens")
    out = np.zeros(cols, np.float32)
    embed(matrix.ctypes.data, 32, out.ctypes.data)
    np.testing.assert_array_equal(out, weights[32])


def check_extremes() -> None:
    """The largest weights and activations there are must not overflow an instruction's intermediate sums."""
    for value in (-128, 127):
        weights = np.full((16, 128), value, np.float32)
        blocks = np.zeros((16, 4, 34), np.uint8)
        blocks[:, :, :2] = np.frombuffer(np.float16(1).tobytes(), np.uint8)
        blocks[:, :, 2:] = np.array(value, np.int8).view(np.uint8)
        matrix = table_row(blocks, Q8_0.type_id, 16, 128)
        for sign in (-1, 1):
            for tokens in (1, 4, 9):
                x = np.full((tokens, 128), sign * 127, np.float32)
                close(product(matrix, x), x @ weights.T, f"weights {value}, activations {127 * sign}")


def check_embedding() -> None:
    for name, format_ in FORMATS.items():
        data = format_.quantize(floats(3 * 512))
        out = np.zeros(512, np.float32)
        matrix = table_row(data, format_.type_id, 3, 512)
        embed(matrix.ctypes.data, 2, out.ctypes.data)
        np.testing.assert_array_equal(out, format_.dequantize(data)[1024:], err_msg=name)


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


# How the integer caches keep values.
VALUES_OF = {"int8": "int8", "k8v4": "int4"}


@entry
def call_job(code, job):
    """Call attention code as the forward pass does."""
    call(code, job, 0, 0, 0, 0, 0, 0)


def check_attention(kind: str, head_dim: int, group: int, tokens: int, start: int, bound: float) -> None:
    blocks = -(-(start + tokens) // POSITIONS)
    queries = floats(tokens, group, head_dim) * 3
    keys, values = floats(start + tokens, head_dim), floats(start + tokens, head_dim)
    values[start // 2, :32] = 0
    key_bytes, value_bytes = (int(POSITIONS * head_dim * bits / 8) for bits in KIND_BITS[kind])
    # What lies behind the last position must not matter.
    cache = [aligned((key_bytes + value_bytes,), np.uint8) for _ in range(blocks)]
    for block in cache:
        block[:] = 0x47
    table = np.array([block.ctypes.data for block in cache], np.int64)
    out = np.zeros_like(queries)
    scores, scratch = aligned((8, blocks * POSITIONS), np.float32), aligned((20 * head_dim,), np.uint8)
    job = np.zeros(job_of.JOB_COLUMNS, np.int64)
    stride = 4 * group * head_dim
    columns = {
        job_of.QUERIES: queries.ctypes.data,
        job_of.QUERY_STRIDE: stride,
        job_of.OUT: out.ctypes.data,
        job_of.OUT_STRIDE: stride,
        job_of.GROUP: group,
        job_of.TOKENS: tokens,
        job_of.TABLE: table.ctypes.data,
        job_of.KEYS: 0,
        job_of.VALUES: key_bytes,
        job_of.SCORE_STRIDE: 4 * blocks * POSITIONS,
        job_of.HEAD_DIM: head_dim,
        job_of.SCORES: scores.ctypes.data,
        job_of.SCRATCH: scratch.ctypes.data,
    }
    job[list(columns)] = list(columns.values())
    for position in range(start + tokens):
        job[job_of.KEY], job[job_of.VALUE] = keys[position].ctypes.data, values[position].ctypes.data
        job[job_of.START] = position
        call_job(store_code(kind), job.ctypes.data)
    job[job_of.START], job[job_of.PAIRS] = start, tokens % 2
    call_job(attend_code(kind), job.ctypes.data)
    for t in range(tokens):
        seen = start + t + 1
        for head in range(group):
            given = queries[t, head], keys[:seen], values[:seen]
            case = f"attention {kind} {head_dim} {group} {tokens} {start}, token {t}"
            close(out[t, head], reference.attend(*given), case, bound)
            if kind in VALUES_OF:
                close(out[t, head], reference.attend_integers(*given, VALUES_OF[kind]), f"{case}, twin", 1e-4)


def check_attentions() -> None:
    cases = ((32, 1, 1, 0), (64, 2, 4, 0), (96, 3, 3, 29), (128, 5, 2, 100), (128, 2, 1, 70), (128, 1, 2, 33),
             (128, 2, 1, 600), (64, 2, 4, 254), (128, 2, 3, 511), (64, 1, 1, 256))  # fmt: skip
    for case in cases:
        check_attention("f32", *case, bound=2e-5)
        check_attention("f16", *case, bound=5e-3)
        if case[0] % STEP == 0:
            check_attention("int8", *case, bound=5e-2)
            check_attention("k8v4", *case, bound=0.3)


def main() -> None:
    """Print "OK isa" or fail naming the case."""
    assert {block.type_id for block in BLOCKS.values()} > {
        f.type_id for f in FORMATS.values() if f.block_size > 1
    }
    check_quantize()
    check_products()
    check_scales_apart()
    check_extremes()
    check_embedding()
    check_rows()
    check_attentions()
    print(f"OK {ISA.name}")


if __name__ == "__main__":
    main()
