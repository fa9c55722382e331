"""The conversation agent: what it asks the server, and what it makes of the answers."""

import inspect
import json
from typing import Any

import pytest
from aiohttp import web
from conftest import LAMP
from fake_server import DONE, FakeServer, call, event, finish, then_silence, words
from homeassistant.components import conversation
from homeassistant.components.conversation.trace import async_get_traces
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import intent
from homeassistant.helpers.chat_session import async_get_chat_session

AGENT = "conversation.pico_qwen"
TURN_ON = "intent__HassTurnOn"


async def say(hass: HomeAssistant, text: str, **more: Any) -> conversation.ConversationResult:
    more.setdefault("conversation_id", None)
    return await conversation.async_converse(hass, text, context=Context(), agent_id=AGENT, **more)


def speech(result: conversation.ConversationResult) -> str:
    return result.response.speech["plain"]["speech"]


async def assert_honest(hass: HomeAssistant, caplog: pytest.LogCaptureFixture, words_: str) -> None:
    """The agent says that it failed, as an error, and the log has no traceback."""
    result = await say(hass, "turn on the kitchen lamp")
    assert result.response.response_type is intent.IntentResponseType.ERROR
    assert result.response.error_code is intent.IntentResponseErrorCode.FAILED_TO_HANDLE
    assert words_ in speech(result)
    assert "Traceback" not in caplog.text


