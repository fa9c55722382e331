"""The token loop: prompt ids in, generated ids out. It knows nothing of text, templates or processes.

One KV cache holds the last sequence. A prompt that starts like it, such as the next turn of the same
conversation, is read from where the two part.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.engine.constraint import Constraint
from picoqwen_core.errors import ContextLengthExceeded, RequestError
from picoqwen_core.messages import FinishReason, SamplingParams
from picoqwen_core.sampling import Sampler

# Small enough that a cancelled request stops soon on a slow machine, large enough to keep the
# matrix products efficient.
PREFILL_CHUNK = 256


class Cache(Protocol):
    """Keys and values of the positions that were read."""

    @property
    def length(self) -> int:
        """Positions held."""

    def truncate(self, length: int) -> None:
        """Forget the positions from `length` on."""


class LanguageModel[C: Cache](Protocol):
    """What the engine needs of a model."""

    def new_cache(self, capacity: int) -> C:
        """An empty cache for this many positions."""

    def forward(self, ids: NDArray[np.int32], cache: C) -> NDArray[np.float32]:
        """Read (n,) ids after those in the cache; returns the (vocab,) logits after the last one."""


@dataclass(slots=True)
class EngineStats:
    """Tokens since the start: read, generated, and found in the cache."""

    prefilled_tokens: int = 0
    decoded_tokens: int = 0
    cached_tokens: int = 0


class Engine[C: Cache]:
    """Continues one sequence at a time; not safe to share between threads."""

    def __init__(
        self, model: LanguageModel[C], *, context_length: int, prefill_chunk: int = PREFILL_CHUNK
    ) -> None:
        """context_length: most tokens of prompt and answer together; prefill_chunk: tokens read in one go."""
        self.context_length = context_length
        self.stats = EngineStats()
        self._model = model
        self._prefill_chunk = prefill_chunk
        self._cache = model.new_cache(context_length)
        # The ids whose keys and values the cache holds, position by position.
        self._held: list[int] = []

    def generate(
        self,
        prompt_ids: Sequence[int],
        params: SamplingParams,
        *,
        max_tokens: int | None,
        stop_ids: frozenset[int],
        cancelled: Callable[[], bool] = lambda: False,
        constraint: Constraint | None = None,
    ) -> Generator[int, None, FinishReason]:
        """Yield generated ids; the generator's return value says why they end.

        A stop id ends the answer and is not yielded. max_tokens None is as many as the context holds. What a
        constraint forces is yielded without drawing, and read together with what comes before it.
        Raises ContextLengthExceeded when the prompt leaves no room for one token.
        """
        limit = self._limit(prompt_ids, max_tokens)
        sampler = Sampler(params)
        history, read = list(prompt_ids), 0
        end = len(prompt_ids) + limit
        while True:
            # 1) Take what is certain already.
            ids = constraint.forced() if constraint else []
            if not ids:
                if constraint and constraint.stopped():
                    return "stop"
                # 2) Else read what the cache does not hold yet, and draw.
                logits = self._read(history, read) if read else self._prefill(history, cancelled)
                if logits is None:
                    return "cancelled"
                read = len(history)
                mask = constraint.mask() if constraint else None
                ids = [sampler.sample(logits, history, len(prompt_ids), mask)]
            # 3) Hand over, until something says stop. The last one is not read: nothing follows it.
            for token in ids:
                self.stats.decoded_tokens += 1
                if token in stop_ids:
                    return "stop"
                if constraint:
                    constraint.accept(token)
                history.append(token)
                yield token
                if cancelled():
                    return "cancelled"
                if len(history) == end:
                    return "length"

    def score(
        self,
        prompt_ids: Sequence[int],
        choices: Sequence[Sequence[int]],
        *,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[float] | None:
        """The natural logarithm of each continuation's probability after the prompt; None when cancelled.

        Nothing is sampled, so no temperature applies. Raises ContextLengthExceeded when the prompt and its
        longest continuation do not fit.
        """
        if not prompt_ids or not all(choices):
            raise RequestError("the prompt and each choice need at least one token")
        needed = len(prompt_ids) + max(map(len, choices))
        if needed > self.context_length:
            raise ContextLengthExceeded(
                f"the prompt and a choice have {needed} tokens, but the context holds {self.context_length}"
            )
        logits = self._prefill(prompt_ids, cancelled)
        if logits is None:
            return None
        first = _log_probabilities(logits)
        scores = []
        for choice in choices:
            if cancelled():
                return None
            scores.append(self._continued(len(prompt_ids), first, choice))
        return scores

    def forget(self) -> None:
        """Empty the cache and set the counters to 0."""
        self._cache.truncate(0)
        self._held.clear()
        self.stats = EngineStats()

    def _limit(self, prompt_ids: Sequence[int], max_tokens: int | None) -> int:
        """How many tokens may be generated, at least 1."""
        if not prompt_ids:
            raise RequestError("the prompt is empty")
        if len(prompt_ids) >= self.context_length:
            raise ContextLengthExceeded(
                f"the prompt has {len(prompt_ids)} tokens, but the context holds {self.context_length}, "
                "answer included"
            )
        room = self.context_length - len(prompt_ids)
        limit = room if max_tokens is None else min(max_tokens, room)
        if limit < 1:
            raise RequestError(f"max_tokens must be at least 1, got {max_tokens}")
        return limit

    def _continued(self, prompt_length: int, first: NDArray[np.float64], choice: Sequence[int]) -> float:
        """The log probability of one continuation; `first` holds those of its first token."""
        self._cache.truncate(prompt_length)
        del self._held[prompt_length:]
        score = float(first[choice[0]])
        # The last token is not read: nothing follows it.
        for token, following in pairwise(choice):
            score += float(_log_probabilities(self._forward([token]))[following])
        return score

    def _prefill(
        self, prompt_ids: Sequence[int], cancelled: Callable[[], bool]
    ) -> NDArray[np.float32] | None:
        """Logits after the prompt, or None when cancelled between two chunks."""
        # The last prompt token is always read, for its logits.
        shared = min(_common_prefix(self._held, prompt_ids), len(prompt_ids) - 1)
        self._cache.truncate(shared)
        del self._held[shared:]
        self.stats.cached_tokens += shared
        for start in range(shared, len(prompt_ids), self._prefill_chunk):
            if cancelled():
                return None
            chunk = prompt_ids[start : start + self._prefill_chunk]
            logits = self._forward(chunk)
            self.stats.prefilled_tokens += len(chunk)
        return logits

    def _read(self, ids: Sequence[int], start: int) -> NDArray[np.float32]:
        """Logits after the ids from `start` on; more than one where some were forced."""
        for place in range(start, len(ids), self._prefill_chunk):
            logits = self._forward(ids[place : place + self._prefill_chunk])
        return logits

    def _forward(self, ids: Sequence[int]) -> NDArray[np.float32]:
        try:
            logits = self._model.forward(np.asarray(ids, dtype=np.int32), self._cache)
        except BaseException:
            # Half-written positions must not be taken for a prefix by the next request.
            self._cache.truncate(0)
            self._held.clear()
            raise
        self._held.extend(ids)
        return logits


def _common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many ids the two sequences share from the start."""
    for place, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return place
    return min(len(left), len(right))


def _log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The (vocab,) logits as natural logarithms of probabilities."""
    shifted = logits.astype(np.float64) - float(logits.max())
    logarithms: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return logarithms
