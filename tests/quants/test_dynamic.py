"""quantize_dynamic: levels, groups and targets, against plain loops and the gguf package."""

import math
from collections.abc import Sequence

import gguf
import numpy as np
import pytest

from picoqwen_core.errors import CheckpointError, ConfigError
from picoqwen_core.quants.dynamic import (
    GROUP_SIZES,
    CpuTarget,
    QuantizationLevel,
    QuantizedTensor,
    quantize_dynamic,
)

RNG = np.random.default_rng(12)
WEIGHTS = RNG.standard_normal((6, 256)).astype(np.float32)
WEIGHTS[2] = 0
WEIGHTS[3, :128] *= 1e-4


def loops_int8(group: Sequence[float]) -> list[float]:
    """A group there and back, one element after the other."""
    largest = max(abs(value) for value in group)
    scale = np.float32(largest) / np.float32(127) if largest else np.float32(1)
    codes = [max(-127, min(127, round(float(np.float32(value) / scale)))) for value in group]
    return [float(np.float32(code) * scale) for code in codes]


def loops_int4(group: Sequence[float]) -> list[float]:
    largest = max(group, key=abs)
    scale = np.float32(largest) / np.float32(-8)
    stored = float(np.float16(scale))
    codes = [
        min(15, math.floor(np.float32(value) * (np.float32(1) / scale) + np.float32(8.5))) if scale else 8
        for value in group
    ]
    return [float(np.float32(stored) * np.float32(code - 8)) for code in codes]


@pytest.mark.parametrize("size", GROUP_SIZES)
@pytest.mark.parametrize(("level", "loops"), [("int8", loops_int8), ("int4", loops_int4)])
def test_groups_have_the_values_that_plain_loops_find(level: str, loops, size: int) -> None:
    result = quantize_dynamic(WEIGHTS, level, group_size=size)
    expected = [value for group in WEIGHTS.reshape(-1, size) for value in loops(group.tolist())]
    np.testing.assert_array_equal(result.dequantized(), np.float32(expected).reshape(WEIGHTS.shape))


@pytest.mark.parametrize("size", GROUP_SIZES)
@pytest.mark.parametrize(("level", "bits", "scale_bits"), [("int8", 8, 32), ("int4", 4, 16)])
def test_a_group_takes_its_codes_and_one_scale(level: str, bits: int, scale_bits: int, size: int) -> None:
    result = quantize_dynamic(WEIGHTS, level, group_size=size)
    assert result.nbytes * 8 == WEIGHTS.size * bits + WEIGHTS.size // size * scale_bits
    assert (result.shape, result.group_size, result.scales.size) == (
        WEIGHTS.shape,
        size,
        WEIGHTS.size // size,
    )


@pytest.mark.parametrize("size", GROUP_SIZES)
@pytest.mark.parametrize(("level", "loss"), [("int4", 0), ("int8", 2**-11), ("fp16", 0), ("fp32", 0)])
def test_in_ggml_format_it_has_the_same_values(level: str, loss: float, size: int) -> None:
    result = quantize_dynamic(WEIGHTS, level, group_size=size)
    format_, data = result.in_ggml_format()
    theirs = gguf.dequantize(data, gguf.GGMLQuantizationType[format_.name]).reshape(WEIGHTS.shape)
    # The smallest groups have subnormal scales in float16.
    np.testing.assert_allclose(theirs, result.dequantized(), rtol=loss, atol=1e-5 if loss else 0)


def test_groups_of_32_are_the_blocks_of_ggml() -> None:
    for level, kind in (
        ("int4", gguf.GGMLQuantizationType.Q4_0),
        ("fp16", gguf.GGMLQuantizationType.F16),
        ("fp32", gguf.GGMLQuantizationType.F32),
    ):
        _, data = quantize_dynamic(WEIGHTS, level, group_size=32).in_ggml_format()
        np.testing.assert_array_equal(data, gguf.quantize(WEIGHTS, kind).view(np.uint8).reshape(-1))


def test_half_and_full_precision_keep_what_they_can_hold() -> None:
    np.testing.assert_array_equal(quantize_dynamic(WEIGHTS, "fp32").dequantized(), WEIGHTS)
    np.testing.assert_array_equal(
        quantize_dynamic(WEIGHTS, "fp16").dequantized(), WEIGHTS.astype(np.float16).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (CpuTarget.INTEL_N100, 32),
        (CpuTarget.RASPBERRY_PI_4, 64),
        (CpuTarget.RASPBERRY_PI_5, 32),
        (CpuTarget.GENERIC, 64),
    ],
)
def test_the_target_chooses_the_groups(target: CpuTarget, size: int) -> None:
    result = quantize_dynamic(WEIGHTS, QuantizationLevel.INT4, target)
    assert isinstance(result, QuantizedTensor)
    assert result.group_size == size


def test_larger_groups_lose_more() -> None:
    def loss(level: str, size: int) -> float:
        back = quantize_dynamic(WEIGHTS, level, group_size=size).dequantized()
        return float(np.linalg.norm(back - WEIGHTS))

    for level in ("int8", "int4"):
        assert loss(level, 32) < loss(level, 64) < loss(level, 128)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"level": "int2"}, "level is 'int2'; allowed: int4, int8, fp16, fp32"),
        ({"level": "int4", "cpu_target": "z80"}, "cpu_target is 'z80'; allowed: intel_n100"),
        ({"level": "int4", "group_size": 48}, "group_size is 48; allowed: 32, 64, 128"),
    ],
)
def test_a_wrong_choice_is_told_with_the_right_ones(arguments: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        quantize_dynamic(WEIGHTS, **arguments)


def test_rows_without_a_whole_group_and_what_is_no_number_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"multiple of 64 elements, got \(2, 96\)"):
        quantize_dynamic(np.ones((2, 96), np.float32), "int8", group_size=64)
    with pytest.raises(CheckpointError, match="not a number"):
        quantize_dynamic(np.full((1, 64), np.nan), "int4")


def test_zeros_and_the_least_of_numbers_survive() -> None:
    tiny = np.full((1, 32), np.finfo(np.float32).smallest_subnormal)
    for values in (np.zeros((1, 32), np.float32), tiny):
        for level in QuantizationLevel:
            back = quantize_dynamic(values, level, group_size=32).dequantized()
            assert np.isfinite(back).all()
            assert np.abs(back).max() <= 1e-40
