"""Unquantized formats: F32, F16, and BF16 (the upper half of a float32)."""

import numpy as np
from numpy.typing import NDArray


def quantize_f32(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (4n,)."""
    return np.ascontiguousarray(values, np.float32).view(np.uint8)


def dequantize_f32(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (4n,) -> float32 (n,)."""
    return np.ascontiguousarray(data).view(np.float32)


def quantize_f16(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (2n,)."""
    return values.astype(np.float16).view(np.uint8)


def dequantize_f16(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (2n,) -> float32 (n,)."""
    return np.ascontiguousarray(data).view(np.float16).astype(np.float32)


def quantize_bf16(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n,) -> uint8 (2n,), rounded to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    nan = np.isnan(values)
    return np.where(nan, (bits >> 16) | 64, rounded >> 16).astype(np.uint16).view(np.uint8)


def dequantize_bf16(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (2n,) -> float32 (n,)."""
    halves = np.ascontiguousarray(data).view(np.uint16).astype(np.uint32)
    return (halves << np.uint32(16)).view(np.float32)
