"""The built-in model's behaviour around the model: calls out, replies back, nothing invented."""

from dataclasses import replace
from typing import Any

import pytest

from picoqwen_core.home import reply
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.messages import ChatDelta, ChatRequest, HomeContext, Message
from tests.home.house import home
from tests.home.test_plan import TOOLS
from tests.home.test_reply import conversation, result


def respond(output: str, text: str = "turn off the kitchen lamp", **changes: Any) -> list[ChatDelta]:
    """What the responder makes of a model that writes `output`."""
    request = ChatRequest((Message("user", text),), **{"tools": TOOLS, "home": home(), **changes})
    return list(HomeResponder(lambda _prompt: (output, 1.0)).respond(request))


def spoken(deltas: list[ChatDelta]) -> str:
    assert not [delta for delta in deltas if delta.tool_call]
    assert deltas[-1].finish_reason == "stop"
    return "".join(delta.content for delta in deltas)


def test_an_action_becomes_a_call_and_no_words() -> None:
    call, end = respond("<off><1>")
    assert call.tool_call is not None
    assert (call.tool_call.name, call.content) == ("intent__HassTurnOff", "")
    assert end.finish_reason == "tool_calls"


def test_the_prompt_is_what_the_linker_found() -> None:
    prompts: list[str] = []
    request = ChatRequest((Message("user", "lamp off"),), home=home("kitchen"), tools=TOOLS)
    responder = HomeResponder(lambda prompt: prompts.append(prompt) or ("<off><1>", 1.0))
    list(responder.respond(request))
    assert prompts == ["<home><here> lamp<part><1> off<cands><1><d:light><part><here><go>"]


def test_results_are_reported_without_asking_the_model() -> None:
    messages = conversation(("HassTurnOff", {}, result(("light.kitchen", "Kitchen Lamp"))))
    request = ChatRequest(tuple(messages), home=home(), tools=TOOLS)
    responder = HomeResponder(lambda _prompt: pytest.fail("the model was asked"))
    assert spoken(list(responder.respond(request))) == "Turned off the Kitchen Lamp."


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("nonsense", reply.NOT_UNDERSTOOD),
        ("<off><12>", reply.NOT_UNDERSTOOD),
        ("<cannot:unknown_device>", reply.PROBLEMS["unknown_device"]),
        ("<escalate>", reply.NOT_ABOUT_THE_HOME),
        ("<lock><1>", reply.PROBLEMS["impossible"]),
        ("<q:is><1> on", "No, the Kitchen Lamp is off."),
        ("<which?>", reply.WHICH_ROOM),
    ],
)
def test_everything_else_is_said_and_nothing_done(output: str, text: str) -> None:
    assert spoken(respond(output, "zap the kitchen lamp")) == text


@pytest.mark.parametrize(
    ("output", "probability", "tool", "rule"),
    [
        ("<on><1>", 0.99, "intent__HassTurnOn", False),
        ("<on><1>", 0.5, "intent__HassTurnOff", True),
        ("nonsense", 0.99, "intent__HassTurnOff", True),
        ("<escalate>", 0.99, "intent__HassTurnOff", True),
    ],
)
def test_in_english_a_rule_is_believed_where_the_model_is_not_sure(output, probability, tool, rule) -> None:
    request = ChatRequest((Message("user", "turn off the kitchen lamp"),), home=home(), tools=TOOLS)
    call, end = HomeResponder(lambda _prompt: (output, probability)).respond(request)
    assert call.tool_call is not None
    assert (call.tool_call.name, bool(end.rule)) == (tool, rule)


def test_without_tools_nothing_is_claimed() -> None:
    assert spoken(respond("<off><1>", tools=())) == reply.PROBLEMS["no_tool"]


def test_without_a_home_it_says_what_it_is_for() -> None:
    assert spoken(respond("<off><1>", home=None)) == reply.NO_HOME


def test_silence_and_an_empty_home_are_answered() -> None:
    assert spoken(respond("<off><1>", text="  ")) == reply.NOTHING_SAID
    assert spoken(respond("<off><1>", home=HomeContext())) == reply.NOT_UNDERSTOOD


GERMAN = replace(home(), language="de")


def test_a_rule_makes_the_call_where_the_model_is_not_sure_and_says_that_it_did() -> None:
    request = ChatRequest((Message("user", "Kitchen Lamp ausschalten"),), home=GERMAN, tools=TOOLS)
    call, end = HomeResponder(lambda _prompt: ("<on><1>", 0.9)).respond(request)
    assert call.tool_call is not None
    assert call.tool_call.name == "intent__HassTurnOff"
    assert call.tool_call.arguments["name"] == "Kitchen Lamp"
    assert call.tool_call.id.startswith("home_")
    assert (end.finish_reason, end.rule) == ("tool_calls", "a sentence matched")


def test_where_the_model_is_sure_no_rule_is_asked() -> None:
    request = ChatRequest((Message("user", "Kitchen Lamp ausschalten"),), home=GERMAN, tools=TOOLS)
    call, end = HomeResponder(lambda _prompt: ("<off><1>", 0.96)).respond(request)
    assert call.tool_call is not None
    assert not end.rule


def test_the_report_of_what_a_rule_did_is_told_to_be_its_own() -> None:
    messages = conversation(("HassTurnOff", {}, result(("light.kitchen", "Kitchen Lamp"))))
    ours = [
        replace(
            m,
            tool_call_id="home_rule_1" if m.tool_call_id else None,
            tool_calls=tuple(replace(call, id="home_rule_1") for call in m.tool_calls),
        )
        for m in messages
    ]
    said = list(HomeResponder(lambda _prompt: ("", 1.0)).respond(ChatRequest(tuple(ours), home=GERMAN)))
    assert spoken(said) == "Ausgeschaltet: Kitchen Lamp."
    assert said[-1].rule


def test_rules_can_do_only_what_the_caller_offers() -> None:
    request = ChatRequest((Message("user", "Kitchen Lamp ausschalten"),), home=GERMAN, tools=())
    said = list(HomeResponder(lambda _prompt: ("", 1.0)).respond(request))
    assert spoken(said) == "Das ist mir hier nicht möglich."


def test_a_language_that_nobody_knows_is_left_to_a_larger_model() -> None:
    polish = replace(home(), language="pl")
    request = ChatRequest((Message("user", "wyłącz Kitchen Lamp"),), home=polish, tools=TOOLS)
    said = list(HomeResponder(lambda _prompt: pytest.fail("the model was asked")).respond(request))
    assert said[0].escalation
    assert not any(delta.tool_call or delta.rule for delta in said)


@pytest.mark.parametrize(
    ("text", "output", "probability", "acts"),
    [
        ("Kitchen Lamp ausknipsen", "<off><1>", 0.95, True),
        ("Kitchen Lamp ausknipsen", "<off><1>", 0.5, False),
        ("hast du Kitchen Lamp ausgeknipst", "<off><1>", 0.95, False),
    ],
)
def test_in_other_languages_the_model_acts_where_no_rule_matches_and_it_is_sure(
    text, output, probability, acts
) -> None:
    request = ChatRequest((Message("user", text),), home=GERMAN, tools=TOOLS)
    deltas = list(HomeResponder(lambda _prompt: (output, probability)).respond(request))
    assert any(delta.tool_call for delta in deltas) is acts
    assert bool(deltas[0].escalation) is not acts
    assert not any(delta.rule for delta in deltas)
