"""Actions as tools: what is offered, what is asked for first, whose yes counts, and what is written down."""

import json
from typing import Any

import pytest
from conftest import LAMP
from fake_server import DONE, FakeServer, call, words
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, Event, HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import intent, llm
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_fire_time_changed

AGENT = "conversation.pico_qwen"
DOOR, GARAGE, BLIND = "lock.front_door", "cover.garage", "cover.blind"
# What agents with several APIs see before the name of a tool; Home Assistant 2026.10 has it for each.
PREFIX = {"ours": "", "assist": ""}
QUESTION = "Shall I unlock Front door?"
ALLOWED = ["cover.open_cover", "light.turn_on", "lock.unlock", "notify.tell"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here moves by itself, so that nothing has to be waited for."""
    monkeypatch.setattr("custom_components.picoqwen.questions.SETTLE_SECONDS", 0.05)


@pytest.fixture
async def house(hass: HomeAssistant, lamps: None) -> list[ServiceCall]:
    """A lock, a garage and a blind that are exposed, a lock that is not; returns the calls that move them."""
    calls: list[ServiceCall] = []
    for name in ("lock", "cover"):
        assert await async_setup_component(hass, name, {})

    @callback
    def move(service: ServiceCall) -> None:
        calls.append(service)
        for each in cv.ensure_list(service.data.get("entity_id", [])):
            state = hass.states.get(each)
            new = {"unlock": "unlocked", "open_cover": "open"}.get(service.service, state.state)
            hass.states.async_set(each, new, state.attributes)

    for domain, service in (("lock", "unlock"), ("cover", "open_cover"), ("notify", "tell")):
        hass.services.async_register(domain, service, move)
    hass.states.async_set(DOOR, "locked", {"friendly_name": "Front door"})
    hass.states.async_set("lock.cellar", "locked", {"friendly_name": "Cellar"})
    hass.states.async_set(
        GARAGE, "closed", {"friendly_name": "Garage", "device_class": "garage", "supported_features": 3}
    )
    hass.states.async_set(
        BLIND, "closed", {"friendly_name": "Blind", "device_class": "blind", "supported_features": 3}
    )
    for each in (DOOR, GARAGE, BLIND):
        async_expose_entity(hass, "conversation", each, True)
    async_expose_entity(hass, "conversation", "lock.cellar", False)
    return calls


async def allow(hass: HomeAssistant, entry: ConfigEntry, services: list[str], **more: Any) -> str:
    """Tick the services in the form; the id of the API that they make."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "actions"), context={"source": "user"}
    )
    made = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"name": "Pico-Qwen actions", "services": services, **more}
    )
    assert made["type"] == "create_entry", made
    await hass.async_block_till_done()
    return next(api.id for api in llm.async_get_apis(hass) if api.name == "Pico-Qwen actions")


def do(name: str, arguments: str) -> bytes:
    """The model calls one of the allowed actions."""
    return call(PREFIX["ours"] + name, arguments)


def unlock() -> list[bytes]:
    return [do("lock__unlock", '{"target": ["Front door"]}'), DONE]


@pytest.fixture
async def api_id(hass: HomeAssistant, entry: ConfigEntry, house: list[ServiceCall]) -> str:
    """The agent has Assist and the allowed actions."""
    api_id = await allow(hass, entry, ALLOWED, ask_services=["notify.tell"])
    agent = next(each for each in entry.subentries.values() if each.subentry_type == "conversation")
    hass.config_entries.async_update_subentry(
        entry, agent, data={**agent.data, "llm_hass_api": ["assist", api_id]}
    )
    await hass.async_block_till_done()
    names = list(await tools(hass, ["assist", api_id]))
    PREFIX["ours"] = next(each for each in names if each.endswith("lock__unlock")).removesuffix(
        "lock__unlock"
    )
    PREFIX["assist"] = next(each for each in names if each.endswith("HassTurnOff")).removesuffix(
        "HassTurnOff"
    )
    return api_id


async def say(hass: HomeAssistant, text: str, **more: Any) -> conversation.ConversationResult:
    more = {"conversation_id": None, "context": Context(), **more}
    return await conversation.async_converse(hass, text, agent_id=AGENT, **more)


def speech(result: conversation.ConversationResult) -> str:
    return result.response.speech["plain"]["speech"]


async def tools(hass: HomeAssistant, api_id: str | list[str]) -> dict[str, llm.Tool]:
    context = llm.LLMContext("mcp_server", Context(), "en", "conversation", None)
    return {tool.name: tool for tool in (await llm.async_get_api(hass, api_id, context)).tools}


