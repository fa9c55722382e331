"""Stop strings, half a call, and probabilities, over models that recite a script."""

import math

import numpy as np
import pytest

from picoqwen_core.engine.weighing import LEAST, Weights, mean_logprob
from picoqwen_core.errors import RequestError
from picoqwen_core.messages import ChatRequest, Message, ScoreRequest, ToolSpec
from tests.engine.test_loaded import CALL, answer, joined, loaded, loaded_home

TOOL = ToolSpec("HassTurnOn", parameters={"properties": {"name": {"enum": ["lamp", "fan"]}}})

ONE_CALL = {"tool_choice": "required", "parallel_tool_calls": False}


def calls(deltas):
    return [delta.tool_call for delta in deltas if delta.tool_call]


@pytest.mark.parametrize("stop", ["}", "lamp", '"', "\n", "tool"])
def test_a_stop_string_cuts_no_call(stop):
    deltas = answer(loaded(CALL), tools=(TOOL,), **ONE_CALL, stop=(stop,))
    (call,) = calls(deltas)
    assert call.arguments["name"] in ("lamp", "fan")
    assert joined(deltas) == ("", "")


def test_a_stop_string_ends_the_words_before_a_call_and_no_thought():
    deltas = answer(
        loaded(f"<think>\nStop here?\n</think>\n\nNow. Stop. {CALL}"), tools=(TOOL,), stop=("Stop",)
    )
    assert joined(deltas) == ("Stop here?", "Now. ")
    assert calls(deltas) == []
    assert deltas[-1].finish_reason == "stop"


def test_half_a_stop_string_before_a_call_is_shown_before_it():
    deltas = answer(loaded(f"On it. St{CALL}"), tools=(TOOL,), parallel_tool_calls=False, stop=("Stop",))
    assert joined(deltas)[1] == "On it. St"
    assert len(calls(deltas)) == 1


@pytest.mark.parametrize("most", range(2, 40, 3))
def test_a_call_that_the_length_cuts_gives_neither_a_call_nor_its_text(most):
    deltas = answer(loaded(CALL + "\n" * 60), tools=(TOOL,), **ONE_CALL, max_tokens=most)
    made = calls(deltas)
    assert joined(deltas)[1] == ""
    assert deltas[-1].finish_reason == ("length" if not made else deltas[-1].finish_reason)
    assert all(call.arguments["name"] in ("lamp", "fan") for call in made)


def test_content_comes_with_the_probability_of_each_of_its_tokens():
    deltas = answer(loaded("On it."), logprobs=2)
    found = [each for delta in deltas for each in delta.logprobs]
    assert "".join(each.chosen.token for each in found) == "On it."
    assert bytes(value for each in found for value in each.chosen.bytes) == b"On it."
    for each in found:
        assert [choice.logprob for choice in each.top] == sorted(
            (choice.logprob for choice in each.top), reverse=True
        )
        assert len(each.top) == 2
        assert each.top[0] == each.chosen


def test_without_being_asked_nothing_is_weighed():
    assert all(not delta.logprobs and delta.mean_logprob is None for delta in answer(loaded("On it.")))


def test_a_call_comes_with_the_mean_of_what_was_drawn_of_it():
    deltas = answer(loaded(CALL), tools=(TOOL,), **ONE_CALL, logprobs=0)
    (sure,) = [delta.mean_logprob for delta in deltas if delta.tool_call]
    # Each choice was between two names or fewer, at equal logits or better.
    assert math.log(0.5) * 1.01 <= sure <= 0


def test_a_token_is_weighed_among_what_was_allowed():
    logits = np.array([1, 2, 3, -np.inf], np.float32)
    free = Weights(2).weigh(logits, 1, None)
    total = math.log(sum(math.exp(value) for value in (1, 2, 3)))
    assert free.logprob == pytest.approx(2 - total)
    assert [token for token, _ in free.top] == [2, 1]
    bound = Weights(5).weigh(logits, 1, np.array([0b0011], np.int32))
    assert bound.logprob == pytest.approx(2 - math.log(math.exp(1) + math.exp(2)))
    assert [token for token, _ in bound.top] == [1, 0]
    assert Weights(0).weigh(logits, 3, None).logprob == LEAST
    assert mean_logprob([]) is None


def test_the_built_in_model_refuses_to_weigh_words_it_does_not_write():
    with pytest.raises(RequestError, match="logprobs: tiny writes decisions"):
        list(loaded_home("<on><1>").chat(ChatRequest((Message("user", "x"),), logprobs=1), lambda: False))


def test_the_built_in_model_refuses_to_judge_what_it_was_never_taught():
    asked = ScoreRequest((Message("user", "Is it dark? Answer Yes or No."),), ("Yes", "No"))
    with pytest.raises(RequestError, match="cannot weigh choices; name a larger model"):
        loaded_home("<on><1>").score(asked, lambda: False)
