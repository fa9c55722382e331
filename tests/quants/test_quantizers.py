"""What quantizing loses, and that no input makes it fail; test_formats compares bytes with those of gguf."""

import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from picoqwen_core.quants import iq4_nl, q6_k
from picoqwen_core.quants.formats import FORMATS
from picoqwen_core.quants.k_scales import pack_scales, unpack_scales
from picoqwen_core.quants.k_search import find_scales_and_minima
from picoqwen_core.quants.scale_search import error_weights, find_scales

Floats = NDArray[np.float32]

QUANTIZED = [name for name, format_ in FORMATS.items() if format_.block_size > 1]
# Root of the mean squared error over that of normally distributed values.
LOSSES = {
    "Q4_0": 0.09,
    "Q4_1": 0.08,
    "Q5_0": 0.045,
    "Q5_1": 0.04,
    "Q8_0": 0.006,
    "Q4_K": 0.0715,
    "Q5_K": 0.0352,
    "Q6_K": 0.017,
    "IQ4_NL": 0.0745,
}
NORMAL = np.random.default_rng(11).standard_normal(1 << 18).astype(np.float32)


def restored(name: str, values: Floats) -> Floats:
    """Values after quantizing and dequantizing; any warning of NumPy is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return FORMATS[name].dequantize(FORMATS[name].quantize(values))


def loss(name: str, values: Floats) -> float:
    return float(np.linalg.norm(restored(name, values) - values) / np.linalg.norm(values))


@pytest.mark.parametrize("name", QUANTIZED)
def test_normal_values_lose_what_the_format_cannot_hold_and_little_more(name: str) -> None:
    assert 0.8 * LOSSES[name] < loss(name, NORMAL) < LOSSES[name]


@pytest.mark.parametrize("name", ["Q4_K", "Q5_K", "Q6_K", "IQ4_NL"])
@pytest.mark.parametrize("magnitude", [1e-4, 1e4])
def test_the_loss_does_not_depend_on_the_magnitude(name: str, magnitude: float) -> None:
    assert loss(name, NORMAL * np.float32(magnitude)) < 1.02 * LOSSES[name]


def test_larger_formats_lose_less_of_values_with_outliers() -> None:
    values = np.random.default_rng(12).standard_t(3, 1 << 17).astype(np.float32)
    losses = [loss(name, values) for name in ("Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0")]
    assert losses == sorted(losses, reverse=True)
    assert loss("IQ4_NL", values) < losses[0]


@pytest.mark.parametrize("name", QUANTIZED)
def test_zeros_stay_zeros(name: str) -> None:
    assert not restored(name, np.zeros(512, np.float32)).any()


@pytest.mark.parametrize("name", QUANTIZED)
@pytest.mark.parametrize("value", [0.37, -0.37, 1e4, -1e4])
def test_a_constant_is_kept_to_the_precision_of_its_scale(name: str, value: float) -> None:
    np.testing.assert_allclose(restored(name, np.full(512, value, np.float32)), value, rtol=2e-3)


@pytest.mark.parametrize("name", QUANTIZED)
@pytest.mark.parametrize("sign", [-1, 1])
def test_one_outlier_is_kept_and_the_rest_stays_small(name: str, sign: int) -> None:
    values = NORMAL[:512].copy()
    values[77] = sign * 1000
    back = restored(name, values)
    assert back[77] == pytest.approx(sign * 1000, rel=0.05)
    others = np.arange(512) // 256 != 0
    assert np.linalg.norm((back - values)[others]) < 1.1 * LOSSES[name] * np.linalg.norm(values[others])
    assert np.isfinite(back).all()


@pytest.mark.parametrize("name", QUANTIZED)
@pytest.mark.parametrize("magnitude", [1e-42, 1e-38, 1e-30, 1e-20, 1e-7])
def test_values_too_small_for_float16_become_nearly_zero(name: str, magnitude: float) -> None:
    back = restored(name, NORMAL[:2048] * np.float32(magnitude))
    assert np.abs(back).max() < 20 * magnitude + 1e-30


@pytest.mark.parametrize("name", ["Q4_K", "Q5_K"])
def test_a_tiny_super_block_uses_the_smallest_scales_there_are(name: str) -> None:
    """d would be 0 if it was rounded to the nearest: 1e-6 / 63 / 15 is below the least number of float16."""
    assert loss(name, NORMAL[:8192] * np.float32(1e-6)) < 0.1


@pytest.mark.parametrize("name", ["Q4_K", "Q5_K"])
@pytest.mark.parametrize("offset", [-5, 5])
def test_values_of_one_sign_are_quantized_well(name: str, offset: int) -> None:
    """Minima cannot be negative: positive values lose more, as their codes have to reach from 0 on."""
    values = np.abs(NORMAL[:8192]) * np.sign(offset) + np.float32(offset)
    assert loss(name, values) < (0.025 if offset > 0 else 0.008)


@pytest.mark.parametrize("name", QUANTIZED)
def test_each_block_is_quantized_by_itself(name: str) -> None:
    format_ = FORMATS[name]
    values = NORMAL[: 40 * 4096]
    parts = [format_.quantize(part) for part in np.split(values, 40)]
    np.testing.assert_array_equal(format_.quantize(values), np.concatenate(parts))


@pytest.mark.parametrize("name", QUANTIZED)
def test_memory_beside_the_result_does_not_grow_with_the_tensor(name: str) -> None:
    values = np.tile(NORMAL, 16)
    tracemalloc.start()
    data = FORMATS[name].quantize(values)
    to_quantize = tracemalloc.get_traced_memory()[1] - data.nbytes
    tracemalloc.reset_peak()
    back = FORMATS[name].dequantize(data)
    to_dequantize = tracemalloc.get_traced_memory()[1] - data.nbytes - back.nbytes
    tracemalloc.stop()
    assert max(to_quantize, to_dequantize) < 4 << 20


def weighted_error(columns: Floats, restored_columns: Floats) -> Floats:
    difference = columns - restored_columns
    total: Floats = (error_weights(columns) * difference * difference).sum(axis=0)
    return total


@pytest.mark.parametrize("module", [q6_k, iq4_nl])
def test_scales_are_nearly_the_best_of_a_fine_grid(module: object) -> None:
    size, values = (16, np.arange(-32, 32)) if module is q6_k else (32, iq4_nl.CODEBOOK)
    columns = NORMAL[: size * 200].reshape(-1, size).T

    def best_error(scales: Floats) -> Floats:
        codes = np.abs(columns[..., None] / scales[:, None] - values).argmin(axis=2)
        return weighted_error(columns, values[codes].astype(np.float32) * scales)

    largest = columns[np.abs(columns).argmax(axis=0), np.arange(200)]
    targets = np.concatenate([np.linspace(0.8, 1.15, 150), -np.linspace(0.8, 1.15, 150)]) * values[0]
    grid = np.min([best_error(largest / np.float32(target)) for target in targets], axis=0)
    ours = best_error(find_scales(columns, module.TARGETS, module._nearest))  # type: ignore[attr-defined]
    assert ours.sum() < 1.05 * grid.sum()


@pytest.mark.parametrize("levels", [15, 31])
def test_scales_and_minima_are_nearly_the_best_of_a_fine_grid(levels: int) -> None:
    columns = NORMAL[: 32 * 60].reshape(-1, 32).T

    def error(scales: Floats, minima: Floats) -> Floats:
        codes = np.rint((columns + minima) / scales).clip(0, levels)
        return weighted_error(columns, codes * scales - minima)

    low, high = columns.min(axis=0), columns.max(axis=0)
    shares = np.linspace(-0.06, 0.12, 37, dtype=np.float32)
    grid = np.full(60, np.inf, np.float32)
    for below in shares:
        for above in shares:
            bottom, top = low + below * (high - low), high - above * (high - low)
            grid = np.minimum(grid, error((top - bottom) / levels, -bottom))
    assert error(*find_scales_and_minima(columns, levels)).sum() < 1.06 * grid.sum()


def test_six_bit_scales_are_packed_and_unpacked_without_loss() -> None:
    numbers = np.random.default_rng(13).integers(0, 64, (2, 500, 8)).astype(np.uint8)
    packed = pack_scales(numbers[0], numbers[1])
    assert packed.shape == (500, 12)
    np.testing.assert_array_equal(unpack_scales(packed), numbers)
