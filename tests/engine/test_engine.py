"""The engine over a toy model that counts: after token t, t + 1 is by far the most likely."""

from dataclasses import replace

import numpy as np
import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.errors import ContextLengthExceeded, EngineError, RequestError
from picoqwen_core.messages import SamplingParams
from tests.engine.counting import CountingModel

GREEDY = SamplingParams(temperature=0)


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


@pytest.fixture
def engine(model) -> Engine:
    return Engine(model, context_length=20, prefill_chunk=4, guesser=None)


class Scripted:
    """Allows one set of ids for each place, and then nothing more; a set of one is forced."""

    def __init__(self, *sets: set[int]) -> None:
        self.sets = sets
        self.accepted: list[int] = []

    def mask(self):
        bits = np.zeros(64, np.uint8)
        bits[list(self.sets[len(self.accepted)])] = 1
        return np.packbits(bits, bitorder="little").view(np.int32)

    def forced(self) -> list[int]:
        ids = []
        for allowed in self.sets[len(self.accepted) :]:
            if len(allowed) != 1:
                break
            ids += allowed
        return ids

    def accept(self, token: int) -> None:
        assert token in self.sets[len(self.accepted)]
        self.accepted.append(token)

    def stopped(self) -> bool:
        return len(self.accepted) == len(self.sets)

    def rollback(self, tokens: int) -> None:
        del self.accepted[len(self.accepted) - tokens :]


def run(
    engine,
    prompt,
    *,
    params=GREEDY,
    max_tokens=3,
    stop=frozenset(),
    cancelled=lambda: False,
    constraint=None,
):
    """The generated ids and the reason for their end."""
    ids = []
    stream = engine.generate(
        prompt, params, max_tokens=max_tokens, stop_ids=stop, cancelled=cancelled, constraint=constraint
    )
    while True:
        try:
            ids.append(next(stream))
        except StopIteration as end:
            return ids, end.value


def test_an_answer_ends_at_max_tokens(engine):
    assert run(engine, [0, 5]) == ([6, 7, 8], "length")


def test_an_answer_ends_before_a_stop_token(engine):
    assert run(engine, [0, 5], max_tokens=9, stop=frozenset({8})) == ([6, 7], "stop")


def test_an_answer_ends_where_the_context_does(engine):
    ids, reason = run(engine, [0, *range(1, 15)], max_tokens=None)
    assert (ids, reason) == ([15, 16, 17, 18, 19], "length")


def test_a_prompt_that_fills_the_context_is_refused_with_both_numbers(engine):
    with pytest.raises(ContextLengthExceeded, match=r"20 tokens.*holds 20"):
        run(engine, [0] * 20)


@pytest.mark.parametrize(("prompt", "max_tokens"), [([], 3), ([0], 0)])
def test_a_request_that_asks_for_nothing_is_refused(engine, prompt, max_tokens):
    with pytest.raises(RequestError):
        run(engine, prompt, max_tokens=max_tokens)


def test_wrong_sampling_parameters_are_refused_before_anything_is_read(engine, model):
    with pytest.raises(RequestError, match="top_p"):
        run(engine, [0], params=replace(GREEDY, top_p=7))
    assert model.reads == []


def test_a_prompt_is_read_in_chunks(engine, model):
    run(engine, [0, *range(1, 10)], max_tokens=1)
    assert model.reads == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_the_engine_reuses_the_common_prefix(engine, model):
    run(engine, [0, 2, 3, 4], max_tokens=1)
    assert run(engine, [0, 2, 3, 9]) == ([10, 11, 12], "length")
    assert engine.stats.prefilled_tokens == 4 + 1
    assert engine.stats.cached_tokens == 3
    assert model.reads[1] == [9]


def test_the_next_turn_reuses_the_answer_too(engine):
    answer, _ = run(engine, [0, 5])
    run(engine, [0, 5, *answer, 30, 31])
    # The last token of the answer was never read.
    assert engine.stats.cached_tokens == 2 + len(answer) - 1


def test_the_same_prompt_again_reads_only_its_last_token(engine, model):
    assert run(engine, [0, 2, 3]) == run(engine, [0, 2, 3])
    assert engine.stats.cached_tokens == 2


def test_a_different_first_token_shares_nothing(engine):
    run(engine, [0, 2, 3])
    assert run(engine, [1, 2, 3]) == ([5, 7, 9], "length")
    assert engine.stats.cached_tokens == 0