async def from_outside(hass: HomeAssistant, api_id: str, name: str, **args: Any) -> llm.ToolResult:
    """A tool call that no turn of ours belongs to, as an MCP client makes it."""
    context = llm.LLMContext("mcp_server", Context(), "en", "conversation", None)
    instance = await llm.async_get_api(hass, api_id, context)
    return await instance.async_call_tool(llm.ToolInput(tool_name=name, tool_args=args))


@pytest.fixture
def log(hass: HomeAssistant) -> list[dict[str, Any]]:
    """The records of the audit log."""
    records: list[dict[str, Any]] = []

    @callback
    def note(event: Event) -> None:
        records.append(dict(event.data))

    hass.bus.async_listen("picoqwen_action", note)
    return records


async def test_what_is_ticked_is_offered_with_exposed_entities_as_a_choice(
    hass: HomeAssistant, server: FakeServer, api_id: str
) -> None:
    server.answers = [words("Hello.")]
    await say(hass, "hello")
    offered = {each["function"]["name"]: each["function"]["parameters"] for each in server.chats[0]["tools"]}
    offered = {name.removeprefix(PREFIX["ours"]): schema for name, schema in offered.items()}
    assert {"lock__unlock", "cover__open_cover", "light__turn_on", "notify__tell"} <= set(offered)
    assert offered["lock__unlock"]["properties"]["target"]["items"]["enum"] == ["Front door"]
    assert offered["light__turn_on"]["properties"]["target"]["items"]["enum"] == ["Kitchen lamp"]
    assert offered["light__turn_on"]["properties"]["brightness_pct"]["maximum"] == 100
    assert offered["lock__unlock"]["required"] == ["target"]
    assert "Cellar" not in json.dumps(offered)


async def test_an_action_without_anything_exposed_is_not_offered(
    hass: HomeAssistant, entry: ConfigEntry, house: list[ServiceCall]
) -> None:
    async_expose_entity(hass, "conversation", DOOR, False)
    api_id = await allow(hass, entry, ["lock.unlock", "light.turn_on", "no.such"])
    assert list(await tools(hass, api_id)) == ["light__turn_on"]


async def test_annotations_tell_reading_from_harmless_and_dangerous(
    hass: HomeAssistant, entry: ConfigEntry, house: list[ServiceCall]
) -> None:
    async def read(call: ServiceCall) -> dict[str, Any]:
        return {"items": []}

    hass.states.async_set("todo.shopping", "0", {"friendly_name": "Shopping"})
    async_expose_entity(hass, "conversation", "todo.shopping", True)
    hass.services.async_register("todo", "get_items", read, supports_response=SupportsResponse.ONLY)
    api_id = await allow(hass, entry, [*ALLOWED, "todo.get_items"])
    seen = {name: tool.annotations for name, tool in (await tools(hass, api_id)).items()}
    assert (seen["lock__unlock"].destructive, seen["lock__unlock"].read_only) == (True, False)
    assert (seen["light__turn_on"].destructive, seen["light__turn_on"].idempotent) == (False, True)
    assert seen["notify__tell"].open_world is True
    assert (seen["todo__get_items"].read_only, seen["todo__get_items"].destructive) == (True, False)
    result = await from_outside(hass, api_id, "todo__get_items", target=["Shopping"])
    assert result.data["response"] == {"items": []}


async def test_a_harmless_action_is_done_and_written_down(
    hass: HomeAssistant, server: FakeServer, api_id: str, log: list[dict[str, Any]]
) -> None:
    server.answers = [
        [do("light__turn_on", '{"target": ["Kitchen lamp"]}'), DONE],
        words("It is on."),
    ]
    assert speech(await say(hass, "some light, please")) == "It is on."
    assert hass.states.get(LAMP).state == "on"
    told = json.loads(server.chats[1]["messages"][-1]["content"])
    assert told == {"data": {"done": True, "states": {LAMP: "on"}}, "error": False}
    assert [each["outcome"] for each in log] == ["done"]
    assert (log[0]["said"], log[0]["tool"]) == ("some light, please", "light__turn_on")
    assert log[0]["arguments"] == {"target": ["Kitchen lamp"]}
    event = hass.states.get("event.pico_qwen_server_acts")
    assert event.attributes["event_type"] == "done"
    assert event.attributes["agent"] == AGENT


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
        ("de", "Soll ich Front door aufschließen?", "Ja, bitte"),
        ("fr", "Dois-je déverrouiller Front door ?", "oui, s'il te plaît"),
        ("es", "¿Desbloqueo Front door?", "¡Sí, claro!"),
        ("nl", "Zal ik Front door van het slot doen?", "ja hoor"),
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


