"""Guesses at what comes next, which one pass verifies together, and how many of them are worth it.

A guess is never trusted: the engine draws each token from the model's own logits, as it would without
guesses, and goes on along a guess only while the two agree. So what is generated is the same, drawn or
greedy, token for token and draw for draw; a wrong guess costs time only.
"""

from collections.abc import Sequence
from typing import Protocol

from picoqwen_core.engine.cache import LanguageModel

# Tokens that must recur before their old continuation is guessed again: fewer recur by chance.
_RECURRING = 3
MOST_GUESSES = 8
_FIRST_GUESSES = 4
_LONGEST_PAUSE = 64


class Guesser(Protocol):
    """Has an idea of how a text goes on."""

    def guess(self, ids: Sequence[int], most: int) -> list[int]:
        """Up to `most` tokens that may follow; `ids` only ever grow between two calls."""


class PromptLookup:
    """Guesses that what followed the last few tokens before follows them again: names, JSON, quotes."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ...], int] = {}
        self._indexed = 0

    def guess(self, ids: Sequence[int], most: int) -> list[int]:
        """What followed the latest earlier occurrence of the last tokens."""
        # The last tokens themselves are left out: they would only find themselves.
        for end in range(max(self._indexed, _RECURRING), len(ids)):
            self._seen[tuple(ids[end - _RECURRING : end])] = end
        self._indexed = max(self._indexed, len(ids))
        found = self._seen.get(tuple(ids[-_RECURRING:]))
        return [] if found is None else list(ids[found : found + most])


class DraftModel:
    """Guesses what a smaller model of the same vocabulary would say, greedily."""

    def __init__(self, model: LanguageModel, capacity: int, chunk: int) -> None:
        """chunk: tokens that are read at most in one call, so that nobody waits for long."""
        self._model = model
        self._cache = model.new_cache(capacity)
        self._read: list[int] = []
        self._chunk = chunk

    def guess(self, ids: Sequence[int], most: int) -> list[int]:
        """What the small model says; nothing while it is still reading the prompt."""
        shared = 0
        for ours, theirs in zip(self._read, ids[:-1], strict=False):
            if ours != theirs:
                break
            shared += 1
        self._cache.truncate(shared)
        del self._read[shared:]
        behind = list(ids[shared:])
        if len(behind) > self._chunk:
            self._model.prefill(behind[: self._chunk], self._cache, logits=False)
            self._read += behind[: self._chunk]
            return []
        guesses: list[int] = []
        while len(guesses) < most and len(self._read) + len(behind) < self._cache.capacity:
            logits = self._model.prefill(behind, self._cache, logits=True)
            assert logits is not None
            self._read += behind
            behind = [int(logits.argmax())]
            guesses += behind
        return guesses


class Both:
    """Asks one, and where it has no idea the other."""

    def __init__(self, first: Guesser, second: Guesser) -> None:
        self._first, self._second = first, second

    def guess(self, ids: Sequence[int], most: int) -> list[int]:
        """The first one's guess, else the second's."""
        return self._first.guess(ids, most) or self._second.guess(ids, most)


class Pace:
    """How many guesses the next pass should verify: more while they are right, none for a while else."""

    def __init__(self) -> None:
        self._count = _FIRST_GUESSES
        self._pause = 0
        self._misses = 0

    def most(self) -> int:
        """Guesses that are worth verifying now."""
        if self._pause:
            self._pause -= 1
            return 0
        return self._count

    def verified(self, guessed: int, right: int) -> None:
        """Learn from a pass that verified guesses, of which `right` were right."""
        if right == guessed:
            self._count = min(2 * self._count, MOST_GUESSES)
            self._misses = 0
        elif right:
            self._count = max(2, min(self._count, right + 1))
            self._misses = 0
        else:
            self._misses += 1
            self._count = 2
            self._pause = min(2**self._misses, _LONGEST_PAUSE)
