"""A whole answer as a constraint: thoughts, words, calls and formatted answers in their order."""

import pytest

from picoqwen_core.errors import RequestError
from picoqwen_core.grammar.answers import AnswerConstraints
from picoqwen_core.messages import ChatRequest, Message, ResponseFormat, ToolSpec
from picoqwen_core.tokenizer import Tokenizer
from tests.grammar.conftest import allows, follow
from tests.vocabulary import tiny_metadata

ASKED = (Message("user", "turn on the lamp"),)
ON = ToolSpec(
    "on", parameters={"type": "object", "properties": {"name": {"enum": ["lamp"]}}, "required": ["name"]}
)
OFF = ToolSpec("off")
CALL_ON = '<tool_call>\n{"name": "on", "arguments": {"name": "lamp"}}\n</tool_call>'
CALL_OFF = '<tool_call>\n{"name": "off", "arguments": {}}\n</tool_call>'
THOUGHT = "<think>\nHm, a <tool_call> would do.\n</think>\n\n"
YES_OR_NO = ResponseFormat("json", schema={"enum": ["yes", "no"]})


@pytest.fixture(scope="module")
def answers(tokenizer) -> AnswerConstraints:
    return AnswerConstraints(tokenizer)


@pytest.fixture
def fits(answers, tokenizer):
    """`fits(text, **fields of the request)`: whether an answer may read so."""

    def check(text: str, *, thought_open: bool = False, **fields) -> bool:
        request = ChatRequest(ASKED, **{"tools": (ON, OFF), **fields})
        return follow(answers.of_chat(request, thought_open=thought_open), tokenizer, text)

    return check


@pytest.mark.parametrize("text", ["The lamp is on.", "", CALL_ON, THOUGHT + CALL_ON, "On it.\n" + CALL_ON])
def test_with_auto_the_model_may_speak_or_call(fits, text):
    assert fits(text)


@pytest.mark.parametrize(
    "call",
    [
        '<tool_call>\n{"name": "explode", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "on", "arguments": {"name": "sun"}}\n</tool_call>',
        '<tool_call>\n{"name": "on", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "off", "arguments": {"level": 3}}\n</tool_call>',
        '<tool_call>\n{"name": "on"',
        "<tool_call>",
    ],
)
def test_a_tool_an_argument_or_a_form_that_does_not_exist_cannot_be_called(fits, call):
    assert not fits(call)
    assert not fits("Sure. " + call)


def test_the_json_of_a_call_cannot_be_printed_as_text(fits, tokenizer, answers):
    """Users of peers are read the JSON of a tool call aloud, and nothing happens.

    A tag spelled in ordinary letters would be such text, or be taken for a call that nobody checked.
    """
    constraint = answers.of_chat(ChatRequest(ASKED, tools=(ON,)), thought_open=False)
    for token in tokenizer.encode("Well, <tool_call", special=False):
        assert allows(constraint, token)
        constraint.accept(token)
    assert not allows(constraint, tokenizer.encode(">")[0])
    assert allows(constraint, tokenizer.encode("x")[0])


def test_success_is_not_claimed_before_the_tool_has_answered(fits):
    """Peers' assistants say "done" beside a call that fails, or say it and do nothing."""
    assert not fits(CALL_ON + "\nDone, the lamp is on.")
    assert not fits(CALL_ON + " ")


def test_several_calls_come_one_after_the_other_unless_that_is_turned_off(fits):
    assert fits(f"{CALL_ON}\n{CALL_OFF}")
    assert not fits(f"{CALL_ON}\n{CALL_OFF}", parallel_tool_calls=False)
    assert fits(CALL_ON, parallel_tool_calls=False)


def test_with_required_the_model_must_call(fits):
    assert fits(CALL_OFF, tool_choice="required")
    assert fits(THOUGHT + CALL_OFF, tool_choice="required")
    for text in ("No.", "", THOUGHT, THOUGHT + "No."):
        assert not fits(text, tool_choice="required")


def test_a_named_tool_is_the_only_one_and_comes_once(fits):
    assert fits(CALL_OFF, tool_choice="off")
    assert not fits(CALL_ON, tool_choice="off")
    assert not fits(f"{CALL_OFF}\n{CALL_OFF}", tool_choice="off")


def test_a_call_is_made_after_other_requests_have_come_and_gone(answers, tokenizer):
    """The constraint of a call is made on the engine's thread, while others are compiled on theirs."""
    constraint = answers.of_chat(ChatRequest(ASKED, tools=(ON,)), thought_open=False)
    for number in range(40):
        other = ToolSpec(f"tool_{number}")
        answers.of_chat(ChatRequest(ASKED, tools=(other,)), thought_open=False)
    assert follow(constraint, tokenizer, CALL_ON)


def test_with_none_the_model_must_not_call(fits):
    assert fits("I would say <tool>.", tool_choice="none")
    assert not fits(CALL_ON, tool_choice="none")