async def test_actions_that_speak_to_agents_cannot_be_allowed(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    for services, error in (
        (["conversation.process"], "never_offered"),
        (["picoqwen.generate"], "never_offered"),
        (["nonsense"], "no_action"),
        ([], "no_services"),
    ):
        flow = await hass.config_entries.subentries.async_init(
            (entry.entry_id, "actions"), context={"source": "user"}
        )
        form = await hass.config_entries.subentries.async_configure(
            flow["flow_id"], {"name": "Actions", "services": services}
        )
        assert form["errors"] == {"services": error}


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
    assert speech(asked) == "Shall I unlock Front door? Shall I open Garage?"
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


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("lock__unlock", {"target": ["Cellar"]}, "'Cellar' is none of Front door"),
        ("lock__unlock", {"target": ["lock.cellar"]}, "is none of"),
        ("lock__unlock", {}, "is none of"),
        ("lock__unlock", {"target": ["Front door"], "entity_id": "lock.cellar"}, "not a valid option"),
        ("light__turn_on", {"target": ["Kitchen lamp"], "area_id": "kitchen"}, "not a valid option"),
        ("light__turn_on", {"target": ["Kitchen lamp"], "brightness_pct": 900}, "900"),
        (
            "light__turn_on",
            {"target": ["Kitchen lamp"], "effect": "lock.cellar"},
            "lock.cellar is not exposed",
        ),
    ],
)
async def test_what_reaches_past_the_exposed_entities_is_refused(
    hass: HomeAssistant,
    api_id: str,
    house: list[ServiceCall],
    log: list[dict[str, Any]],
    name: str,
    args: dict[str, Any],
    error: str,
) -> None:
    result = await from_outside(hass, api_id, name, **args)
    assert result.error
    assert result.data["done"] is False
    assert error in result.data["error"]
    assert [each["outcome"] for each in log] == ["refused"]
    assert house == []


@pytest.mark.parametrize("failure", [HomeAssistantError("it is jammed"), KeyError("oops")])
async def test_a_failure_is_told_and_nothing_is_claimed(
    hass: HomeAssistant, server: FakeServer, api_id: str, log: list[dict[str, Any]], failure: Exception
) -> None:
    async def jam(call: ServiceCall) -> None:
        raise failure

    hass.services.async_register("lock", "unlock", jam)
    server.answers = [unlock()]
    asked = await say(hass, "unlock the front door")
    failed = await say(hass, "yes", conversation_id=asked.conversation_id)
    assert failed.response.response_type is intent.IntentResponseType.ERROR
    assert "That did not work" in speech(failed)
    assert log[-1]["outcome"] == "failed"


async def test_a_lock_that_does_not_move_is_not_called_unlocked(
    hass: HomeAssistant, server: FakeServer, api_id: str
) -> None:
    hass.services.async_register("lock", "unlock", lambda call: None)
    server.answers = [unlock()]
    asked = await say(hass, "unlock the front door")
    done = await say(hass, "yes", conversation_id=asked.conversation_id)
    assert speech(done) == "I passed it on. So far: Front door: Locked."


async def test_codes_are_not_written_down(
    hass: HomeAssistant, api_id: str, log: list[dict[str, Any]]
) -> None:
    await from_outside(hass, api_id, "lock__unlock", target=["Front door"], code="1234")
    assert log[0]["arguments"]["code"] == "**REDACTED**"


async def test_an_unloaded_entry_leaves_no_api_and_no_question(
    hass: HomeAssistant, entry: ConfigEntry, api_id: str
) -> None:
    await from_outside(hass, api_id, "lock__unlock", target=["Front door"])
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert api_id not in [api.id for api in llm.async_get_apis(hass)]


async def test_a_set_can_be_changed(hass: HomeAssistant, entry: ConfigEntry, api_id: str) -> None:
    subentry = next(each for each in entry.subentries.values() if each.subentry_type == "actions")
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "actions"), context={"source": "reconfigure", "subentry_id": subentry.subentry_id}
    )
    result = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"services": ["light.turn_on"], "ask_seconds": 30}
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert list(await tools(hass, api_id)) == ["light__turn_on"]
