"""When an answer of another server has gone on for too long."""

import pytest

from picoqwen_core.errors import ProviderError
from picoqwen_core.providers.endless import Bounds
from picoqwen_core.providers.openai_wire import AnswerReader


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(reader: AnswerReader, **delta) -> None:
    reader.read({"choices": [{"index": 0, "delta": delta}]})


def test_an_answer_of_the_length_that_was_asked_for_is_within_bounds():
    bounds = Bounds(100, Clock())
    assert not any(bounds.passed(characters) for characters in range(0, 400, 4))


def test_too_many_characters_pieces_or_seconds_end_it():
    assert Bounds(100, Clock()).passed(2201)
    bounds = Bounds(100, Clock())
    assert [bounds.passed(0) for _ in range(401)] == [False] * 400 + [True]
    clock = Clock()
    bounds = Bounds(100, clock)
    clock.now = 161
    assert bounds.passed(0)


def test_text_that_is_cut_is_an_answer_that_ran_out_of_tokens():
    reader = AnswerReader()
    told(reader, content="and so on")
    reader.cut()
    assert (reader.reason, reader.end()) == ("length", [])


@pytest.mark.parametrize(
    "delta", [{}, {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]}]
)
def test_nothing_and_a_call_that_is_cut_are_none(delta):
    reader = AnswerReader()
    told(reader, **delta)
    with pytest.raises(ProviderError, match="does not stop"):
        reader.cut()
