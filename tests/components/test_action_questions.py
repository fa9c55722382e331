"""Actions that are asked for first: what is asked, whose yes counts, and for how long."""

from typing import Any

import pytest
from allowed import DOOR, PREFIX, QUESTION, allow, do, from_outside, say, speech, unlock
from conftest import LAMP
from fake_server import DONE, FakeServer, call, words
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, ServiceCall
from pytest_homeassistant_custom_component.common import async_fire_time_changed


async def test_a_lock_is_asked_for_and_the_next_yes_opens_it(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall], log: list[dict[str, Any]]
) -> None:
    server.answers = [unlock()]
    asked = await say(hass, "unlock the front door")
    assert speech(asked) == QUESTION
    assert asked.continue_conversation
    assert house == []
    done = await say(hass, "Yes, please!", conversation_id=asked.conversation_id)
    assert speech(done) == "Done. Front door: Unlocked."
    assert [each.data["entity_id"] for each in house] == [[DOOR]]
    assert len(server.chats) == 1, "the model has no part in the yes"
    assert [each["outcome"] for each in log] == ["asked", "done"]
    assert (log[1]["said"], log[1]["asked_with"]) == ("Yes, please!", "unlock the front door")


async def test_a_no_leaves_everything_as_it_is(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall], log: list[dict[str, Any]]
) -> None:
    server.answers = [unlock(), words("Yes to what?")]
    asked = await say(hass, "unlock the front door")
    refused = await say(hass, "no, don't", conversation_id=asked.conversation_id)
    assert speech(refused) == "All right, nothing was done."
    await say(hass, "yes", conversation_id=asked.conversation_id)
    assert house == []
    assert [each["outcome"] for each in log] == ["asked", "declined"]


async def test_anything_else_withdraws_the_question(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall], log: list[dict[str, Any]]
) -> None:
    server.answers = [unlock(), words("It is noon. Anything else?"), words("What do you mean?")]
    asked = await say(hass, "unlock the front door")
    await say(hass, "yes but what time is it", conversation_id=asked.conversation_id)
    await say(hass, "yes", conversation_id=asked.conversation_id)
    assert house == []
    assert [each["outcome"] for each in log] == ["asked", "withdrawn"]


async def test_a_question_expires(
    hass: HomeAssistant,
    server: FakeServer,
    api_id: str,
    house: list[ServiceCall],
    log: list[dict[str, Any]],
    freezer: FrozenDateTimeFactory,
) -> None:
    server.answers = [unlock(), words("Yes?")]
    asked = await say(hass, "unlock the front door")
    freezer.tick(61)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert [each["outcome"] for each in log] == ["asked", "expired"]
    assert speech(await say(hass, "yes", conversation_id=asked.conversation_id)) == "Yes?"
    assert house == []


