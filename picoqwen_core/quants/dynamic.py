"""quantize_dynamic: one array of weights in a level of precision, grouped as suits a processor.

The result lives in memory. Files hold GGML's formats (formats.py), to which `in_ggml_format` leads, or
qwen3-rs's layouts.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError, ConfigError
from picoqwen_core.quants.floats import dequantize_f16
from picoqwen_core.quants.formats import FORMATS, BlockFormat
from picoqwen_core.quants.groups import (
    dequantize_int4,
    dequantize_int8,
    grouped,
    quantize_int4,
    quantize_int8,
)
from picoqwen_core.quants.scales import half_bytes

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

GROUP_SIZES = (32, 64, 128)
_BLOCK = 32


class QuantizationLevel(StrEnum):
    """How precisely weights are kept."""

    INT4 = "int4"
    INT8 = "int8"
    FP16 = "fp16"
    FP32 = "fp32"


class CpuTarget(StrEnum):
    """A processor that weights are prepared for."""

    INTEL_N100 = "intel_n100"
    RASPBERRY_PI_4 = "raspberry_pi_4"
    RASPBERRY_PI_5 = "raspberry_pi_5"
    GENERIC = "generic"


# Groups of 32 lose least, and the kernels compute with GGML's blocks of 32 anyhow; where an instruction
# multiplies bytes by fours (AVX-VNNI, sdot) they have the time to apply a scale that often. The Pi 4's
# Cortex-A72 has no such instruction and the slowest memory: half as many scales are less to read and to
# apply. 64 is also what qwen3-rs writes, for any processor.
_GROUP_OF: dict[CpuTarget, int] = {
    CpuTarget.INTEL_N100: 32,
    CpuTarget.RASPBERRY_PI_4: 64,
    CpuTarget.RASPBERRY_PI_5: 32,
    CpuTarget.GENERIC: 64,
}


@dataclass(frozen=True, slots=True)
class QuantizedTensor:
    """Weights in a level of precision.

    shape: of the array they were; group_size: elements that share a scale, 0 for FP16 and FP32.
    data: uint8 (n,), the codes in row-major order: float32 or float16 values, int8 codes, or nibbles as
    groups.quantize_int4 packs them. scales: one for each group, in order; float16 for INT4, float32 for INT8,
    none otherwise. A file of qwen3-rs holds an INT8 tensor as `data`, then `scales`.
    """

    level: QuantizationLevel
    shape: tuple[int, ...]
    group_size: int
    data: Bytes
    scales: NDArray[np.float16] | NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Bytes of codes and scales together."""
        return self.data.nbytes + self.scales.nbytes

    def dequantized(self) -> Floats:
        """The values that the codes stand for, float32, in the array's shape."""
        match self.level:
            case QuantizationLevel.FP32:
                values = self.data.view(np.float32)
            case QuantizationLevel.FP16:
                values = dequantize_f16(self.data)
            case QuantizationLevel.INT8:
                codes = self.data.view(np.int8).reshape(-1, self.group_size)
                values = dequantize_int8(codes, self.scales.astype(np.float32))
            case QuantizationLevel.INT4:
                nibbles = self.data.reshape(-1, self.group_size // 2)
                values = dequantize_int4(nibbles, self.scales.astype(np.float16))
        return values.reshape(self.shape)

    def in_ggml_format(self) -> tuple[BlockFormat, Bytes]:
        """The tensor as a GGUF file holds it: F32, F16, Q8_0 or Q4_0, and its bytes, uint8 (n,).

        A group's scale is repeated in each of its blocks of 32. The values stay the same, except that Q8_0
        rounds INT8's scales to float16.
        """
        if self.level in (QuantizationLevel.FP32, QuantizationLevel.FP16):
            return FORMATS["F32" if self.level == QuantizationLevel.FP32 else "F16"], self.data
        scales = np.repeat(self.scales.astype(np.float32), self.group_size // _BLOCK)
        name = "Q4_0" if self.level == QuantizationLevel.INT4 else "Q8_0"
        blocks = np.concatenate([half_bytes(scales), self.data.reshape(len(scales), -1)], axis=1)
        return FORMATS[name], blocks.reshape(-1)


def quantize_dynamic(
    data: NDArray[Any],
    level: QuantizationLevel | str,
    cpu_target: CpuTarget | str = CpuTarget.GENERIC,
    *,
    group_size: int | None = None,
) -> QuantizedTensor:
    """Quantize an array of floats; INT4 and INT8 in groups along its rows.

    data: any float dtype, (..., columns); cpu_target: chooses the size of groups, unless group_size (32, 64
    or 128) does. Raises ConfigError for an unknown level, target or group size, and CheckpointError when rows
    do not end with a group or hold something that is not a finite number.
    """
    level, target = _member(QuantizationLevel, "level", level), _member(CpuTarget, "cpu_target", cpu_target)
    size = _GROUP_OF[target] if group_size is None else group_size
    if size not in GROUP_SIZES:
        raise ConfigError(f"group_size is {size!r}; allowed: {', '.join(map(str, GROUP_SIZES))}")
    values = np.ascontiguousarray(data, np.float32)
    _refuse_what_is_no_number(values)
    scales: NDArray[Any] = np.empty(0, np.float32)
    if level == QuantizationLevel.FP32:
        return QuantizedTensor(level, data.shape, 0, _bytes(values.copy()), scales)
    if level == QuantizationLevel.FP16:
        return QuantizedTensor(level, data.shape, 0, _bytes(values.astype(np.float16)), scales)
    quantize = quantize_int4 if level == QuantizationLevel.INT4 else quantize_int8
    codes, scales = quantize(grouped(values, size))
    return QuantizedTensor(level, data.shape, size, _bytes(codes), scales)


def _bytes(values: NDArray[Any]) -> Bytes:
    return values.reshape(-1).view(np.uint8)


def _member[E: StrEnum](kind: type[E], name: str, value: E | str) -> E:
    try:
        return kind(value)
    except ValueError as err:
        raise ConfigError(f"{name} is {value!r}; allowed: {', '.join(kind)}") from err


def _refuse_what_is_no_number(values: Floats) -> None:
    if not np.isfinite(values).all():
        raise CheckpointError("the weights hold infinities or what is not a number")
