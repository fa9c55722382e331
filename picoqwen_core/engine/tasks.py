"""What the engine works on: an answer, a prompt to be read ahead, answers to be weighed. One object for each.

A task knows what it wants read next and what to make of the logits. When it is its turn, and from which
blocks its cache begins, is the scheduler's business.
"""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from picoqwen_core.engine.cache import Cache, Logits
from picoqwen_core.engine.constraint import Constraint
from picoqwen_core.engine.speculation import Guesser, Pace
from picoqwen_core.engine.weighing import Weighed, Weights
from picoqwen_core.messages import FinishReason
from picoqwen_core.sampling import Sampler

# Tokens of a choice that is weighed which one pass reads beside those of others.
_MOST_AT_ONCE = 23
# A token and the forced ones behind it, from so many on, are read as a prompt is: by panels, which at 0.6B in
# Q8_0 and 2 threads are faster from about 12 tokens on.
LONG_RUN = 12


class Priority(IntEnum):
    """Who goes first; the lowest number does."""

    VOICE = 0
    CHAT = 1
    BACKGROUND = 2


@dataclass(slots=True)
class Counts:
    """Tokens of one request: generated, and of its prompt those that were not read again."""

    decoded_tokens: int = 0
    cached_tokens: int = 0
    guessed_tokens: int = 0
    right_guesses: int = 0


