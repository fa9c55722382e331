"""The built-in model's behaviour around the model: calls out, replies back, nothing invented."""

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
    return list(HomeResponder(lambda _prompt: output).respond(request))


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
    responder = HomeResponder(lambda prompt: prompts.append(prompt) or "<off><1>")
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
    assert spoken(respond(output)) == text


def test_without_tools_nothing_is_claimed() -> None:
    assert spoken(respond("<off><1>", tools=())) == reply.PROBLEMS["no_tool"]


def test_without_a_home_it_says_what_it_is_for() -> None:
    assert spoken(respond("<off><1>", home=None)) == reply.NO_HOME


def test_silence_and_an_empty_home_are_answered() -> None:
    assert spoken(respond("<off><1>", text="  ")) == reply.NOTHING_SAID
    assert spoken(respond("<off><1>", home=HomeContext())) == reply.NOT_UNDERSTOOD
