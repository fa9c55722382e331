"""RMSNorm, RoPE and SwiGLU on rows of float32, with the NumPy twins in reference.py."""

import math

import numpy as np

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.products import quantize_row


@kernel
def rmsnorm(out, x, weight, eps):
    """out = x / rms(x) * weight; all float32 (n,)."""
    total = np.float32(0)
    for i in range(x.size):
        total += x[i] * x[i]
    scale = np.float32(1) / np.float32(math.sqrt(total / np.float32(x.size) + np.float32(eps)))
    for i in range(x.size):
        out[i] = x[i] * scale * weight[i]


@kernel
def rope(x, cos, sin):
    """Rotate pairs (i, i + half) of x in place; x: float32 (head_dim,), cos, sin: float32 (head_dim/2,)."""
    half = cos.size
    for i in range(half):
        a, b = x[i], x[i + half]
        x[i] = a * cos[i] - b * sin[i]
        x[i + half] = b * cos[i] + a * sin[i]


@kernel
def swiglu(gate, up):
    """gate = silu(gate) * up, in place; float32 (n,)."""
    one = np.float32(1)
    for i in range(gate.size):
        value = gate[i]
        gate[i] = value / (one + np.float32(math.exp(-value))) * up[i]


@kernel
def norm_rows(thread, threads, tokens, x, weight, eps, out, quants, scales, sums):
    """Normalise this thread's share of the rows, and quantize them for the product that follows."""
    for t in range(thread, tokens, threads):
        rmsnorm(out[t], x[t], weight, eps)
        quantize_row(out[t], quants[t], scales[t], sums[t])
