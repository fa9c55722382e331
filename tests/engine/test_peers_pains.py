"""What users of other assistants suffer from and cannot happen here: prompts read again and again."""

import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.messages import SamplingParams
from tests.engine.counting import CountingModel

GREEDY = SamplingParams(temperature=0)
TOOLS, STATES = list(range(20)), list(range(20, 32))


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


@pytest.fixture
def engine(model) -> Engine:
    return Engine(model, context_length=60, prefill_chunk=16, guesser=None)


def ask(engine, model, prompt) -> int:
    """How many tokens an answer's prompt costs."""
    before = sum(map(len, model.reads))
    next(engine.generate(prompt, GREEDY, max_tokens=1, stop_ids=frozenset()))
    return sum(map(len, model.reads)) - before


def test_prefill_dominates_latency_cannot_happen_to_a_primed_home(engine, model):
    engine.prime([*TOOLS, *STATES])
    assert ask(engine, model, [*TOOLS, *STATES, 40, 41, 42]) == 3


def test_any_change_breaks_the_cache_cannot_happen_a_new_state_leaves_what_stands_before_it(engine, model):
    ask(engine, model, [*TOOLS, *STATES, 40])
    changed = [*STATES[:8], 45, *STATES[9:]]
    # From the changed state on, and not one token before it.
    assert ask(engine, model, [*TOOLS, *changed, 40]) == len(STATES) - 8 + 1
    # The old state is not forgotten for the new one.
    assert ask(engine, model, [*TOOLS, *STATES, 41]) == 1


def test_any_change_breaks_the_cache_cannot_happen_other_conversations_come_between(engine, model):
    for speaker in (40, 41, 42):
        ask(engine, model, [*TOOLS, *STATES, speaker])
    assert ask(engine, model, [*TOOLS, *STATES, 40, 43]) == 1
