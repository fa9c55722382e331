"""How likely the model found each token of an answer, beside its other choices.

What a constraint left no choice about is certain and has no alternatives; a drawn token is weighed among what
was allowed in its place, before temperature and penalties.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.engine.cache import Logits
from picoqwen_core.sampling import allowed_ids

# JSON has no infinity; OpenAI writes this for what is next to impossible.
LEAST = -9999.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A token, the natural logarithm of its probability, and the likeliest in its place with theirs."""

    token: int
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()
    drawn: bool = False


@dataclass(slots=True)
class Weights:
    """Collects one entry for each token of an answer, before that is handed over; most: alternatives."""

    most: int
    entries: list[Weighed] = field(default_factory=list)

    def weigh(self, logits: Logits, token: int, mask: NDArray[np.int32] | None) -> Weighed:
        """The entry of a token drawn from (vocab,) logits; mask: as in Sampler.sample."""
        allowed = None if mask is None else allowed_ids(mask, logits.size)
        scores = (logits if allowed is None else logits[allowed]).astype(np.float64)
        highest = scores.max()
        total = highest + np.log(np.exp(scores - highest).sum())
        count = min(self.most, scores.size)
        best = np.argpartition(-scores, count - 1)[:count] if count else np.empty(0, np.intp)
        best = best[np.argsort(-scores[best], kind="stable")]
        top = tuple(
            (int(place if allowed is None else allowed[place]), _finite(scores[place] - total))
            for place in best
        )
        return Weighed(token, _finite(float(logits[token]) - total), top, drawn=True)


def mean_logprob(entries: list[Weighed]) -> float | None:
    """Of the drawn ones; None where nothing was drawn."""
    drawn = [each.logprob for each in entries if each.drawn]
    return sum(drawn) / len(drawn) if drawn else None


def _finite(logprob: float) -> float:
    return max(LEAST, min(0.0, float(logprob)))
