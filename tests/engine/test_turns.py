"""What is left out of a conversation that the context has no room for."""

import pytest

from picoqwen_core.engine.turns import fitted
from picoqwen_core.messages import Message, ToolCall

SYSTEM = Message("system", "s" * 10)


def turn(number: int) -> list[Message]:
    """A question, a call, its result, and an answer: 40 tokens by the count below."""
    call = ToolCall(f"call_{number}", "light_on", {})
    return [
        Message("user", f"{number}" * 10),
        Message("assistant", "c" * 10, tool_calls=(call,)),
        Message("tool", "r" * 10, tool_call_id=call.id),
        Message("assistant", "a" * 10),
    ]


def characters(messages) -> int:
    return sum(len(each.content) for each in messages)


def fit(turns: int, context: int, max_tokens: int | None = 10):
    messages = [SYSTEM, *(each for number in range(turns) for each in turn(number))]
    return messages, *fitted(messages, characters, context=context, max_tokens=max_tokens)


def test_what_fits_stays_whole():
    messages, left, truncated = fit(4, context=180)
    assert left == messages
    assert truncated is None


def test_the_oldest_turns_go_whole_and_the_system_prompt_stays():
    messages, left, truncated = fit(5, context=160)
    assert left == [SYSTEM, *messages[-12:]]
    assert (truncated.messages, truncated.tokens) == (8, 80)


def test_no_call_is_parted_from_its_result():
    for context in range(60, 500, 7):
        left = fit(9, context=context)[1]
        calls = {call.id for each in left for call in each.tool_calls}
        assert calls == {each.tool_call_id for each in left if each.role == "tool"}


def test_a_system_message_between_turns_stays_too():
    later = Message("system", "l" * 10)
    messages = [SYSTEM, *turn(0), later, *turn(1), *turn(2)]
    left, _ = fitted(messages, characters, context=120, max_tokens=10)
    assert left[:2] == [SYSTEM, later]


def test_the_last_turn_stays_even_where_it_does_not_fit():
    messages, left, truncated = fit(3, context=30)
    assert left == [SYSTEM, *messages[-4:]]
    assert truncated.messages == 8


def test_the_next_requests_leave_out_the_same_turns_so_that_the_rest_is_known():
    starts = [fit(turns, context=400)[1][1].content[0] for turns in range(10, 18)]
    assert len(set(starts)) < len(starts)
    # Each cut serves more than one request, so that most of them begin as the one before did.
    assert max(map(starts.count, set(starts))) > 1


@pytest.mark.parametrize("max_tokens", [None, 10_000])
def test_an_answer_asks_for_a_quarter_of_the_context_at_most(max_tokens):
    assert fit(2, context=120, max_tokens=max_tokens)[2] is None
    assert fit(2, context=118, max_tokens=max_tokens)[2].messages == 4