async def test_a_yes_from_another_satellite_counts(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    server.answers = [unlock()]
    await say(hass, "unlock the front door", device_id="kitchen")
    assert speech(await say(hass, "yes", device_id="hall")) == "Done. Front door: Unlocked."
    assert len(house) == 1


async def test_a_yes_of_somebody_else_does_not_count(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    server.answers = [unlock(), words("Yes?")]
    await say(hass, "unlock the front door", context=Context(user_id="anna"))
    await say(hass, "yes", context=Context(user_id="bert"))
    assert house == []


@pytest.mark.parametrize(
    ("language", "question", "yes"),
    [
        ("de", "Soll ich Front door entriegeln?", "Ja, bitte"),
        ("fr", "Dois-je déverrouiller Front door ?", "oui, s'il te plaît"),
        ("es", "¿Desbloqueo Front door?", "¡Sí, claro!"),
        ("nl", "Zal ik Front door ontgrendelen?", "ja hoor"),
        ("it", "Devo sbloccare Front door?", "sì, grazie"),
    ],
)
async def test_the_question_and_the_yes_are_in_the_speakers_language(
    hass: HomeAssistant,
    server: FakeServer,
    api_id: str,
    house: list[ServiceCall],
    language: str,
    question: str,
    yes: str,
) -> None:
    server.answers = [unlock()]
    asked = await say(hass, "...", language=language)
    assert speech(asked) == question
    await say(hass, yes, conversation_id=asked.conversation_id, language=language)
    assert len(house) == 1


async def test_a_model_cannot_say_yes_by_a_tool(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    yes = '{"target": ["Front door"], "confirm": true, "confirmed": "yes"}'
    server.answers = [[do("lock__unlock", yes), DONE], words("Hm.")]
    await say(hass, "unlock the front door")
    assert house == []
    context = Context()
    server.answers = [unlock(), words("Yes?")]
    await say(hass, "unlock the front door", context=context)
    await say(hass, "yes", context=Context(parent_id=context.id))
    assert house == [], "what the request itself sets off is the model's doing"


async def test_several_acts_of_one_turn_are_one_question(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    both = [
        do("lock__unlock", '{"target": ["Front door"]}'),
        do("cover__open_cover", '{"target": ["Garage"]}').replace(b'"c1"', b'"c2"'),
        DONE,
    ]
    server.answers = [both]
    asked = await say(hass, "let me in")
    assert speech(asked) == "Shall I unlock the Front door? Shall I open the Garage?"
    done = await say(hass, "yes", conversation_id=asked.conversation_id)
    assert speech(done) == "Done. Front door: Unlocked, Garage: Open."
    assert len(house) == 2


async def test_a_blind_is_opened_at_once_and_what_the_user_marked_is_asked_for(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    server.answers = [
        [do("cover__open_cover", '{"target": ["Blind"]}'), DONE],
        words("Open."),
        [do("notify__tell", "{}"), DONE],
    ]
    assert speech(await say(hass, "open the blind")) == "Open."
    assert len(house) == 1
    assert speech(await say(hass, "tell them")) == "Shall I do this: notify.tell?"
    assert len(house) == 1


async def test_a_group_that_holds_a_lock_is_asked_for(
    hass: HomeAssistant, entry: ConfigEntry, house: list[ServiceCall]
) -> None:
    hass.states.async_set("light.all", "off", {"friendly_name": "All", "entity_id": [LAMP, DOOR]})
    async_expose_entity(hass, "conversation", "light.all", True)
    api_id = await allow(hass, entry, ["light.turn_on"])
    result = await from_outside(hass, api_id, "light__turn_on", target=["All"])
    assert result.data["needs_confirmation"] is True


async def test_assists_own_tools_ask_too_where_the_agent_has_actions(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall], log: list[dict[str, Any]]
) -> None:
    server.answers = [[call(PREFIX["assist"] + "HassTurnOff", '{"name": "Front door"}'), DONE]]
    asked = await say(hass, "turn off the front door")
    assert speech(asked) == QUESTION
    assert house == []
    assert (await say(hass, "ok", conversation_id=asked.conversation_id)).response.response_type
    assert [each.service for each in house] == ["unlock"]
    assert [each["outcome"] for each in log] == ["asked", "done"]


async def test_an_act_from_outside_is_asked_for_by_the_next_turn(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    result = await from_outside(hass, api_id, "lock__unlock", target=["Front door"])
    assert result.data["done"] is False
    assert result.data["question"] == QUESTION
    asked = await say(hass, "yes")
    assert speech(asked) == QUESTION, "nobody was asked yet, so a yes means something else"
    assert house == []
    await say(hass, "yes", conversation_id=asked.conversation_id)
    assert len(house) == 1


async def test_an_act_from_outside_ends_an_answer_with_its_question(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall]
) -> None:
    await from_outside(hass, api_id, "lock__unlock", target=["Front door"])
    server.answers = [words("It is noon.")]
    assert speech(await say(hass, "what time is it?")) == QUESTION
    assert house == []
