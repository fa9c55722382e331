"""A conversation that outgrows the context, from the request to the usage."""

import pytest

from picoqwen_core.errors import ContextLengthExceeded
from picoqwen_core.messages import ChatRequest, Message, SamplingParams
from tests.engine.test_loaded import loaded

GREEDY = SamplingParams(temperature=0)


def ask(turns: int, words: int = 100):
    earlier = [
        message
        for number in range(turns)
        for message in (Message("user", f"{number}? " * words), Message("assistant", "Yes. "))
    ]
    messages = (Message("system", "Be kind."), *earlier, Message("user", "And now?"))
    return list(loaded("Fine.").chat(ChatRequest(messages, sampling=GREEDY), lambda: False))


def test_what_was_left_out_is_told_at_the_start_and_in_the_usage():
    deltas = ask(10)
    truncated = deltas[-1].usage.truncated
    assert deltas[0].truncated == truncated
    assert truncated.messages > 0
    assert truncated.messages % 2 == 0
    assert truncated.tokens > 300
    assert all(delta.truncated is None for delta in deltas[1:])
    assert deltas[-1].usage.prompt_tokens < 2048


def test_a_conversation_that_fits_is_left_alone():
    deltas = ask(2)
    assert deltas[0].truncated is None
    assert deltas[-1].usage.truncated is None


def test_a_turn_that_cannot_fit_is_refused_with_both_numbers():
    request = ChatRequest((Message("user", "far too much " * 900),), sampling=GREEDY)
    with pytest.raises(
        ContextLengthExceeded, match=r"the prompt has \d{4,} tokens, but the context holds 2048"
    ):
        list(loaded("Fine.").chat(request, lambda: False))
