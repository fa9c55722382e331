"""Playing by search in a real Home Assistant: searched, chosen from, played and told."""

import pytest

from house_runner.conversation import Answer, Path
from house_runner.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")
SPEAKER, SEARCH, PLAY = "media_player.bedroom_speaker", "search_media", "play_media"
BOTH = [SEARCH, PLAY]


def tools(answer: Answer) -> list[str]:
    return [call.name.rpartition("__")[2] for call in answer.tool_calls]


@pytest.mark.parametrize(
    ("sentence", "language", "media"),
    [
        ("play Abbey Road in the bedroom", "en", "album/Abbey Road"),
        ("play Thriller on the bedroom speaker", "en", "track/Thriller"),
        ("play the album Thriller on the bedroom speaker", "en", "album/Thriller 25"),
        ("play songs by Queen in the bedroom", "en", "artist/Queen"),
        ("spiele das Album Thriller auf Bedroom speaker", "de", "album/Thriller 25"),
    ],
)
async def test_what_is_asked_for_is_found_and_plays(
    house: House, sentence: str, language: str, media: str
) -> None:
    # The pipeline speaks English; what is said to the agent itself may be in any language.
    path: Path = "pipeline" if language == "en" else "process"
    answer = await house.conversation.say(sentence, language=language, path=path)

    state = (await house.client.states())[SPEAKER]
    if path == "pipeline":
        assert tools(answer) == BOTH, answer
    assert (state["state"], state["attributes"]["media_content_id"]) == ("playing", media), answer
    assert [change.entity_id for change in answer.changes] == [SPEAKER]
    assert state["attributes"]["media_title"] in answer.text
    assert "edroom speaker" in answer.text


async def test_the_satellites_room_is_meant_where_none_is_said(house: House, satellite) -> None:
    answer = await house.conversation.say("play Abbey Road", device_id=await satellite("Bedroom"))

    assert answer.text == "Playing Abbey Road on the Bedroom speaker."
    assert (await house.client.states())[SPEAKER]["attributes"]["media_title"] == "Abbey Road"


async def test_where_nothing_is_found_nothing_plays(house: House) -> None:
    answer = await house.conversation.say("play Bohemian Rhapsody on the bedroom speaker")

    assert tools(answer) == [SEARCH]
    assert answer.changes == []
    assert answer.text == "I found nothing for Bohemian Rhapsody on the Bedroom speaker."


async def test_what_home_assistant_cannot_play_is_not_said_to_play(house: House) -> None:
    answer = await house.conversation.say("play Lost Tape on the bedroom speaker")

    assert tools(answer) == BOTH
    assert answer.changes == []
    assert answer.text == "I couldn't play Lost Tape on the Bedroom speaker."


async def test_a_lamp_and_an_album_are_two_things_of_one_answer(house: House) -> None:
    answer = await house.conversation.say("turn on the kitchen lamp and play Abbey Road in the bedroom")

    assert {change.entity_id for change in answer.changes} == {"light.kitchen_lamp", SPEAKER}, answer
    assert answer.text == "Turned on the Kitchen lamp. Playing Abbey Road on the Bedroom speaker."


async def test_a_player_that_cannot_search_is_not_asked(house: House) -> None:
    answer = await house.conversation.say("play Abbey Road on the office radio")

    assert answer.tool_calls == []
    assert answer.changes == []
    assert answer.text == "That device can't do that."
