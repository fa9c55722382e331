"""Finds scales and minima of the sub-blocks of Q4_K and Q5_K; k_scales has the bytes that they are stored in.

First each sub-block by itself: candidates spread its range over more or fewer codes, and least squares settle
the scale and the minimum of each. Then d and dmin are fixed, and of the 6-bit numbers around those found the
pair of least error is taken: rounding each to the nearest would leave 1.5 % more error in Q4_K, 3 % in Q5_K.
Sub-blocks are columns and errors are weighted as in scale_search.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.quants.k_scales import MOST, SUB_BLOCKS, SUB_SIZE, pack_header
from picoqwen_core.quants.scale_search import TINY, column_products, error_weights
from picoqwen_core.quants.scales import half_not_below, reciprocal

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# How many codes more than there are steps a candidate spreads the range over; what lies beyond is cut.
SPREADS = (-2.0, -1.65, -1.3, -0.95, -0.6, -0.25, 0.1, 0.45)
NEIGHBOURS = tuple((scale, minimum) for scale in (0, -1, 1) for minimum in (0, -1, 1))
# Codes that vary by less than this share of their mean square are all the same, but for rounding in the sums.
_ONE_CODE = np.float32(1e-5)


@dataclass(frozen=True, slots=True)
class _Units:
    """Sub-blocks whose range is 0..1, float32 (32, n), and sums (n,) over each that no candidate changes."""

    values: Floats
    zero: Floats  # (n,): where the value 0 lies
    weights: Floats
    weighted: Floats
    weight: Floats
    total: Floats
    squares: Floats


def encode_super_blocks(blocks: Floats, levels: int) -> tuple[Bytes, Bytes]:
    """float32 (n, 256) -> headers uint8 (n, 16), codes of 0..levels uint8 (n, 8, 32)."""
    columns = np.ascontiguousarray(blocks.reshape(-1, SUB_SIZE).T)
    scales, minima = find_scales_and_minima(columns, levels)
    d, dmin = _factor(scales), _factor(minima)
    scale_codes, minimum_codes = _best_neighbours(columns, (scales, minima), (d, dmin), levels)
    codes = _codes(columns + dmin * minimum_codes, d * scale_codes, levels)
    header = pack_header(d[::SUB_BLOCKS], dmin[::SUB_BLOCKS], scale_codes, minimum_codes)
    return header, np.ascontiguousarray(codes.T.astype(np.uint8)).reshape(-1, SUB_BLOCKS, SUB_SIZE)


def find_scales_and_minima(columns: Floats, levels: int) -> tuple[Floats, Floats]:
    """The best scales and minima, float32 (n,) and not negative, for sub-blocks float32 (32, n).

    levels: the largest code; value = scale x code - minimum.
    """
    low = np.minimum(columns.min(axis=0), np.float32(0))
    width = columns.max(axis=0) - low
    units = _units(columns, low, width)
    least = np.full_like(low, np.inf)
    scale, shift = np.zeros_like(low), np.zeros_like(low)
    for spread in SPREADS:
        codes = np.rint(units.values * np.float32(levels + spread))
        np.minimum(codes, np.float32(levels), out=codes)
        fit_scale, fit_shift, error = _least_squares(units, codes)
        better = error < least
        for best, found in ((least, error), (scale, fit_scale), (shift, fit_shift)):
            np.copyto(best, found, where=better)
    return scale * width, np.maximum(-(shift * width + low), np.float32(0))


def _units(columns: Floats, low: Floats, width: Floats) -> _Units:
    inverse = reciprocal(width)
    values, zero = (columns - low) * inverse, -low * inverse
    weights = error_weights(values - zero)
    weighted = weights * values
    return _Units(
        *(values, zero, weights, weighted),
        weight=weights.sum(axis=0),
        total=weighted.sum(axis=0),
        squares=column_products(weighted, values),
    )


def _least_squares(units: _Units, codes: Floats) -> tuple[Floats, Floats, Floats]:
    """Scales and shifts (n,) of least weighted squared error, and that error; a shift is `zero` at most.

    Larger shifts would be negative minima, which the formats do not have.
    """
    product = column_products(units.weighted, codes)
    weighted_codes = units.weights * codes
    code_sum = weighted_codes.sum(axis=0)
    code_squares = column_products(weighted_codes, codes)
    spread = units.weight * code_squares
    determinant = spread - code_sum * code_sum
    divisor = np.maximum(determinant, TINY)
    scale = (units.weight * product - units.total * code_sum) / divisor
    shift = (code_squares * units.total - code_sum * product) / divisor
    error = units.squares - scale * product - shift * units.total

    # With the shift fixed to `zero`: where it would be larger, and where all codes are the same.
    from_zero = product - units.zero * code_sum
    bound_scale = from_zero / np.maximum(code_squares, TINY)
    squares = units.squares - units.zero * (2 * units.total - units.zero * units.weight)
    bound = (shift > units.zero) | (determinant < _ONE_CODE * spread)
    return (
        np.where(bound, bound_scale, scale),
        np.where(bound, units.zero, shift),
        np.where(bound, squares - bound_scale * from_zero, error),
    )


def _factor(values: Floats) -> Floats:
    """The d or dmin for values (n,) of sub-blocks: numbers of float16, repeated for each sub-block."""
    largest = values.reshape(-1, SUB_BLOCKS).max(axis=1)
    return np.repeat(half_not_below(largest / np.float32(MOST)), SUB_BLOCKS)


def _best_neighbours(
    columns: Floats, exact: tuple[Floats, Floats], factors: tuple[Floats, Floats], levels: int
) -> tuple[Floats, Floats]:
    """6-bit codes of scales and minima, as float32 (n,); exact, factors: those of scales, those of minima."""
    weights = error_weights(columns)
    nearest = [np.rint(values * reciprocal(factor)) for values, factor in zip(exact, factors, strict=True)]
    least = np.full_like(exact[0], np.inf)
    best = np.zeros_like(least), np.zeros_like(least)
    for steps in NEIGHBOURS:
        codes = [(code + np.float32(step)).clip(0, MOST) for code, step in zip(nearest, steps, strict=True)]
        scale, minimum = (factor * code for factor, code in zip(factors, codes, strict=True))
        shifted = columns + minimum
        difference = _codes(shifted, scale, levels)
        difference *= scale
        difference -= shifted
        error = column_products(weights * difference, difference)
        better = error < least
        np.copyto(least, error, where=better)
        for target, code in zip(best, codes, strict=True):
            np.copyto(target, code, where=better)
    return best


def _codes(shifted: Floats, scale: Floats, levels: int) -> Floats:
    """Codes of (values + minimum), float32 (32, n), for scales (n,)."""
    codes = shifted * reciprocal(scale)
    np.rint(codes, out=codes)
    return np.clip(codes, np.float32(0), np.float32(levels), out=codes)
