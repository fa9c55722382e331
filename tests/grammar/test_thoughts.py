"""Peers speak a model's thoughts aloud; here they are never part of what is said or called."""

import json

import pytest

from picoqwen_core.messages import ResponseFormat, ToolSpec
from tests.engine.test_loaded import answer, joined, loaded

THOUGHT = 'The <tool_call> {"room": "attic"} will do.'
ROOM = ResponseFormat(
    "json", schema={"type": "object", "properties": {"room": {"enum": ["hall"]}}, "required": ["room"]}
)


@pytest.mark.parametrize("opened", [False, True])
def test_a_formatted_answer_holds_no_thought(opened):
    begun = "" if opened else "<think>\n"
    template = "<|im_start|>assistant\n" + ("<think>\n" if opened else "")
    deltas = answer(
        loaded(f'{begun}{THOUGHT}\n</think>\n\n{{"room": "hall"}}', template=template), response_format=ROOM
    )
    assert joined(deltas)[0] == THOUGHT
    assert json.loads(joined(deltas)[1]) == {"room": "hall"}


def test_a_call_after_a_thought_comes_alone():
    tool = ToolSpec("light_on", parameters={"properties": {"room": {"enum": ["hall"]}}})
    call = '<tool_call>\n{"name": "light_on", "arguments": {"room": "hall"}}\n</tool_call>'
    deltas = answer(
        loaded(f"<think>\n{THOUGHT}\n</think>\n\n{call}"),
        tools=(tool,),
        tool_choice="required",
        parallel_tool_calls=False,
    )
    assert joined(deltas) == (THOUGHT, "")
    (made,) = [delta.tool_call for delta in deltas if delta.tool_call]
    assert (made.name, made.arguments) == ("light_on", {"room": "hall"})


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("tools", [(), (ToolSpec("light_on"),)])
def test_a_budget_ends_a_thought_cleanly(opened, tools):
    """The model goes on reciting its thought, which from there on is what it says."""
    begun = "" if opened else "<think>\n"
    template = "<|im_start|>assistant\n" + ("<think>\n" if opened else "")
    deltas = answer(
        loaded(begun + "x" * 300, template=template), tools=tools, thinking_budget=20, max_tokens=60
    )
    thought, words = joined(deltas)
    assert set(thought) == {"x"}
    assert 18 <= len(thought) <= 20
    assert set(words) == {"x"}
    assert deltas[-1].finish_reason == "length"


def test_a_thought_within_its_budget_ends_by_itself():
    deltas = answer(loaded("<think>\nHm.\n</think>\n\nYes."), thinking_budget=40)
    assert joined(deltas) == ("Hm.", "Yes.")


def test_a_budget_of_nothing_leaves_no_thought():
    deltas = answer(loaded("<think>\nHm."), thinking_budget=0, max_tokens=12)
    assert joined(deltas)[0] == ""


def test_after_the_budget_a_call_that_must_come_comes():
    tool = ToolSpec("light_on", parameters={"properties": {"room": {"enum": ["hall"]}}, "required": ["room"]})
    deltas = answer(
        loaded("<think>\n" + "x" * 300),
        tools=(tool,),
        tool_choice="required",
        thinking_budget=8,
        max_tokens=200,
    )
    made = [delta.tool_call for delta in deltas if delta.tool_call]
    assert made[0].arguments == {"room": "hall"}
