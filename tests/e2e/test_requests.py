"""Sentences to a real Home Assistant, answered by the built-in model: what changes, and what does not."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from house_runner.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Case:
    """A sentence and what must be different afterwards: entity -> state or attributes."""

    sentence: str
    expected: dict[str, Any] = field(default_factory=dict)
    path: str = "pipeline"
    room: str | None = None


def on(**attributes: Any) -> dict[str, Any]:
    return {"state": "on", **attributes}


COMMANDS = [
    Case("turn on the kitchen lamp", {"light.kitchen_lamp": on()}),
    Case("switch off the reading lamp please", {"light.reading_lamp": {"state": "off"}}, "process"),
    Case("dim the left bedside lamp to 30 percent", {"light.bedside_left": on(brightness=(76, 77))}),
    Case("make the floor lamp blue", {"light.floor_lamp": on(hs_color=([240.0, 100.0],))}, "process"),
    Case("close the bedroom curtains", {"cover.bedroom_curtains": {"state": "closed"}}),
    Case(
        "set the living room blinds to 40 percent",
        {"cover.living_room_blinds": {"current_position": (40,)}},
        "process",
    ),
    Case("open the garage door", {"cover.garage_door": {"state": "open"}}),
    Case("lock the garage side door", {"lock.garage_side_door": {"state": "locked"}}),
    Case("set the bedroom radiator to 20 degrees", {"climate.bedroom": {"temperature": (20,)}}, "process"),
    Case("set the ceiling fan to 75 percent", {"fan.ceiling_fan": on(percentage=(75,))}),
    Case("pause the Hi-Fi", {"media_player.hifi": {"state": "paused"}}, "process"),
    Case(
        "set the bedroom speaker volume to 50 percent",
        {"media_player.bedroom_speaker": {"volume_level": (0.5,)}},
    ),
    Case("start Rusty", {"vacuum.rusty": {"state": "cleaning"}}, "process"),
    Case("turn the coffee machine on", {"switch.coffee_machine": on()}, "process"),
    Case(
        "activate movie time",
        {"light.reading_lamp": {"state": "off"}, "light.sofa_strip": on(), "scene.movie_time": {}},
    ),
    Case("turn off the lights in the office", {"light.office_ceiling": {"state": "off"}}),
    Case(
        "turn off all the lights upstairs",
        {"light.bedside_right": {"state": "off"}, "light.office_ceiling": {"state": "off"}},
        "process",
    ),
    Case(
        "turn on the lights",
        {"light.kitchen_lamp": on(), "light.kitchen_counter": on()},
        room="Kitchen",
    ),
]


@pytest.mark.parametrize("case", COMMANDS, ids=lambda case: case.sentence)
async def test_a_command_changes_what_it_names_and_nothing_else(house: House, satellite, case: Case) -> None:
    device_id = await satellite(case.room) if case.room else None
    before = await house.client.states()

    answer = await house.conversation.say(case.sentence, path=case.path, device_id=device_id)

    after = await house.client.states()
    assert {change.entity_id for change in answer.changes} == set(case.expected), answer
    for entity_id, wanted in case.expected.items():
        assert before[entity_id] != after[entity_id]
        assert matches(after[entity_id], wanted), after[entity_id]
    assert answer.response_type != "error", answer
    assert answer.text


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("is the front door locked?", ("locked", "yes")),
        ("what is the outdoor temperature?", ("7.2",)),
        ("is the workbench light on?", (" on", "yes")),
    ],
)
async def test_a_question_is_answered_and_changes_nothing(
    house: House, sentence: str, said: tuple[str, ...]
) -> None:
    answer = await house.conversation.say(sentence)

    assert any(words in answer.text.lower() for words in said), answer
    assert answer.changes == []


async def test_a_question_after_a_command_is_still_a_question(house: House) -> None:
    command = await house.conversation.say("turn off all the lights upstairs")

    answer = await house.conversation.say(
        "is the front door locked?", conversation_id=command.conversation_id
    )

    assert answer.changes == []
    assert answer.tool_calls == []
    assert "is locked" in answer.text


async def test_an_item_goes_on_the_list_that_was_named(house: House) -> None:
    before = await house.client.items("todo.shopping")

    answer = await house.conversation.say("add coffee beans to the shopping list")

    after = await house.client.items("todo.shopping")
    assert {item.lower() for item in set(after) - set(before)} == {"coffee beans"}
    assert [change.entity_id for change in answer.changes] == ["todo.shopping"]


async def test_two_lamps_of_one_name_lead_to_a_question_and_its_answer_to_one_lamp(house: House) -> None:
    question = await house.conversation.say("turn on the bedside lamp", path="process")
    assert question.changes == []
    assert question.text.endswith("?")
    assert question.continues

    answer = await house.conversation.say(
        "the left one", path="process", conversation_id=question.conversation_id
    )

    assert [str(change.entity_id) for change in answer.changes] == ["light.bedside_left"]


@pytest.mark.parametrize(
    "sentence",
    ["set the star projector to red", "make the mirror light blue", "dim the star projector to 30 percent"],
)
async def test_a_lamp_is_not_turned_on_for_what_it_cannot_do(house: House, sentence: str) -> None:
    """Home Assistant's own tool would turn it on, and call that done."""
    answer = await house.conversation.say(sentence)

    assert answer.changes == []
    assert answer.tool_calls == []
    assert answer.text == "That device can't do that."


async def test_what_no_device_can_do_is_declined_and_changes_nothing(house: House) -> None:
    answer = await house.conversation.say("order a pizza with extra cheese")

    assert answer.changes == []
    assert answer.tool_calls == []
    assert answer.text


def matches(state: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a state is as wanted: the state itself, and each attribute one of the values given."""
    if "state" in wanted and state["state"] != wanted["state"]:
        return False
    return all(
        state["attributes"].get(name) in allowed for name, allowed in wanted.items() if name != "state"
    )
