"""What is meant "here" where nobody knows which room the speaker is in."""

from dataclasses import replace

import pytest

from picoqwen_core.home.decision import Act, Cannot, Clarify, Decision
from picoqwen_core.home.dsl import decode
from picoqwen_core.home.linker import link
from picoqwen_core.home.placing import placed
from tests.home.house import home

NOWHERE = replace(home(), area=None)
AREA = NOWHERE.areas[0]


def decided(text: str, output: str) -> Decision:
    return decode(output, link(NOWHERE, text))


def test_the_one_room_that_was_spoken_of_is_meant() -> None:
    made = decided(f"it is dark in the {AREA.name}, switch on the light", "<on><d:light><here>")
    assert isinstance(made, Act)
    assert (made.actions[0].target.area, made.actions[0].target.here) == (AREA.id, False)


def test_without_a_room_it_is_asked_for() -> None:
    assert decided("switch on the light", "<on><d:light><here>") == Clarify(())


def test_of_two_rooms_it_is_asked_which() -> None:
    text = f"neither the {AREA.name} nor the {NOWHERE.areas[1].name} has light"
    assert decided(text, "<on><d:light><here>") == Clarify(())


def test_what_is_nowhere_in_the_home_is_not_asked_for() -> None:
    lamps = tuple(entity for entity in NOWHERE.entities if entity.domain == "light")
    linked = link(replace(NOWHERE, entities=lamps), "open the awning")
    assert decode("<open><d:cover><c:awning><here>", linked) == Cannot("unknown_device")


@pytest.mark.parametrize("area", [each.id for each in NOWHERE.areas[:2]])
def test_a_speaker_whose_room_is_known_means_that(area: str) -> None:
    linked = link(replace(NOWHERE, area=area), "switch on the light")
    act = decode("<on><d:light><here>", linked)
    assert isinstance(act, Act)
    assert placed(act.actions, linked) == act


@pytest.mark.parametrize("area", [None, AREA.id])
def test_the_light_of_a_room_that_is_missing_is_no_light_of_this_one(area: str | None) -> None:
    linked = link(replace(NOWHERE, area=area), "switch off the light in the attic")
    assert decode("<off><d:light><here>", linked) == Cannot("unknown_device")
