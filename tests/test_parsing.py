import random
from collections.abc import Iterable

import pytest

from picoqwen_core.parsing import OutputParser, StopStrings

CALL = '<tool_call>\n{"name": "HassTurnOn", "arguments": {"name": "lamp"}}\n</tool_call>'
LAMP = ("HassTurnOn", {"name": "lamp"})


def parse(pieces: Iterable[str], *, thinking: bool = False) -> tuple[str, str, list]:
    """Reasoning, content and tool calls of an answer that arrives in these pieces."""
    parser = OutputParser(thinking=thinking)
    deltas = [delta for piece in pieces for delta in parser.feed(piece)] + parser.finish()
    calls = [(delta.tool_call.name, delta.tool_call.arguments) for delta in deltas if delta.tool_call]
    return "".join(d.reasoning for d in deltas), "".join(d.content for d in deltas), calls


@pytest.mark.parametrize(
    ("text", "reasoning", "content", "calls"),
    [
        ("Hello  there\n\nyou ", "", "Hello  there\n\nyou ", []),
        ("<think>\nHm.\n\nYes.\n</think>\n\nHello", "Hm.\n\nYes.", "Hello", []),
        ("<think>\n\n</think>\n\nHello", "", "Hello", []),
        ("\n<think>cut off here", "cut off here", "", []),
        (CALL, "", "", [LAMP]),
        (f"On it.\n{CALL}\n{CALL}", "", "On it.", [LAMP, LAMP]),
        (f"<think>a</think>\n{CALL}\nDone", "a", "Done", [LAMP]),
        ('<tool_call>{"name": "Now"}</tool_call>', "", "", [("Now", {})]),
        ('<tool_call>{"name": "X", "arguments": "{\\"a\\": 1}"}</tool_call>', "", "", [("X", {"a": 1})]),
        # Cut off just before the closing tag, the call itself is whole.
        (CALL.removesuffix("\n</tool_call>"), "", "", [LAMP]),
    ],
)
def test_an_answer_is_split_into_reasoning_content_and_calls(text, reasoning, content, calls):
    assert parse([text]) == (reasoning, content, calls)


@pytest.mark.parametrize(
    "text",
    [
        "Well:\n<tool_call>{not json}</tool_call>\nsorry",
        "<tool_call>[1, 2]</tool_call>",
        '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
        '<tool_call>{"name": "X", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "X", "argum',
        "a <tool",
        "a </tool_call> b </think> c",
        "The tag <think> starts a thought</think>",
    ],
)
def test_what_is_no_valid_call_or_thought_comes_out_as_content(text):
    assert parse([text]) == ("", text, [])
    assert parse(text) == ("", text, [])


def test_a_prompt_that_opened_the_thought_makes_the_output_start_inside_it():
    assert parse(["so\n</think>\n\nHello"], thinking=True) == ("so", "Hello", [])
    assert parse(["so"], thinking=True) == ("so", "", [])


def test_half_a_tag_is_held_back_until_it_is_clear():
    parser = OutputParser(thinking=False)
    assert [d.content for d in parser.feed("Yes <tool_")] == ["Yes"]
    assert [d.content for d in parser.feed("box>")] == [" <tool_box>"]


def test_a_call_is_handed_over_as_soon_as_it_is_whole_with_an_id_of_its_own():
    parser = OutputParser(thinking=False)
    first, second = parser.feed(CALL + CALL)
    assert first.tool_call.id != second.tool_call.id
    assert parser.tool_calls == 2


def random_answers(count: int) -> list[str]:
    rng = random.Random(2)
    parts = [
        "<think>", "</think>", CALL, "<tool_call>", "</tool_call>", "{", '"name"', "\n", "\n\n", " ", "  ",
        "word", "<", ">", "<thi", "</tool", '{"name": "A", "arguments": {"b": "<tool_call>"}}',
    ]  # fmt: skip
    return ["".join(rng.choices(parts, k=rng.randrange(1, 12))) for _ in range(count)]


def cut(rng: random.Random, text: str) -> list[str]:
    places = sorted(rng.choices(range(len(text) + 1), k=rng.randrange(1, 8)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@pytest.mark.parametrize("thinking", [False, True])
def test_the_result_does_not_depend_on_how_the_text_is_cut(thinking):
    rng = random.Random(4)
    for text in random_answers(1500):
        whole = parse([text], thinking=thinking)
        assert parse(text, thinking=thinking) == whole, repr(text)
        pieces = cut(rng, text)
        assert parse(pieces, thinking=thinking) == whole, pieces


def test_every_visible_character_of_an_answer_comes_out_somewhere():
    for text in random_answers(1500):
        reasoning, content, calls = parse([text])
        if not calls:
            kept = "".join((reasoning + content).split())
            lost = "".join(text.split())
            for character in kept:
                assert character in lost
            assert len(lost) - len(kept) in (0, len("<think>"), len("<think></think>")), repr(text)


def stopped(pieces: Iterable[str], stops: list[str]) -> tuple[str, bool]:
    stream = StopStrings(stops)
    text = "".join(map(stream.feed, pieces)) + stream.finish()
    return text, stream.hit


@pytest.mark.parametrize(
    ("text", "stops", "expected", "hit"),
    [
        ("one two three", ["two"], "one ", True),
        ("one two three", ["three", "two t"], "one ", True),
        ("one tw", ["two"], "one tw", False),
        ("one", [], "one", False),
        ("aab", ["ab", "aab"], "", True),
        ("xENDy", ["E", "END"], "x", True),
    ],
)
def test_text_ends_before_a_stop_string(text, stops, expected, hit):
    assert stopped([text], stops) == (expected, hit)
    assert stopped(text, stops) == (expected, hit)
