"""Forced tokens in long runs are read as a prompt is; no answer depends on what runs beside it."""

import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.engine.speculation import PromptLookup
from picoqwen_core.engine.tasks import LONG_RUN, Counts, Priority
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.messages import SamplingParams
from picoqwen_core.model.qwen3 import Qwen3
from tests.engine.counting import CountingModel
from tests.engine.test_speculation import Always
from tests.factories import write_tiny_gguf

GREEDY = SamplingParams(temperature=0)
RUN = list(range(20, 20 + LONG_RUN + 4))


class Forcing:
    """Free tokens, then a run that is certain, and again; it ends with the last run."""

    def __init__(self, runs: dict[int, list[int]]) -> None:
        """runs: after so many accepted ids, these come."""
        self._runs, self._accepted = runs, 0
        self._due: list[int] = []

    def mask(self):
        return None

    def forced(self) -> list[int]:
        return self._due or list(self._runs.get(self._accepted, ()))

    def accept(self, token: int) -> None:
        self._due = self.forced()
        if self._due:
            assert token == self._due.pop(0)
        self._accepted += 1

    def stopped(self) -> bool:
        return False

    def rollback(self, tokens: int) -> None:
        raise AssertionError("nobody goes back")


def run(engine, runs, *, params=GREEDY, tokens=60, prompt=(0, 5)):
    return list(
        engine.generate(
            list(prompt), params, max_tokens=tokens, stop_ids=frozenset(), constraint=Forcing(dict(runs))
        )
    )


def test_a_long_run_is_one_pass_with_the_token_before_it():
    model = CountingModel()
    ids = run(Engine(model, context_length=90, guesser=None), {3: RUN}, tokens=24)
    assert ids[:3] == [6, 7, 8]
    assert ids[3 : 3 + len(RUN)] == RUN
    # The answer goes on from the last forced token.
    assert ids[3 + len(RUN)] == RUN[-1] + 1
    assert [8, *RUN] in model.reads


def test_of_the_same_prompt_no_more_is_told_to_be_known_than_it_has():
    model = CountingModel()
    engine = Engine(model, context_length=90, guesser=None)
    for _ in range(2):
        counts = Counts()
        list(
            engine.generate(
                *([0, 5], GREEDY),
                max_tokens=24,
                stop_ids=frozenset(),
                constraint=Forcing({0: RUN}),
                counts=counts,
            )
        )
    assert counts.cached_tokens == 2


def test_a_short_run_is_read_beside_the_answers_of_others():
    model = CountingModel()
    run(Engine(model, context_length=90, guesser=None), {3: RUN[:4]}, tokens=12)
    assert [8, *RUN[:4]] in model.reads


@pytest.mark.parametrize("guesser", [PromptLookup, lambda: Always([8, *RUN]), lambda: Always(RUN[:5])])
def test_guesses_change_neither_the_answer_nor_how_a_run_is_read(guesser):
    runs, prompt = {3: RUN, 30: RUN, 55: RUN[:3]}, [0, 5, 6, 7, 8, *RUN, 5]
    plain, guessing = CountingModel(), CountingModel()
    expected = run(Engine(plain, context_length=120, guesser=None), runs, prompt=prompt)
    assert run(Engine(guessing, context_length=120, guesser=guesser), runs, prompt=prompt) == expected
    long = [[ids for ids in model.reads[1:] if ids[1:] == RUN] for model in (plain, guessing)]
    assert long[0] == long[1] != []


def test_a_run_comes_before_a_prompt_that_another_still_reads():
    model = CountingModel()
    engine = Engine(model, context_length=120, prefill_chunk=4, guesser=None)
    first = engine.generate([0, 5], GREEDY, max_tokens=24, stop_ids=frozenset(), constraint=Forcing({3: RUN}))
    next(first)
    other = engine.generate([1, *range(40)], GREEDY, max_tokens=2, stop_ids=frozenset())
    start = len(model.passes)
    next(other)
    reads = [ids for each in model.passes[start:] for ids in each]
    # 20 tokens of the run in pieces of 4 go before the rest of the long prompt.
    run_pieces = [place for place, ids in enumerate(reads) if ids and ids[-1] in RUN and ids[0] != 1]
    assert run_pieces[0] < 6
    first.close()


def test_an_answer_in_the_background_does_not_give_its_place_away_in_a_run():
    model = CountingModel()
    engine = Engine(model, context_length=120, prefill_chunk=4, guesser=None)
    first = engine.generate(
        *([0, 5], GREEDY),
        max_tokens=30,
        stop_ids=frozenset(),
        constraint=Forcing({3: RUN}),
        priority=Priority.BACKGROUND,
    )
    started = [next(first) for _ in range(4)]
    assert list(engine.generate([1, 20], GREEDY, max_tokens=3, stop_ids=frozenset())) == [22, 24, 26]
    rest = [*started, *first]
    assert rest[3 : 3 + len(RUN)] == RUN
    assert len(rest) == 30


@pytest.fixture(scope="module")
def qwen(tmp_path_factory) -> Qwen3:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_gguf(path, vocab_size=64, context_length=400, tied=False)
    return Qwen3.from_checkpoint(open_gguf(path), threads=1)


def test_with_a_seed_runs_are_the_same_alone_beside_others_and_with_guesses(qwen):
    """Bit for bit: at this temperature any other rounding would soon draw another token."""
    params = SamplingParams(temperature=2, top_k=0, top_p=1, seed=3)
    runs, prompt = {5: RUN, 30: RUN, 52: RUN[:6], 70: RUN}, [*range(30), *RUN, 7]

    def engine(**options) -> Engine:
        return Engine(qwen, context_length=400, prefill_chunk=32, **options)

    alone = run(engine(guesser=None), runs, params=params, prompt=prompt, tokens=120)
    assert run(engine(guesser=PromptLookup), runs, params=params, prompt=prompt, tokens=120) == alone
    busy = engine(guesser=lambda: Always(RUN[:7]))
    others = [
        busy.generate(
            [number, *range(50)], SamplingParams(temperature=1), max_tokens=200, stop_ids=frozenset()
        )
        for number in range(3)
    ]
    for other in others:
        next(other)
    assert run(busy, runs, params=params, prompt=prompt, tokens=120) == alone
    for other in others:
        other.close()
    # What a run leaves in the cache may be used again.
    assert run(busy, runs, params=params, prompt=prompt, tokens=120) == alone
