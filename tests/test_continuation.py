"""Going on with an answer that broke off: what is asked, and how both parts become one."""

from dataclasses import replace

import pytest

from picoqwen_core.candidate import Candidate
from picoqwen_core.continuation import ANEW, Continuation, can_go_on, continuation
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    HomeArea,
    HomeContext,
    InstalledModel,
    Message,
    ResponseFormat,
    ToolCall,
)
from picoqwen_core.upstreams import Upstream

ASKED = ChatRequest((Message("user", "hi"),))
END = ChatDelta(finish_reason="stop")
SHED = Upstream("shed", "http://x/v1", "m", trusted=True)
CALL = ChatDelta(tool_call=ToolCall("c", "f", {}))


class Local:
    def __init__(self, model: str) -> None:
        self.models = (InstalledModel(model, 0, True),)


def remote(upstream: Upstream = SHED) -> Candidate:
    return Candidate(Local("m"), "m", upstream)


async def joined(said: str, *answer: ChatDelta | str, tail: str | None = None) -> list[ChatDelta]:
    tail = said[len(said.rstrip()) :] if tail is None else tail

    async def deltas():
        for each in answer:
            yield ChatDelta(each) if isinstance(each, str) else each
        yield END

    return [each async for each in Continuation(ASKED, said, tail).joined(deltas())]


def text(deltas: list[ChatDelta]) -> str:
    return "".join("<anew>" if each is ANEW else each.content for each in deltas)


WHOLE = "Die Küche ist warm. 🔥 Die Küche ist hell, und 21 °C.\n\nGut?"


@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
@pytest.mark.parametrize("size", [1, 5, 100])
async def test_no_letter_is_lost_or_said_twice_wherever_the_cut_is(cut, size):
    said = WHOLE[:cut]
    rest, again = WHOLE[len(said.rstrip()) :], WHOLE
    for answer in (rest, again):
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        assert said + text(await joined(said, *pieces)) == WHOLE


@pytest.mark.parametrize(
    ("said", "answer", "heard"),
    [
        ("The lamp is", "The light is off.", "<anew>The light is off."),
        ("The lamp in the hall", "The lamp was on.", "<anew>The lamp was on."),
        ("The lamp is on.", " The lamp is off.", " The lamp is off."),
        ("The lamp is on. ", "The lamp is off.", "The lamp is off."),
        ("The lamp ", "is on.", "is on."),
        ("The lamp is on.", "", ""),
        ("So ", "So it is.", "it is."),
    ],
)
async def test_what_begins_anew_is_told_from_what_goes_on(said, answer, heard):
    assert text(await joined(said, *answer)) == heard


async def test_a_word_that_was_not_sent_is_expected_and_not_said_twice():
    assert text(await joined("In the kit", " kit", "chen.", tail=" kit")) == "chen."
    assert text(await joined("In the kit", " hall.", tail=" kit")) == "<anew> hall."


async def test_thoughts_and_calls_pass_and_what_waits_comes_before_the_end():
    thought = ChatDelta(reasoning="hm")
    assert await joined("The lamp is", thought, "The", CALL) == [thought, replace(CALL, content="The"), END]
    assert (await joined("a", "b"))[-1] == END


async def test_the_text_so_far_is_the_beginning_of_the_answer_without_white_space():
    going_on = await continuation(remote(), ASKED, "The lamp \n", "no_home")
    assert going_on.request.messages == (*ASKED.messages, Message("assistant", "The lamp"))
    assert (going_on.request.continues, going_on.request.thinking, going_on.tail) == (True, False, " \n")
    again = await continuation(remote(), going_on.request, "The lamp is", "no_home")
    assert again.request.messages[-1].content == "The lampThe lamp is"


async def test_who_cannot_go_on_is_not_asked_to():
    formatted = replace(ASKED, response_format=ResponseFormat("json"))
    assert await continuation(remote(), formatted, "{", "no_home") is None
    assert await continuation(remote(), ASKED, " \n", "no_home") is None
    services = [replace(SHED, trusted=False), replace(SHED, kind="anthropic"), replace(SHED, continues=False)]
    assert [can_go_on(remote(each)) for each in services] == [False, False, False]
    assert can_go_on(remote(replace(SHED, trusted=False, continues=True)))
    here = [Candidate(Local(model), model) for model in ("qwen3", "pico-home")]
    assert [can_go_on(each) for each in here] == [True, False]


@pytest.mark.parametrize(("said", "sent"), [("In der Küch", "In der"), ("In der Küche", "In der Küche")])
async def test_the_beginning_of_a_name_does_not_reach_a_server_that_is_told_none(said, sent):
    home = HomeContext(areas=(HomeArea("k", "Küche"),))
    cloud = remote(replace(SHED, trusted=False, continues=True))
    going_on = await continuation(cloud, replace(ASKED, home=home), said, "pseudonyms")
    assert going_on.request.messages[-1].content == sent
