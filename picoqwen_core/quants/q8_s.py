"""Q8_S, the int8 of qwen3-rs's files: no blocks, but signed bytes, and float32 scales that lie elsewhere."""

import numpy as np
from numpy.typing import NDArray

# Columns that share a scale, as the kernels want it.
GROUP = 32


def dequantize(data: NDArray[np.uint8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """uint8 (n,) that are signed bytes, float32 (n / group,) for groups of any one size -> float32 (n,)."""
    values = data.view(np.int8).astype(np.float32).reshape(len(scales), -1)
    values *= scales[:, None]
    return values.reshape(-1)
