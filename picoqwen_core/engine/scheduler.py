"""Whose turn it is: one pass for all who are answering, then a piece of a prompt, and so on.

Prompts are read one after the other, by priority and then in the order in which they came, in pieces that
others need not wait long for. Work in the background waits while there is anything else, and gives its place
to it. Memory is counted in blocks: a task is taken only when all that it may need fits, beside the others',
under the limit; what is left belongs to the tree of prefixes.
"""

import logging
from typing import Any

from picoqwen_core.engine.cache import LanguageModel
from picoqwen_core.engine.prefix_cache import PrefixCache
from picoqwen_core.engine.tasks import Priority, Task
from picoqwen_core.errors import PicoQwenError

_LOGGER = logging.getLogger(__name__)

# Shorter pieces of a prompt cost more than they save: each pass unpacks all weights.
_LEAST_PIECE = 32


class Scheduler:
    """Used by one thread only."""

    def __init__(
        self, model: LanguageModel, *, context_length: int, sequences: int, blocks: int, piece: int
    ) -> None:
        """sequences: tasks that share passes; blocks: the memory limit; piece: most tokens read in one go."""
        self.cache: PrefixCache[Any] = PrefixCache(model.block_tokens)
        self.prefilled_tokens = 0
        self.keeps_prefixes = True
        self._model = model
        self._context_length = context_length
        self._sequences = sequences
        self.blocks = max(blocks, -(-context_length // model.block_tokens))
        self._piece = min(piece, model.chunk_tokens)
        self._waiting: list[Task] = []
        self._active: list[Task] = []
        # Blocks of each active task that are the tree's, and tokens that were read as a prompt.
        self._shared: dict[Task, int] = {}
        self._exact: dict[Task, int] = {}

    @property
    def tasks(self) -> list[Task]:
        """All that is not finished."""
        return [*self._active, *self._waiting]

    def add(self, task: Task) -> None:
        """Take a task; it is worked on when its turn comes."""
        self._waiting.append(task)

    def keep_prefixes(self, keep: bool) -> None:
        """Whether what was read is kept for others; where it is not, what there is goes too."""
        self.keeps_prefixes = keep
        if not keep:
            self.cache.clear()
            # What they hold of it is theirs alone now.
            self._shared = dict.fromkeys(self._shared, 0)

    def step(self) -> bool:
        """One pass for answers and one for a prompt; returns whether there was anything to do."""
        tasks = self.tasks
        for task in tasks:
            if task.is_cancelled():
                task.finish("cancelled")
        self._dismiss()
        self._admit()
        worked = self._answer()
        if any(task.reading for task in self._active):
            # Which takes long.
            _hand_over(tasks)
        worked = self._read() or worked
        goes_on = any(not task.reading for task in self._active)
        _hand_over([task for task in tasks if task.reason is not None or not goes_on])
        return worked

    def _admit(self) -> None:
        """Give those who wait a cache, by priority, as long as there is room."""
        self._waiting.sort(key=lambda task: task.priority)
        while self._waiting:
            task = self._waiting[0]
            # An answer that has begun goes on; a prompt can be taken up again where it was left.
            background = [
                each for each in self._active if each.priority == Priority.BACKGROUND and not each.begun
            ]
            if task.priority == Priority.BACKGROUND and self._active:
                return
            for each in background:
                # What it has read stays in the tree, so that it goes on from there.
                self._keep(each)
                self._waiting.append(each)
            if len(self._active) >= self._sequences or not self._fits(task):
                return
            self._waiting.remove(task)
            self._begin(task)

    def _fits(self, task: Task) -> bool:
        size = self._model.block_tokens
        needed = sum(-(-each.most_tokens // size) for each in [*self._active, task])
        return not self._active or needed <= self.blocks

    def _begin(self, task: Task) -> None:
        try:
            task.open()
        except Exception as err:
            return self._fail([task], err)
        if task.reason is not None:
            return None
        task.cache = self._model.new_cache(self._context_length)
        # The last token is always read, for its logits.
        again = self._model.exact_prompt_tokens if task.exact else 1
        most = max(0, len(task.ids) - again)
        match = self.cache.match(task.ids, most=most, exact_only=task.exact)
        task.held.adopt(match.blocks, match.length)
        # What was forced before the prompt was read is known too, but is no part of it.
        task.counts.cached_tokens = min(match.length, task.prompt_tokens)
        self._shared[task], self._exact[task] = match.shared, match.exact
        self._active.append(task)
        return None

    def _answer(self) -> bool:
        """One pass for all whose prompt was read."""
        answering = [task for task in self._active if not task.reading]
        if not answering:
            return False
        parts = [(*task.part(), task) for task in answering]
        try:
            self._make_room()
            wished = [(ids, task.held, wanted) for ids, wanted, task in parts]
            rows = self._model.read(wished, lambda: _hand_over(answering))
        except Exception as err:
            self._fail(answering, err)
        else:
            place = 0
            for _ids, wanted, task in parts:
                try:
                    task.absorb(rows[place : place + wanted])
                except Exception as err:
                    self._fail([task], err)
                place += wanted
        self._dismiss()
        return True

    def _read(self) -> bool:
        """A piece of the prompt that comes first; what an answer that has begun goes on with comes before."""
        reading = [task for task in self._active if task.reading]
        if not reading:
            return False
        task = min(reading, key=lambda each: (not each.begun, each.priority))
        start = task.held.length
        piece = self._piece_of(task, len(task.ids) - start)
        is_last = start + piece == len(task.ids)
        try:
            self._make_room()
            ids = task.ids[start : start + piece]
            logits = self._model.prefill(ids, task.held, logits=is_last and task.needs_logits)
            self.prefilled_tokens += piece
            if self._exact[task] == start and piece >= self._model.exact_prompt_tokens:
                self._exact[task] = start + piece
            if is_last:
                task.reading, task.begun = False, True
                self._share(task)
                task.begin(logits)
        except Exception as err:
            self._fail([task], err)
        self._dismiss()
        return True

    def _piece_of(self, task: Task, rest: int) -> int:
        """How many tokens to read: in the background half as many as else, so that it soon gives way."""
        piece = self._piece
        if task.priority == Priority.BACKGROUND:
            piece = max(piece // 2, min(piece, _LEAST_PIECE))
        least = self._model.exact_prompt_tokens
        if 0 < rest - piece < least <= piece - least:
            # A very short last piece would be computed by other code, which rounds differently.
            piece -= least
        return min(piece, rest)

    def _make_room(self) -> None:
        """Leave the tree what active tasks do not hold; each of them may need another block or two."""
        held = sum(len(task.held.blocks) + 2 - self._shared[task] for task in self._active)
        self.cache.evict(max(0, self.blocks - held))

    def _share(self, task: Task) -> None:
        """Let others find a prompt's whole blocks while its answer is being written."""
        if not self.keeps_prefixes:
            return
        whole = task.held.length // self._model.block_tokens
        self.cache.insert(
            task.ids[: whole * self._model.block_tokens], task.held.blocks[:whole], self._exact[task]
        )
        self._shared[task] = whole

    def _keep(self, task: Task) -> None:
        """Put what a task has read into the tree, and take its cache away."""
        held = task.held
        self._active.remove(task)
        exact = self._exact.pop(task)
        if self.keeps_prefixes:
            self.cache.insert(task.ids[: held.length], held.blocks, exact)
        del self._shared[task]
        task.cache = None
        self._make_room()

    def _dismiss(self) -> None:
        for task in [each for each in self._active if each.reason is not None]:
            self._keep(task)
        self._waiting = [task for task in self._waiting if task.reason is None]

    def _fail(self, tasks: list[Task], error: Exception) -> None:
        """End tasks by an error; what they have read may be half written, and is not kept."""
        if not isinstance(error, PicoQwenError):
            _LOGGER.debug("a pass failed", exc_info=error)
        for task in tasks:
            task.fail(error)
            if task in self._active:
                self._active.remove(task)
                del self._shared[task], self._exact[task]
                task.cache = None


def _hand_over(tasks: list[Task]) -> None:
    for task in tasks:
        task.hand_over()