async def test_a_streamed_tool_call_switches_the_lamp_and_then_the_answer_is_said(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    server.answers = [
        [call(TURN_ON, '{"name": "Kitchen lamp", "domain": ["light"]}'), DONE],
        words("Turned on ", "the kitchen lamp."),
    ]
    result = await say(hass, "turn on the kitchen lamp")
    assert hass.states.get(LAMP).state == "on"
    assert hass.states.get("light.secret_lamp").state == "off"
    assert speech(result) == "Turned on the kitchen lamp."
    assert result.response.response_type is intent.IntentResponseType.ACTION_DONE


async def test_the_second_request_carries_the_call_its_result_and_the_new_state(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    server.answers = [[call(TURN_ON, '{"name": "Kitchen lamp"}'), DONE], words("Done.")]
    await say(hass, "turn on the kitchen lamp")
    assistant, tool = server.chats[1]["messages"][-2:]
    assert assistant["tool_calls"][0]["function"]["name"] == TURN_ON
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"name": "Kitchen lamp"}
    assert tool["role"] == "tool"
    assert tool["tool_call_id"] == assistant["tool_calls"][0]["id"]
    assert json.loads(tool["content"])["error"] is False
    states = [{row["id"]: row["state"] for row in chat["home"]["entities"]}[LAMP] for chat in server.chats]
    assert states == ["off", "on"]


async def test_the_request_offers_home_assistants_tools_as_functions(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    server.answers = [words("Hello.")]
    await say(hass, "hello")
    tools = {tool["function"]["name"]: tool["function"] for tool in server.chats[0]["tools"]}
    assert tools[TURN_ON]["parameters"]["properties"]["name"]["type"] == "string"
    assert "light__HassLightSet" in tools
    roles = [message["role"] for message in server.chats[0]["messages"]]
    assert roles == ["system", "user"]


async def test_an_entity_that_is_not_exposed_is_nowhere_in_the_request(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    server.answers = [words("There is one lamp.")]
    await say(hass, "which lamps are there?")
    assert [row["id"] for row in server.chats[0]["home"]["entities"]] == [LAMP]
    assert "secret" not in json.dumps(server.chats[0]).lower()


async def test_a_failing_tool_is_reported_to_the_model(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    server.answers = [[call(TURN_ON, '{"name": "Garage door"}'), DONE], words("I can't find that.")]
    said = speech(await say(hass, "open the garage"))
    assert said == "That did not work: Garage door. I can't find that."
    assert json.loads(server.chats[1]["messages"][-1]["content"])["error"] is True


async def test_what_was_said_before_is_sent_along(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [words("Grüß Gott."), words("Gladly.")]
    first = await say(hass, "hello")
    await say(hass, "again", conversation_id=first.conversation_id)
    said = [message["content"] for message in server.chats[1]["messages"][1:]]
    assert said == ["hello", "Grüß Gott.", "again"]


async def test_a_model_that_never_stops_calling_tools_is_stopped(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [[call(TURN_ON, '{"name": "Kitchen lamp"}'), DONE] for _ in range(11)]
    await assert_honest(hass, caplog, "could not answer")
    assert len(server.chats) == 10


async def test_a_server_that_is_down_is_said_and_it_works_again_when_it_is_back(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    await server.stop()
    await assert_honest(hass, caplog, "can't reach the Pico-Qwen server")
    await server.start()
    server.answers = [words("Here again.")]
    assert speech(await say(hass, "are you there?")) == "Here again."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([event({"content": "Turned on"})], "can't reach"),
        ([b'event: error\ndata: {"error": {"message": "the engine ended"}}\n\n'], "could not answer"),
        ([b"data: {broken\n\n"], "could not answer"),
        ([b'data: {"choices": [{}]}\n\n'], "could not answer"),
        ([b"data: [1]\n\n"], "could not answer"),
        ([call(TURN_ON, "{not json"), DONE], "could not answer"),
        ([call(TURN_ON, "[]"), DONE], "could not answer"),
        ([event({"tool_calls": [{}]}), DONE], "could not answer"),
        ([DONE], "could not answer"),
        (web.json_response({"error": {"message": "engine gone"}}, status=503), "not ready"),
        (web.json_response({"error": {"message": "prompt too long"}}, status=400), "could not answer"),
        (web.Response(text="<html>", status=500), "could not answer"),
    ],
    ids=[
        "broken off",
        "error event",
        "broken JSON",
        "no delta",
        "no object",
        "unreadable arguments",
        "arguments of a wrong kind",
        "a call of nothing",
        "empty",
        "unavailable",
        "refused",
        "not ours",
    ],
)
async def test_a_broken_answer_is_admitted_and_the_next_one_works(
    hass: HomeAssistant,
    server: FakeServer,
    lamps: None,
    entry: ConfigEntry,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
    said: str,
) -> None:
    server.answers = [answer, words("Fine.")]
    await assert_honest(hass, caplog, said)
    assert hass.states.get(LAMP).state == "off"
    assert speech(await say(hass, "and now?")) == "Fine."


async def test_a_silent_server_is_given_up_and_its_work_cancelled(
    hass: HomeAssistant,
    server: FakeServer,
    lamps: None,
    entry: ConfigEntry,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.picoqwen.client.SILENCE_SECONDS", 0.2)
    server.answers = [lambda: then_silence(event({"content": "Well"}))]
    await assert_honest(hass, caplog, "can't reach")
    await server.client_left.wait()


async def test_an_answer_that_stops_making_sense_cancels_the_servers_work(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [lambda: then_silence(call(TURN_ON, "{not json"))]
    await assert_honest(hass, caplog, "could not answer")
    await server.client_left.wait()


async def test_a_key_that_is_no_longer_accepted_asks_for_a_new_one(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    server.api_key = "new"
    await assert_honest(hass, caplog, "API key")
    await hass.async_block_till_done()
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]


async def test_an_agent_without_an_api_can_only_talk(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    assert hass.states.get(AGENT).attributes["supported_features"] == 1
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data={"prompt": "Be brief."})
    await hass.async_block_till_done()
    assert hass.states.get(AGENT).attributes["supported_features"] == 0
    server.answers = [words("Hi."), [call(TURN_ON, '{"name": "Kitchen lamp"}'), DONE]]
    await say(hass, "hello")
    assert server.chats[0]["tools"] == []
    assert server.chats[0]["messages"][0]["content"].startswith("Be brief.")
    await assert_honest(hass, caplog, "could not answer")
    assert hass.states.get(LAMP).state == "off"


async def test_only_the_last_turns_are_sent(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data={"max_history": 1})
    await hass.async_block_till_done()
    server.answers = [words("1"), words("2"), words("3")]
    conversation_id = (await say(hass, "first")).conversation_id
    await say(hass, "second", conversation_id=conversation_id)
    await say(hass, "third", conversation_id=conversation_id)
    said = [message["content"] for message in server.chats[2]["messages"]]
    assert said[1:] == ["second", "2", "third"]
    assert server.chats[2]["messages"][0]["role"] == "system"


async def test_text_reaches_listeners_while_it_is_still_being_written(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    heard: list[str] = []
    # The bytes of one letter may arrive apart.
    whole = event({"content": "Süß."}).replace(b"\n\n", b"\r\n\r\n")
    cut = whole.index("ü".encode()) + 1
    server.answers = [[event({"content": "Sehr "}), whole[:cut], whole[cut:], DONE]]

    # Since 2026.11 a conversation belongs to the user of its context.
    knows_owners = "context" in inspect.signature(async_get_chat_session).parameters
    owner = {"context": Context()} if knows_owners else {}

    def listen(log: conversation.ChatLog, delta: dict[str, Any]) -> None:
        if delta.get("content"):
            heard.append(delta["content"])

    with (
        async_get_chat_session(hass, **owner) as session,
        conversation.async_get_chat_log(hass, session, None, chat_log_delta_listener=listen),
    ):
        await say(hass, "wie war es?", conversation_id=session.conversation_id)
    assert heard == ["Sehr ", "Süß."]


async def test_what_the_model_thinks_is_logged_but_not_said(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [
        [event({"reasoning_content": "A "}), event({"reasoning_content": "greeting."}), *words("Hello.")]
    ]
    heard: list[dict[str, Any]] = []
    knows_owners = "context" in inspect.signature(async_get_chat_session).parameters
    owner = {"context": Context()} if knows_owners else {}
    with (
        async_get_chat_session(hass, **owner) as session,
        conversation.async_get_chat_log(
            hass, session, None, chat_log_delta_listener=lambda log, delta: heard.append(dict(delta))
        ) as log,
    ):
        result = await say(hass, "hi", conversation_id=session.conversation_id)
        (answer,) = [each for each in log.content if isinstance(each, conversation.AssistantContent)]
    assert (answer.content, answer.thinking_content) == ("Hello.", "A greeting.")
    assert speech(result) == "Hello."
    assert [each["content"] for each in heard if each.get("content")] == ["Hello."]


async def test_a_trace_holds_the_prompt_the_tools_and_the_figures(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    usage = {"prompt_tokens": 40, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 30}}
    server.answers = [
        [call(TURN_ON, '{"name": "Kitchen lamp"}'), DONE],
        [event({"content": "It is on."}), finish(**usage), DONE],
    ]
    await say(hass, "turn on the kitchen lamp")
    events = async_get_traces()[-1].as_dict()["events"]
    kinds = {each["event_type"] for each in events}
    assert {"async_process", "agent_detail", "tool_call"} <= kinds
    details = [each["data"] for each in events if each["event_type"] == "agent_detail"]
    assert any("tools" in each and "messages" in each for each in details)
    (stats,) = [each["stats"] for each in details if "stats" in each]
    assert (stats["model"], stats["rounds"], stats["cached_percent"]) == ("pico-home", 2, 75.0)
    (called,) = [each["data"] for each in events if each["event_type"] == "tool_call"]
    assert called["tool_name"] == TURN_ON


@pytest.mark.parametrize(
    ("text", "listens"),
    [("In which room?", True), ("Welke kamer？", True), ("It is on.", False), ("Is it? It is.", False)],
)
async def test_the_satellite_listens_on_after_a_question_and_only_then(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, text: str, listens: bool
) -> None:
    server.answers = [words(text)]
    assert (await say(hass, "turn on the light")).continue_conversation is listens


@pytest.mark.parametrize("options", [{"llm_hass_api": ["gone"]}, {"prompt": "{{ broken"}])
async def test_options_that_cannot_work_are_told_without_asking_the_server(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, options: dict[str, Any]
) -> None:
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, data=options)
    await hass.async_block_till_done()
    result = await say(hass, "hi")
    assert result.response.response_type is intent.IntentResponseType.ERROR
    assert server.chats == []


async def test_every_language_is_passed_on(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    agent = conversation.async_get_agent(hass, AGENT)
    assert agent is not None
    assert agent.supported_languages == "*"
    server.answers = [words("Gern.")]
    await say(hass, "mach das Licht an", language="de")
    assert server.chats[0]["home"]["language"] == "de"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (429, "busy", "too many requests at once"),
        (503, "engine_unavailable", "not ready yet"),
        (402, "budget_exceeded", "would cost more than may be spent"),
        (504, None, "can't reach"),
        (401, None, "does not accept my API key"),
        (400, "context_length_exceeded", "could not answer"),
    ],
)
async def test_each_kind_of_failure_has_a_sentence_of_its_own(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, status: int, code: str | None, said: str
) -> None:
    body = {"error": {"message": "no", "code": code}}
    server.answers = [web.json_response(body, status=status)]
    result = await say(hass, "turn on the kitchen lamp")
    assert said in speech(result)
    assert speech(result).endswith("Nothing was done.")
    assert not result.continue_conversation


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Es wurde nichts getan."),
        ("de-CH", "Es wurde nichts getan."),
        ("fr", "Rien n’a été fait."),
        ("es", "No se ha hecho nada."),
        ("nl", "Er is niets gedaan."),
        ("it", "Non è stato fatto nulla."),
        ("en-GB", "Nothing was done."),
        ("ja", "Nothing was done."),
    ],
)
async def test_failures_are_told_in_the_speakers_language(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, language: str, said: str
) -> None:
    server.answers = [web.Response(status=503)]
    result = await say(hass, "...", language=language)
    assert speech(result).endswith(said)
    assert result.response.language == language


async def test_a_failure_after_a_tool_was_used_does_not_deny_that(
    hass: HomeAssistant, server: FakeServer, lamps: None, entry: ConfigEntry
) -> None:
    gone = b'event: error\ndata: {"error": {"message": "no", "code": "engine_unavailable"}}\n\n'
    server.answers = [[call(TURN_ON, '{"name": "Kitchen lamp"}'), DONE], [gone]]
    result = await say(hass, "turn on the kitchen lamp")
    assert hass.states.get(LAMP).state == "on"
    assert speech(result).endswith("not ready yet. Some of it may have been done.")
