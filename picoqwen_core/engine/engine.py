"""The token loop: prompt ids in, generated ids out. It knows nothing of text, templates or processes.

Any number of threads ask for answers; one computes: the one that calls `run`, after `take_over`. Before that,
or without it, it is the one that waits for an answer.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from picoqwen_core.engine.cache import LanguageModel
from picoqwen_core.engine.constraint import Constraint
from picoqwen_core.engine.scheduler import Scheduler
from picoqwen_core.engine.speculation import Guesser, PromptLookup
from picoqwen_core.engine.tasks import Counts, Generation, Priming, Priority, Scoring, Task
from picoqwen_core.engine.weighing import Weights
from picoqwen_core.errors import ContextLengthExceeded, RequestError
from picoqwen_core.messages import FinishReason, SamplingParams
from picoqwen_core.sampling import Sampler

# The matrix products are efficient from here on, and nobody waits too long for his turn.
PREFILL_CHUNK = 256
SEQUENCES = 4
# Where memory is short: the step from which prefixes are not kept, and that from which contexts are shorter.
KEEP_NO_PREFIXES, SHORTER_CONTEXT = 1, 2
_SHORT_CONTEXT = 512
# Without a limit: more than any test needs.
_MANY_BLOCKS = 1 << 30


@dataclass(slots=True)
class EngineStats:
    """Tokens since the start: read, generated, found in the cache; guessed ahead, and guessed rightly."""

    prefilled_tokens: int = 0
    decoded_tokens: int = 0
    cached_tokens: int = 0
    guessed_tokens: int = 0
    right_guesses: int = 0


class Engine:
    """Continues several sequences at a time."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        context_length: int,
        prefill_chunk: int = PREFILL_CHUNK,
        sequences: int = SEQUENCES,
        blocks: int = _MANY_BLOCKS,
        guesser: Callable[[], Guesser] | None = PromptLookup,
    ) -> None:
        """context_length: most tokens of prompt and answer together; prefill_chunk: tokens read in one go.

        sequences: how many share passes; blocks: most blocks of keys and values in memory; guesser: makes
        what guesses ahead, one for each answer, or None.
        """
        self.context_length = context_length
        self.scheduler = Scheduler(
            model, context_length=context_length, sequences=sequences, blocks=blocks, piece=prefill_chunk
        )
        self._guesser = guesser
        self._changed = threading.Condition()
        self._arrived: list[Task] = []
        self._taken_over = False
        self._closed = False
        self._memory_step = 0
        self._done = EngineStats()
        self._measured: list[Task] = []

    @property
    def stats(self) -> EngineStats:
        """Counters since the start."""
        done, tasks = self._done, list(self._measured)
        return EngineStats(
            self.scheduler.prefilled_tokens,
            done.decoded_tokens + sum(task.counts.decoded_tokens for task in tasks),
            done.cached_tokens + sum(task.counts.cached_tokens for task in tasks),
            done.guessed_tokens + sum(task.counts.guessed_tokens for task in tasks),
            done.right_guesses + sum(task.counts.right_guesses for task in tasks),
        )

    @property
    def context_limit(self) -> int:
        """Tokens of prompt and answer together that a new request may have."""
        if self._memory_step < SHORTER_CONTEXT:
            return self.context_length
        return min(self.context_length, max(_SHORT_CONTEXT, self.context_length // 2))

    @property
    def memory_step(self) -> int:
        """Steps that were taken for want of memory (providers/shortage.py)."""
        return self._memory_step

    def save_memory(self, step: int) -> None:
        """Take steps for want of memory, or take them back: keep no prefixes, take shorter contexts."""
        with self._changed:
            self._memory_step = step
            self._changed.notify()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._measured

    def generate(
        self,
        prompt_ids: Sequence[int],
        params: SamplingParams,
        *,
        max_tokens: int | None,
        stop_ids: frozenset[int],
        cancelled: Callable[[], bool] = lambda: False,
        constraint: Constraint | None = None,
        priority: Priority = Priority.CHAT,
        counts: Counts | None = None,
        weights: Weights | None = None,
    ) -> Generator[int, None, FinishReason]:
        """Yield generated ids; the generator's return value says why they end.

        A stop id ends the answer and is not yielded. max_tokens None is as many as the context holds. What a
        constraint forces is yielded without drawing, and read together with what comes before it. The
        constraint is asked on the thread that computes. With a seed, the same request gets the same answer
        whatever else runs or ran. counts: is added to; weights: gets an entry for each token before it comes.
        Raises ContextLengthExceeded when the prompt leaves no room for one token.
        """
        limit = self._limit(prompt_ids, max_tokens)
        task = Generation(
            prompt_ids,
            Sampler(params),
            limit=limit,
            stop_ids=stop_ids,
            constraint=constraint,
            guesser=self._guesser() if self._guesser else None,
            priority=priority,
            exact=params.seed is not None,
            cancelled=cancelled,
            weights=weights,
        )
        handed = 0
        try:
            for token in self._output(task):
                handed += 1
                yield token
            # With the stop token, which is not handed over.
            handed = task.counts.decoded_tokens
        finally:
            if counts is not None:
                counts.decoded_tokens += handed
                counts.cached_tokens += task.counts.cached_tokens
        return task.reason or "cancelled"

    def prime(
        self, prompt_ids: Sequence[int], *, cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[FinishReason, int]:
        """Read a prompt ahead, behind all other work; why it ended, and how many tokens were known."""
        self._limit(prompt_ids, None)
        task = Priming(prompt_ids, cancelled)
        for _ in self._output(task):
            pass
        return task.reason or "cancelled", task.counts.cached_tokens

    def score(
        self,
        prompt_ids: Sequence[int],
        choices: Sequence[Sequence[int]],
        *,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[float] | None:
        """The natural logarithm of each continuation's probability after a prompt; None when cancelled.

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
        task = Scoring(prompt_ids, choices, cancelled)
        for _ in self._output(task):
            pass
        return task.scores if task.reason == "stop" else None

    def forget(self) -> None:
        """Empty the cache and set the counters to 0."""
        self.scheduler.cache.clear()
        self.scheduler.prefilled_tokens = 0
        self._done = EngineStats()

    def take_over(self) -> None:
        """From now on the thread that calls `run` computes, and others wait for it."""
        self._taken_over = True

    def run(self, idle: Callable[[], None] = lambda: None) -> None:
        """Compute for the other threads until `close`; idle is called when there is nothing to do."""
        while not self._closed:
            if self.step():
                continue
            idle()
            with self._changed:
                self._changed.wait_for(lambda: self._arrived or self._closed or self._is_to_forget)

    def close(self) -> None:
        """Let `run` return."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def step(self) -> bool:
        """Compute one pass of each kind; returns whether there was anything to do."""
        with self._changed:
            arrived, self._arrived = self._arrived, []
        if self.scheduler.keeps_prefixes != (self._memory_step < KEEP_NO_PREFIXES):
            self.scheduler.keep_prefixes(not self.scheduler.keeps_prefixes)
        for task in arrived:
            self.scheduler.add(task)
        return self.scheduler.step()

    @property
    def _is_to_forget(self) -> bool:
        return self._memory_step >= KEEP_NO_PREFIXES and self.scheduler.keeps_prefixes

    def _output(self, task: Task) -> Iterator[int]:
        """Have a task worked on; its ids as they come. Leaving early cancels it."""
        with self._changed:
            self._arrived.append(task)
            self._measured.append(task)
            self._changed.notify()
        try:
            while (token := self._next(task)) is not None:
                yield token
        finally:
            task.abandoned = True
            if not self._taken_over:
                self.step()
            self._settle(task)
        if task.error is not None:
            raise task.error

    def _next(self, task: Task) -> int | None:
        while not self._taken_over and task.output.empty():
            self.step()
            task.hand_over()
        return task.output.get()

    def _settle(self, task: Task) -> None:
        with self._changed:
            self._measured.remove(task)
            for name in ("decoded_tokens", "cached_tokens", "guessed_tokens", "right_guesses"):
                setattr(self._done, name, getattr(self._done, name) + getattr(task.counts, name))

    def _limit(self, prompt_ids: Sequence[int], max_tokens: int | None) -> int:
        """How many tokens may be generated, at least 1."""
        if not prompt_ids:
            raise RequestError("the prompt is empty")
        most = self.context_limit
        if len(prompt_ids) >= most:
            short = (
                f" while memory is short (else {self.context_length})" if most < self.context_length else ""
            )
            raise ContextLengthExceeded(
                f"the prompt has {len(prompt_ids)} tokens, but the context holds {most}, answer included"
                + short
            )
        room = most - len(prompt_ids)
        limit = room if max_tokens is None else min(max_tokens, room)
        if limit < 1:
            raise RequestError(f"max_tokens must be at least 1, got {max_tokens}")
        return limit