class Task:
    """A prompt that is read, and what follows. `output` gets ids, and None after the last one."""

    def __init__(
        self,
        prompt: Sequence[int],
        *,
        priority: Priority,
        exact: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """exact: the result must not depend on what the cache holds, not even in rounding."""
        self.ids = list(prompt)
        self.prompt_tokens = len(self.ids)
        self.most_tokens = len(self.ids)
        self.priority = priority
        self.exact = exact
        self.counts = Counts()
        self.reason: FinishReason | None = None
        self.error: Exception | None = None
        self.output: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._made: list[int | None] = []
        self.needs_logits = True
        self.abandoned = False
        self._cancelled = cancelled
        # The scheduler's: the cache while there is one, whether something is read as a prompt is, and whether
        # that is behind the prompt proper.
        self.cache: Any = None
        self.reading = True
        self.begun = False

    @property
    def held(self) -> Cache:
        """The cache, which a task that is worked on has."""
        cache: Cache = self.cache
        return cache

    def is_cancelled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.abandoned or self._cancelled()

    def finish(self, reason: FinishReason) -> None:
        """The end; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            self._made.append(None)

    def fail(self, error: Exception) -> None:
        """The end by an error."""
        if self.reason is None:
            self.error = error
            self.finish("cancelled")

    def hand_over(self) -> None:
        """Put what was made into `output`.

        Not as soon as it is made: who waits there wants the interpreter, which then everybody who computes
        would wait for. With four answers a pass, that was a tenth of the time.
        """
        for token in self._made:
            self.output.put(token)
        self._made.clear()

    def open(self) -> None:
        """Called once before the prompt, `ids`, is read."""

    def begin(self, logits: Logits | None) -> None:
        """Called with the logits (vocab,) after the prompt, or None where they are not needed.

        A task that sets `reading` again has what it appended read in the same way, and is called again.
        """
        del logits
        self.finish("stop")

    def part(self) -> tuple[list[int], int]:
        """What to read next, and of how many of its last tokens the logits are wanted."""
        raise AssertionError("nothing follows")

    def absorb(self, rows: Logits) -> None:
        """Take the logits (wanted, vocab) of the part that was read."""


class Priming(Task):
    """Reads a prompt ahead of its request."""

    def __init__(self, prompt: Sequence[int], cancelled: Callable[[], bool]) -> None:
        super().__init__(prompt, priority=Priority.BACKGROUND, cancelled=cancelled)
        self.needs_logits = False


class Generation(Task):
    """Continues a prompt."""

    def __init__(
        self,
        prompt: Sequence[int],
        sampler: Sampler,
        *,
        limit: int,
        stop_ids: frozenset[int],
        constraint: Constraint | None,
        guesser: Guesser | None,
        priority: Priority,
        exact: bool,
        cancelled: Callable[[], bool],
        weights: Weights | None = None,
    ) -> None:
        """limit: most tokens to generate, at least 1; the others as in Engine.generate."""
        super().__init__(prompt, priority=priority, exact=exact, cancelled=cancelled)
        self.most_tokens = len(prompt) + limit
        self._sampler = sampler
        self._stop_ids = stop_ids
        self._constraint = constraint
        self._guesser = guesser
        self._pace = Pace()
        self._guesses: list[int] = []
        self._weights = weights
        # Where the last token stands that was drawn and not read yet; those behind it were forced.
        self._drawn = 0

    def open(self) -> None:
        """Append what is certain before anything is read: it is read with the prompt."""
        if self._constraint is not None:
            self._append(self._constraint.forced())

    def begin(self, logits: Logits | None) -> None:
        """Draw the next token, behind the prompt or behind a long run of forced ones."""
        assert logits is not None
        self._guesses, self._drawn = [], len(self.ids)
        self._go_along(logits[None], len(self.ids))

    def part(self) -> tuple[list[int], int]:
        """What was appended but not read, and guesses at what follows it."""
        unread = self.ids[self.held.length :]
        # The last token is not read, since nothing follows it.
        most = min(self._pace.most(), self.most_tokens - len(self.ids) - 1) if self._guesser else 0
        self._guesses = self._guesser.guess(self.ids, most) if self._guesser and most > 0 else []
        self.counts.guessed_tokens += len(self._guesses)
        return unread + self._guesses, 1 + len(self._guesses)

    def absorb(self, rows: Logits) -> None:
        """Draw along the guesses, as long as they are right; forget what was read for wrong ones."""
        if not len(rows):
            return
        first, guesses = len(self.ids), self._guesses
        self._go_along(rows, first)
        right = 0
        for guess, token in zip(guesses, self.ids[first:], strict=False):
            if guess != token:
                break
            right += 1
        # A long run is read anew where guesses have met it: how a token is read must not depend on guesses.
        self.held.truncate(min(first + right, self._drawn) if self.reading else first + right)
        if guesses:
            self.counts.right_guesses += right
            self._pace.verified(len(guesses), right)

    def _go_along(self, rows: Logits, first: int) -> None:
        """Append tokens; row i belongs to place first + i, if all guesses before it were right."""
        while self.reason is None:
            if self._constraint is not None:
                if forced := self._constraint.forced():
                    self._append(forced)
                    continue
                if self._constraint.stopped():
                    self.finish("stop")
                    return
            if len(self.ids) - self._drawn >= LONG_RUN:
                self.reading = True
                return
            place = len(self.ids) - first
            if place >= len(rows) or self.ids[first:] != self._guesses[:place]:
                return
            mask = self._constraint.mask() if self._constraint is not None else None
            token = self._sampler.sample(rows[place], self.ids, self.prompt_tokens, mask)
            self._drawn = len(self.ids)
            self._append([token], self._weights.weigh(rows[place], token, mask) if self._weights else None)

    def _append(self, tokens: Sequence[int], weighed: Weighed | None = None) -> None:
        """Hand over tokens, until something says stop; weighed: the entry of a drawn one."""
        for token in tokens:
            self.counts.decoded_tokens += 1
            if token in self._stop_ids:
                return self.finish("stop")
            if self._constraint is not None:
                self._constraint.accept(token)
            if self._weights is not None:
                self._weights.entries.append(weighed or Weighed(token))
            self.ids.append(token)
            self._made.append(token)
            if self.is_cancelled():
                return self.finish("cancelled")
            if len(self.ids) == self.most_tokens:
                return self.finish("length")
        return None


class Scoring(Task):
    """Weighs continuations of a prompt: `scores` gets the natural logarithm of each one's probability."""

    def __init__(
        self, prompt: Sequence[int], choices: Sequence[Sequence[int]], cancelled: Callable[[], bool]
    ) -> None:
        super().__init__(prompt, priority=Priority.CHAT, cancelled=cancelled)
        self.most_tokens = len(prompt) + max(map(len, choices))
        self.scores: list[float] = []
        self._choices = choices
        self._rest: list[int] = []
        self._first: Logits = np.empty(0, np.float32)

    def begin(self, logits: Logits | None) -> None:
        """Score all first tokens."""
        assert logits is not None
        self._first = logits
        self._next()

    def part(self) -> tuple[list[int], int]:
        """The next piece of the choice that is being weighed; its last token is not read."""
        piece = self._rest[: min(_MOST_AT_ONCE, len(self._rest) - 1)]
        return piece, len(piece)

    def absorb(self, rows: Logits) -> None:
        """Add what the piece's followers have."""
        for row, following in zip(rows, self._rest[1:], strict=False):
            self.scores[-1] += _log_probability(row, following)
        del self._rest[: len(rows)]
        if len(self._rest) <= 1:
            self._next()

    def _next(self) -> None:
        """Go to the next choice of more than one token."""
        self.held.truncate(self.prompt_tokens)
        while self.reason is None:
            if len(self.scores) == len(self._choices):
                return self.finish("stop")
            choice = self._choices[len(self.scores)]
            self.scores.append(_log_probability(self._first, choice[0]))
            if len(choice) > 1:
                self._rest = list(choice)
                return None
        return None


def _log_probability(logits: Logits, token: int) -> float:
    shifted = logits.astype(np.float64) - float(logits.max())
    return float(shifted[token] - np.log(np.exp(shifted).sum()))
