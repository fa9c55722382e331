"""Plain NumPy twins of the kernels: slow, obvious, and the oracle of every kernel test."""

import numpy as np

GROUP = 32


def quantize_row(x):
    """int8 quants (cols,) and float32 scales (cols/32,) of a float32 row."""
    groups = x.reshape(-1, GROUP)
    largest = np.abs(groups).max(axis=1)
    scales = (largest / np.float32(127)).astype(np.float32)
    inverse = np.where(largest > 0, np.float32(127) / np.where(largest > 0, largest, 1), 0).astype(np.float32)
    return np.rint(groups * inverse[:, None]).astype(np.int8).reshape(-1), scales


def matmul_quantized(weights, x):
    """x . weights^T with x first quantized to int8 in groups; weights: dequantized float32 (rows, cols)."""
    rows = []
    for row in x:
        quants, scales = quantize_row(row)
        rows.append((quants.reshape(-1, GROUP) * scales[:, None]).reshape(-1))
    return np.stack(rows).astype(np.float64) @ weights.astype(np.float64).T


def matmul_float(weights, x):
    """x . weights^T in float64."""
    return x.astype(np.float64) @ weights.astype(np.float64).T


def rmsnorm(x, weight, eps):
    """x / rms(x) * weight."""
    x = x.astype(np.float64)
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight


def rope(x, cos, sin):
    """Half-split rotary embedding of the last axis."""
    a, b = np.split(x.astype(np.float64), 2, axis=-1)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def swiglu(gate, up):
    """silu(gate) * up."""
    gate = gate.astype(np.float64)
    return gate / (1 + np.exp(-gate)) * up


def stored_int8(x):
    """What a cache gives back of x, float32 (..., cols), that it keeps as int8 with float16 scales."""
    quants, scales = quantize_row(x.reshape(-1))
    return (quants.reshape(-1, GROUP) * scales.astype(np.float16)[:, None].astype(np.float32)).reshape(
        x.shape
    )


def stored_int4(x):
    """The same as int4: in each group the number that is farthest from zero becomes -8."""
    groups = x.reshape(-1, GROUP)
    above, below = groups.max(axis=1), -groups.min(axis=1)
    extreme = np.where(above > below, above, -below)
    inverse = np.where(extreme != 0, np.float32(-8) / np.where(extreme != 0, extreme, 1), 0).astype(
        np.float32
    )
    codes = np.minimum(np.rint(groups * inverse[:, None]), 7)
    scales = (extreme / np.float32(-8)).astype(np.float16)
    return (codes * scales[:, None].astype(np.float32)).reshape(x.shape)


def attend_integers(query, keys, values, values_kind):
    """attend by a cache of int8 keys, with the query in int8 too; values_kind: "int8" or "int4"."""
    quants, scales = quantize_row(query)
    rounded = (quants.reshape(-1, GROUP) * scales[:, None]).reshape(-1)
    stored = {"int8": stored_int8, "int4": stored_int4}[values_kind]
    return attend(rounded, stored_int8(keys), stored(values))


def attend(query, keys, values):
    """softmax(query . keys^T / sqrt(head_dim)) . values for one head; keys, values: (length, head_dim)."""
    scores = keys.astype(np.float64) @ query.astype(np.float64) / np.sqrt(query.size)
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ values
