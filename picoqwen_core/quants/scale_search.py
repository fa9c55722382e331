"""Finds the scale of each block whose codes lie closest to its elements; for Q6_K and IQ4_NL.

A candidate puts the element of largest magnitude at some code value. That settles the codes of all elements,
and the codes settle the scale by least squares. Errors are weighted by rms + |x|, so that the large elements,
which most of a product comes from, are met best.
Blocks are columns, so that sums over a block run along the vectors of the processor.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.scales import reciprocal

Floats = NDArray[np.float32]

TINY = np.float32(1e-20)


def error_weights(columns: Floats) -> Floats:
    """rms + |x| of float32 (block size, n); the rms is that of the element's block."""
    rms = np.sqrt(column_products(columns, columns) / np.float32(len(columns)))
    weights: Floats = np.abs(columns) + rms
    return weights


def column_products(left: Floats, right: Floats) -> Floats:
    """The scalar products, float32 (n,), of the columns of two matrices (block size, n)."""
    products: Floats = np.einsum("ij,ij->j", left, right)
    return products


def find_scales(columns: Floats, targets: tuple[float, ...], nearest: Callable[[Floats], Floats]) -> Floats:
    """The best scales, float32 (n,), for blocks float32 (block size, n).

    targets: code values that the element of largest magnitude is tried at, none of them 0;
    nearest: the code value nearest to each number of an array, which it may overwrite.
    """
    high, low = columns.max(axis=0), columns.min(axis=0)
    largest = np.where(high > -low, high, low)
    # Sums of squares of the elements themselves could leave the range of float32.
    unit = columns * reciprocal(largest)
    weights = error_weights(unit)
    weighted = weights * unit
    best_gain, best = np.zeros_like(largest), np.zeros_like(largest)
    for target in targets:
        values = nearest(unit * np.float32(target))
        product = column_products(weighted, values)
        values *= values
        scale = product / np.maximum(column_products(weights, values), TINY)
        gain = product * scale
        better = gain > best_gain
        np.copyto(best_gain, gain, where=better)
        np.copyto(best, scale, where=better)
    found: Floats = best * largest
    return found
