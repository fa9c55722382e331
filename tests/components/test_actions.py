"""Actions as tools: what is offered, what is refused, what is told of a failure and what is written down."""

import json
from typing import Any

import pytest
from allowed import AGENT, ALLOWED, DOOR, PREFIX, allow, do, from_outside, say, speech, tools, unlock
from conftest import LAMP
from fake_server import DONE, FakeServer, words
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm


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


@pytest.mark.parametrize(
    ("state", "told"), [("locked", "Locked"), ("unlocking", "Unlocking"), ("jammed", "Jammed")]
)
async def test_a_lock_that_does_not_arrive_is_not_called_unlocked(
    hass: HomeAssistant,
    server: FakeServer,
    api_id: str,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    told: str,
) -> None:
    monkeypatch.setattr("custom_components.picoqwen.questions.SETTLE_SECONDS", 0.1)

    async def move(call: ServiceCall) -> None:
        hass.states.async_set("lock.front_door", state, hass.states.get("lock.front_door").attributes)

    hass.services.async_register("lock", "unlock", move)
    server.answers = [unlock()]
    asked = await say(hass, "unlock the front door")
    done = await say(hass, "yes", conversation_id=asked.conversation_id)
    assert speech(done) == f"I passed it on. So far: Front door: {told}."


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
