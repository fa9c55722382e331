"""Weighing choices: the engine's log probabilities, over the toy model that counts and over a real worker."""

import math

import pytest

from picoqwen_core.engine.engine import Engine
from picoqwen_core.errors import ContextLengthExceeded, RequestError
from picoqwen_core.messages import ChatRequest, Message, SamplingParams, ScoreRequest
from tests.engine.conftest import new_client
from tests.engine.counting import VOCAB, CountingModel

# What the toy model gives the one token it favours, and each of the others.
LIKELY = 9 - math.log(math.exp(9) + VOCAB - 1)
OTHER = LIKELY - 9
QUESTION = (Message("user", "Is it on?"),)


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


@pytest.fixture
def engine(model) -> Engine:
    return Engine(model, context_length=20, prefill_chunk=4)


def test_each_choice_has_the_log_probability_of_its_tokens_together(engine):
    # After 1, 2 the model favours 4, and after that 6.
    assert engine.score([1, 2], [[4], [5], [4, 6], [4, 7], [5, 7]]) == pytest.approx(
        [LIKELY, OTHER, LIKELY * 2, LIKELY + OTHER, OTHER + LIKELY]
    )


def test_all_tokens_together_are_certain(engine):
    scores = engine.score([1, 2], [[token] for token in range(VOCAB)])
    assert sum(math.exp(score) for score in scores) == pytest.approx(1)


def test_a_prompt_is_read_once_for_all_its_choices(engine, model):
    engine.score([1, 2, 3], [[4], [5], [6]])
    assert model.reads == [[1, 2, 3]]


def test_what_was_tried_is_not_taken_for_a_prefix(engine):
    first = engine.score([1, 2], [[4, 6, 8], [9, 9, 9]])
    assert engine.score([1, 2], [[4, 6, 8], [9, 9, 9]]) == pytest.approx(first)


def test_a_choice_that_does_not_fit_is_refused_with_both_numbers(engine):
    with pytest.raises(ContextLengthExceeded, match="21 tokens, but the context holds 20"):
        engine.score([1] * 18, [[1], [1, 2, 3]])


@pytest.mark.parametrize(("prompt", "choices"), [([], [[1]]), ([1], [[1], []])])
def test_nothing_cannot_be_weighed(engine, prompt, choices):
    with pytest.raises(RequestError, match="at least one token"):
        engine.score(prompt, choices)


def test_cancelling_ends_it_without_scores(engine):
    assert engine.score([1], [[2]], cancelled=lambda: True) is None


async def test_a_worker_finds_its_own_greedy_answer_the_likeliest(tiny_model):
    client = new_client(tiny_model)
    await client.start()
    try:
        greedy = ChatRequest(QUESTION, sampling=SamplingParams(temperature=0), max_tokens=1, thinking=False)
        said = "".join([delta.content async for delta in client.chat(greedy)])
        others = [letter for letter in "ABCDE" if letter != said[:1]]
        scores = await client.score(ScoreRequest(QUESTION, (said, *others)))
        assert max(scores) == scores[0]
        assert sum(math.exp(score) for score in scores) < 1
        with pytest.raises(RequestError, match="'AB' begins like 'A'"):
            await client.score(ScoreRequest(QUESTION, ("A", "AB")))
    finally:
        await client.stop()
