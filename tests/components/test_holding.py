"""What a model says beside a call is said only where the call does nothing that could go another way."""

import inspect
from typing import Any

import pytest
from allowed import PREFIX, QUESTION, do, say, speech, tools
from fake_server import DONE, FakeServer, call, event, words
from homeassistant.components import conversation
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.chat_session import async_get_chat_session

CLAIM = [event({"content": "I have "}), event({"content": "done it."})]


@pytest.fixture
def heard(hass: HomeAssistant) -> Any:
    """Says a sentence; what was streamed to speech, piece by piece, and what was answered in the end."""

    async def hear(text: str) -> tuple[list[str], str]:
        pieces: list[str] = []
        # Since 2026.11 a conversation belongs to the user of its context.
        knows_owners = "context" in inspect.signature(async_get_chat_session).parameters
        owner = {"context": Context()} if knows_owners else {}

        def listen(log: conversation.ChatLog, delta: dict[str, Any]) -> None:
            if delta.get("content"):
                pieces.append(delta["content"])

        with (
            async_get_chat_session(hass, **owner) as session,
            conversation.async_get_chat_log(hass, session, None, chat_log_delta_listener=listen),
        ):
            answer = await say(hass, text, conversation_id=session.conversation_id)
        return pieces, speech(answer)

    return hear


@pytest.mark.parametrize("first", [True, False], ids=["before the call", "after it"])
async def test_a_claim_beside_a_call_that_waits_for_a_yes_is_not_said(
    heard: Any, server: FakeServer, api_id: str, house: list[ServiceCall], first: bool
) -> None:
    unlock = do("lock__unlock", '{"target": ["Front door"]}')
    server.answers = [[*CLAIM, unlock, DONE] if first else [unlock, *CLAIM, DONE]]
    assert await heard("unlock the front door") == ([QUESTION], QUESTION)
    assert house == []


async def test_a_claim_before_an_act_that_fails_is_not_said(
    hass: HomeAssistant, heard: Any, server: FakeServer, api_id: str
) -> None:
    async def jam(call: ServiceCall) -> None:
        raise HomeAssistantError("it is jammed")

    hass.services.async_register("cover", "open_cover", jam)
    open_it = do("cover__open_cover", '{"target": ["Blind"]}')
    server.answers = [[*CLAIM, open_it, DONE], words("Open.")]
    said = "That did not work: it is jammed."
    assert await heard("open the blind") == ([said], said)
    assert "jammed" in server.chats[1]["messages"][-1]["content"]


async def test_a_claim_before_assists_own_tool_is_not_said_either(
    heard: Any, server: FakeServer, api_id: str
) -> None:
    turn_off = call(PREFIX["assist"] + "HassTurnOff", '{"name": "Front door"}')
    server.answers = [[*CLAIM, turn_off, DONE]]
    pieces, said = await heard("unlock the front door")
    assert pieces == [said] == [QUESTION]


async def test_text_beside_a_call_that_only_reads_is_said(
    hass: HomeAssistant, heard: Any, server: FakeServer, api_id: str
) -> None:
    names = list(await tools(hass, ["assist", api_id]))
    reading = next(each for each in names if each.endswith("GetLiveContext"))
    server.answers = [[*words("Let me look.")[:-1], call(reading, "{}"), DONE], words("It is ", "locked.")]
    assert await heard("is it locked?") == (["Let me look.", "It is locked."], "It is locked.")


async def test_an_agent_that_asks_nobody_streams_word_by_word(
    heard: Any, server: FakeServer, entry: Any
) -> None:
    server.answers = [words("It is ", "noon.")]
    assert await heard("what time is it?") == (["It is ", "noon."], "It is noon.")
