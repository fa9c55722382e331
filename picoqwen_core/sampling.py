"""From logits to the next token id: penalties, temperature, top-k, top-p, min-p, and the draw."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import EngineError, RequestError
from picoqwen_core.messages import SamplingParams

type Logits = NDArray[np.float32]

# Candidates that are sorted first when only top-p or min-p limits them; their share of the
# probability is almost always enough, and sorting a whole vocabulary of 150,000 takes 10 ms.
_FIRST_CANDIDATES = 256
_BLOCK = 64
# From this part of the vocabulary on, a mask is laid over the logits; below, the few allowed are picked.
_DENSE = 4


class Sampler:
    """Draws the tokens of one answer; two samplers with the same seed draw the same."""

    def __init__(self, params: SamplingParams) -> None:
        """RequestError names the first parameter that is out of its range."""
        _validate(params)
        self._params = params
        # Seeds from other systems may be negative; the generator takes unsigned ones.
        seed = None if params.seed is None else params.seed & (2**64 - 1)
        self._rng = np.random.default_rng(seed)

    def sample(
        self,
        logits: Logits,
        history: Sequence[int],
        generated_from: int = 0,
        mask: NDArray[np.int32] | None = None,
    ) -> int:
        """The next id for logits of shape (vocab,), which are left unchanged.

        The repetition penalty covers the whole history, presence and frequency what was generated,
        which starts at index `generated_from`. mask: a bit for each id that may be drawn, the lowest first;
        None for all. EngineError when the logits are not numbers, or none may be drawn.
        """
        logits = _penalized(logits, self._params, history, generated_from)
        if mask is None:
            return self._choose(logits)
        if int(np.bitwise_count(mask.view(np.uint32)).sum()) > logits.size // _DENSE:
            return self._choose(_only(logits, mask))
        allowed = allowed_ids(mask, logits.size)
        if not allowed.size:
            raise EngineError("the constraint allows no token")
        return int(allowed[self._choose(logits[allowed])])

    def _choose(self, logits: Logits) -> int:
        """An index into (n,) logits."""
        params = self._params
        best = int(np.argmax(logits))
        if not math.isfinite(logits[best]):
            raise EngineError(f"the model's largest logit is {logits[best]}")
        if params.temperature == 0 or params.top_k == 1:
            return best
        return self._draw(logits, float(logits[best]))

    def _draw(self, logits: Logits, highest: float) -> int:
        params = self._params
        ids = _top_ids(logits, params.top_k) if 0 < params.top_k < logits.size else None
        scores = logits if ids is None else logits[ids]
        # A tiny temperature divides into -inf, whose weight is rightly 0.
        with np.errstate(over="ignore"):
            weights = np.exp((scores.astype(np.float64) - highest) / params.temperature)
        order = _most_likely(weights, params.top_p, params.min_p)
        chosen = weights[order]
        cumulative = np.cumsum(chosen)
        place = int(np.searchsorted(cumulative, self._rng.random() * cumulative[-1], side="right"))
        index = int(order[min(place, order.size - 1)])
        return index if ids is None else int(ids[index])


def allowed_ids(mask: NDArray[np.int32], vocab: int) -> NDArray[np.intp]:
    """The ids below `vocab` whose bits are set."""
    # Most words are empty where few ids are allowed: 10 times faster than looking at each bit of 150,000.
    words = np.flatnonzero(mask)
    bits = np.unpackbits(mask[words].view(np.uint8), bitorder="little").reshape(-1, 32).view(np.bool_)
    rows, columns = np.nonzero(bits)
    ids = words[rows] * 32 + columns
    return ids[: np.searchsorted(ids, vocab)]


def _only(logits: Logits, mask: NDArray[np.int32]) -> Logits:
    """The logits with those that are not allowed impossible; right where many are allowed."""
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: logits.size].view(np.bool_)
    left: Logits = np.where(bits, logits[: bits.size], np.float32(-np.inf))
    return np.pad(left, (0, logits.size - bits.size), constant_values=-np.inf)


def _validate(params: SamplingParams) -> None:
    ranges: tuple[tuple[str, bool, str], ...] = (
        ("temperature", 0 <= params.temperature <= 100, "in [0, 100]"),
        ("top_k", params.top_k >= 0, "0 (off) or more"),
        ("top_p", 0 < params.top_p <= 1, "in (0, 1]"),
        ("min_p", 0 <= params.min_p <= 1, "in [0, 1]"),
        ("repetition_penalty", 0 < params.repetition_penalty <= 100, "in (0, 100]"),
        ("presence_penalty", -2 <= params.presence_penalty <= 2, "in [-2, 2]"),
        ("frequency_penalty", -2 <= params.frequency_penalty <= 2, "in [-2, 2]"),
    )
    for name, valid, wanted in ranges:
        if not valid:
            raise RequestError(f"{name} must be {wanted}, got {getattr(params, name)}")


def _penalized(logits: Logits, params: SamplingParams, history: Sequence[int], generated_from: int) -> Logits:
    """The logits with penalties taken off, as a copy, or as they are when there are none."""
    repetition = params.repetition_penalty
    additive = params.presence_penalty or params.frequency_penalty
    if not history or (repetition == 1 and not additive):
        return logits
    logits = logits.copy()
    if repetition != 1:
        seen = np.unique(np.asarray(history))
        scores = logits[seen]
        logits[seen] = np.where(scores > 0, scores / repetition, scores * repetition)
    if additive and len(history) > generated_from:
        seen, counts = np.unique(np.asarray(history[generated_from:]), return_counts=True)
        logits[seen] -= params.presence_penalty + params.frequency_penalty * counts
    return logits


def _top_ids(values: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Indices of the `count` largest of (n,) values, in no order; count is in 1..n."""
    if count * _BLOCK * 4 > values.size:
        return np.argpartition(values, values.size - count)[values.size - count :]
    # The largest `count` groups each hold a value of at least this floor, so no larger value than the
    # wanted ones can be below it: 10 times faster than partitioning a vocabulary of 150,000. A group is a
    # column, because the largest of each column is found a vector at a time.
    columns = values.size // _BLOCK
    table = values[: columns * _BLOCK].reshape(_BLOCK, columns)
    peaks = table.max(axis=0)
    floor = np.partition(peaks, peaks.size - count)[peaks.size - count]
    high = np.flatnonzero(peaks >= floor)
    rows, places = np.nonzero(table[:, high] >= floor)
    rest = table.size + np.flatnonzero(values[table.size :] >= floor)
    likely = np.sort(np.concatenate((rows * columns + high[places], rest)))
    scores = values[likely]
    return likely[np.argpartition(scores, likely.size - count)[likely.size - count :]]


def _most_likely(weights: NDArray[np.float64], top_p: float, min_p: float) -> NDArray[np.intp]:
    """Indices of the candidates that top-p and min-p leave, at least one.

    weights: (n,) relative probabilities whose largest is 1. Top-p keeps the smallest set that holds its
    share of the total; min-p keeps those with at least that part of the largest.
    """
    if top_p == 1 and min_p == 0:
        return np.arange(weights.size)
    wanted = top_p * float(weights.sum())
    count = _FIRST_CANDIDATES
    while True:
        count = min(count, weights.size)
        ids = _top_ids(weights, count)
        order = ids[np.argsort(-weights[ids], kind="stable")]
        ranked = weights[order]
        # Enough are sorted when a limit falls among them, or when there are no more.
        nucleus = int(np.searchsorted(np.cumsum(ranked), wanted)) + 1 if top_p < 1 else weights.size
        likely = int(np.searchsorted(-ranked, -min_p, side="right"))
        kept = min(nucleus, likely)
        if kept < count or count == weights.size:
            return order[: max(1, min(kept, count))]
        count *= 16