def test_a_formatted_answer_may_be_thought_about_first(fits):
    assert fits('"yes"', tools=(), response_format=YES_OR_NO)
    assert fits(THOUGHT + '"no"', tools=(), response_format=YES_OR_NO)
    assert not fits("yes", tools=(), response_format=YES_OR_NO)
    assert not fits(THOUGHT + "hm", tools=(), response_format=YES_OR_NO)


def test_a_formatted_answer_and_calls_exclude_each_other(fits):
    assert fits('"yes"', response_format=YES_OR_NO)
    assert fits(CALL_ON, response_format=YES_OR_NO)
    assert not fits("Well.", response_format=YES_OR_NO)


def test_a_thought_that_the_prompt_has_begun_ends_before_anything_else(fits):
    assert fits('Hm.\n</think>\n\n"yes"', thought_open=True, tools=(), response_format=YES_OR_NO)
    assert not fits('"yes"', thought_open=True, tools=(), response_format=YES_OR_NO)


def test_a_model_that_must_not_think_cannot(fits):
    assert not fits(THOUGHT + '"yes"', thinking=False, tools=(), response_format=YES_OR_NO)


def test_words_and_thoughts_are_free_of_charge(answers, tokenizer):
    constraint = answers.of_chat(ChatRequest(ASKED, tools=(ON,)), thought_open=False)
    for token in tokenizer.encode("The lamp"):
        assert constraint.mask() is None
        constraint.accept(token)


def test_without_tools_and_format_there_is_no_constraint(answers):
    assert answers.of_chat(ChatRequest(ASKED), thought_open=False) is None


def test_a_call_is_forced_as_far_as_it_is_certain(answers, tokenizer):
    request = ChatRequest(ASKED, tools=(ON,), tool_choice="on", thinking=False)
    constraint = answers.of_chat(request, thought_open=False)
    written = []
    while ids := constraint.forced():
        for token in ids:
            constraint.accept(token)
        written += ids
    assert tokenizer.decode(written) == CALL_ON
    assert constraint.stopped()


def test_any_number_of_tokens_can_be_taken_back(answers, tokenizer):
    request = ChatRequest(ASKED, tools=(ON, OFF))
    constraint = answers.of_chat(request, thought_open=False)
    ids = tokenizer.encode(f"{THOUGHT}Yes.{CALL_ON}\n{CALL_OFF}")
    for taken_back in range(1, len(ids), 7):
        for token in ids:
            constraint.accept(token)
        constraint.rollback(taken_back)
        assert follow_rest(constraint, ids[len(ids) - taken_back :])
        constraint.rollback(len(ids))


def follow_rest(constraint, ids) -> bool:
    for token in ids:
        if not allows(constraint, token):
            return False
        constraint.accept(token)
    return True


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": (), "tool_choice": "required"}, "tool_choice: is 'required', but no tools are offered"),
        ({"tool_choice": "sing"}, "tool_choice: no tool 'sing' is offered; offered: on, off"),
        (
            {"tool_choice": "required", "response_format": YES_OR_NO},
            "response_format: cannot be met by a call",
        ),
        (
            {"tools": (ToolSpec("t", parameters={"type": "array"}),)},
            "tools.t.parameters: 'type' must be 'object'",
        ),
        (
            {"tools": (ON, ToolSpec("t", parameters={"properties": {"a": {"not": {}}}}))},
            "tools.t.parameters.properties.a: 'not' is not supported",
        ),
        (
            {"tools": (ON, ToolSpec("t", parameters={"properties": {"a": {"pattern": "("}}}))},
            r"unclosed group.*\(at tools.t.parameters.properties.a.pattern\)",
        ),
    ],
)
def test_what_cannot_be_met_is_refused_with_its_place(answers, fields, message):
    request = ChatRequest(ASKED, **{"tools": (ON, OFF), **fields})
    with pytest.raises(RequestError, match=message):
        answers.of_chat(request, thought_open=False)


def test_a_vocabulary_without_tags_spells_them(fits):
    metadata = tiny_metadata()
    # Control tokens only, as fine-tunes of other families have them.
    kept = metadata["tokenizer.ggml.tokens"].index("<tool_call>")
    for key in ("tokens", "token_type"):
        metadata[f"tokenizer.ggml.{key}"] = metadata[f"tokenizer.ggml.{key}"][:kept]
    tokenizer = Tokenizer.from_metadata(metadata)
    answers = AnswerConstraints(tokenizer)

    def check(text, **fields) -> bool:
        constraint = answers.of_chat(ChatRequest(ASKED, tools=(ON, OFF), **fields), thought_open=False)
        return follow(constraint, tokenizer, text)

    assert check(f"On it. {CALL_ON}\n{CALL_OFF}")
    assert check(CALL_OFF, tool_choice="required")
    assert not check('Ok <tool_call>\n{"name": "explode", "arguments": {}}\n</tool_call>')