def test_cancelling_stops_within_one_token(engine, model):
    stream = engine.generate(
        [0, 5], GREEDY, max_tokens=9, stop_ids=frozenset(), cancelled=lambda: engine.stats.decoded_tokens >= 2
    )
    assert list(stream) == [6, 7]
    assert engine.stats.decoded_tokens == 2
    assert run(engine, [0, 5]) == ([6, 7, 8], "length")


def test_cancelling_stops_between_two_chunks_of_the_prompt(engine, model):
    prompt = [0, *range(1, 12)]
    assert run(engine, prompt, cancelled=lambda: len(model.reads) >= 2) == ([], "cancelled")
    assert engine.stats.prefilled_tokens == 8
    assert run(engine, prompt, max_tokens=1) == ([12], "length")
    assert engine.stats.cached_tokens == 8


def test_an_abandoned_answer_leaves_a_usable_cache(engine):
    stream = engine.generate([0, 5], GREEDY, max_tokens=9, stop_ids=frozenset())
    next(stream)
    next(stream)
    stream.close()
    assert run(engine, [0, 5, 6, 9]) == ([10, 11, 12], "length")


def test_a_failed_step_is_not_taken_for_a_prefix(engine, model):
    model.fail = True
    with pytest.raises(RuntimeError):
        run(engine, [0, 5])
    model.fail = False
    assert run(engine, [0, 5]) == ([6, 7, 8], "length")
    assert engine.stats.cached_tokens == 0


def test_forgetting_empties_cache_and_counters(engine):
    run(engine, [0, 5])
    engine.forget()
    assert engine.stats.decoded_tokens == 0
    run(engine, [0, 5])
    assert engine.stats.cached_tokens == 0


def test_a_constraint_leaves_only_what_it_allows(engine):
    constraint = Scripted({6, 7}, {30, 31}, {7, 31})
    assert run(engine, [0, 5], max_tokens=9, constraint=constraint) == ([6, 30, 31], "stop")


def test_what_is_forced_is_read_in_one_go_with_what_was_drawn(engine, model):
    constraint = Scripted({6, 7}, {20}, {21}, {22, 23}, {24})
    assert run(engine, [0, 5], max_tokens=9, constraint=constraint) == ([6, 20, 21, 22, 24], "stop")
    assert model.reads == [[0, 5], [6, 20, 21]]
    assert engine.stats.decoded_tokens == 5


def test_what_is_forced_at_the_start_is_read_with_the_prompt_in_chunks(engine, model):
    constraint = Scripted({20}, {21}, {22}, {23}, {24, 25})
    assert run(engine, [0, 5], max_tokens=9, constraint=constraint) == ([20, 21, 22, 23, 24], "stop")
    assert model.reads == [[0, 5, 20, 21], [22, 23]]


def test_a_constrained_answer_still_ends_at_max_tokens_or_a_stop_token(engine):
    forced = Scripted({20}, {21}, {22}, {23})
    assert run(engine, [0, 5], max_tokens=2, constraint=forced) == ([20, 21], "length")
    assert run(engine, [0, 5], stop=frozenset({6}), constraint=Scripted({6, 7}, {8})) == ([], "stop")


def test_a_constraint_that_allows_nothing_is_an_error(engine):
    with pytest.raises(EngineError, match="allows no token"):
        run(engine, [0, 5], constraint=Scripted(set(), {1}))


def test_where_memory_is_short_a_new_request_gets_half_of_the_context():
    engine = Engine(CountingModel(), context_length=2000)
    engine.save_memory(2)

    with pytest.raises(
        ContextLengthExceeded, match=r"the context holds 1000, .* memory is short \(else 2000\)"
    ):
        next(engine.generate([1] * 1000, SamplingParams(), max_tokens=1, stop_ids=frozenset()))

    engine.save_memory(1)
    next(engine.generate([1] * 1000, SamplingParams(), max_tokens=1, stop_ids=frozenset()))


def test_what_is_read_while_memory_is_short_is_not_kept(model, engine):
    engine.save_memory(1)
    for _ in range(2):
        list(engine.generate([1, 2, 3, 4], GREEDY, max_tokens=1, stop_ids=frozenset()))
    assert (engine.scheduler.cache.count, engine.stats.cached_tokens) == (0, 0)
