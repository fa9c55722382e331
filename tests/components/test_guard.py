"""What could get past the question before an act: others' tools, scripts, scenes, a model's own yes."""

from typing import Any

import pytest
from allowed import DOOR, QUESTION, allow, from_outside, say, speech, unlock
from conftest import LAMP
from fake_server import DONE, FakeServer, call, words
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.picoqwen.action_api import async_actions_apis
from custom_components.picoqwen.guard import async_guard


class AnyAction(llm.Tool):
    """A tool of others that calls any action, as Home Assistant's for administrators does."""

    name, description = "other__call_action", "Calls an action."

    def __init__(self, calls: list[dict[str, Any]]) -> None:
        self._calls = calls

    async def async_call(self, hass: HomeAssistant, tool_input: llm.ToolInput, context: Any) -> Any:
        self._calls.append(tool_input.tool_args)
        return llm.ToolResult(data={"success": True})


@pytest.fixture
async def place(hass: HomeAssistant, house: list[ServiceCall]) -> str:
    """The room of the garage."""
    area = ar.async_get(hass).async_create("Yard")
    entry = er.async_get(hass).async_get_or_create("cover", "test", "garage", suggested_object_id="gate")
    er.async_get(hass).async_update_entity(entry.entity_id, area_id=area.id)
    hass.states.async_set(entry.entity_id, "closed", {"device_class": "garage"})
    return area.id


async def called(hass: HomeAssistant, api_ids: list[str], **args: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Call the tool of others in an agent that has these sets; what it answered, and what was done."""
    calls: list[dict[str, Any]] = []
    context = llm.LLMContext("test", Context(), "en", "conversation", None)
    instance = await llm.async_get_api(hass, api_ids, context)
    instance.tools = [AnyAction(calls)]
    async_guard(instance, async_actions_apis(hass, api_ids))
    async_guard(instance, async_actions_apis(hass, api_ids))  # in each turn of a conversation
    (tool,) = instance.tools
    return await tool.async_call(hass, llm.ToolInput(tool_name=tool.name, tool_args=args), context), calls


@pytest.mark.parametrize(
    "args",
    [
        {"action": "lock.unlock", "target": {"entity_id": DOOR}},
        {"action": "homeassistant.turn_off", "target": {"entity_id": [LAMP, DOOR]}},
        {"action": "homeassistant.turn_off", "data": {"entity_id": DOOR}},
        {"action": "homeassistant.turn_on", "target": {"area_id": "yard"}},
        {"action": "homeassistant.turn_off", "target": {"entity_id": "{{ 'lock.' ~ 'front_door' }}"}},
        {"action": "light.turn_off", "target": {"entity_id": "all"}},
        {"action": "scene.apply", "data": {"entities": {DOOR: "unlocked"}}},
        {"service": "alarm_control_panel.alarm_disarm", "target": {}},
        {"action": "notify.tell"},
        {"entity_id": DOOR, "state": "unlocked"},
    ],
    ids=str,
)
async def test_a_tool_that_calls_any_action_asks_for_what_has_to_be_asked(
    hass: HomeAssistant, api_id: str, place: str, args: dict[str, Any]
) -> None:
    told, calls = await called(hass, [api_id], **args)
    assert (told.data["done"], calls) == (False, [])
    assert told.data["question"].startswith("Shall I ")


@pytest.mark.skipif(
    not hasattr(llm, "LLM_API_HOME_ASSISTANT"), reason="Home Assistant has the tool since 2026.11"
)
async def test_home_assistants_own_tool_for_administrators_asks_too(
    hass: HomeAssistant, api_id: str, house: list[ServiceCall], hass_admin_user: MockUser
) -> None:
    said = Context(user_id=hass_admin_user.id)
    context = llm.LLMContext("test", said, "en", "conversation", None)
    instance = await llm.async_get_api(hass, ["homeassistant", api_id], context)
    async_guard(instance, async_actions_apis(hass, [api_id]))
    name = next(tool.name for tool in instance.tools if tool.name.endswith("call_action"))

    async def use(action: str, entity_id: str) -> llm.ToolResult:
        args = {"action": action, "target": {"entity_id": entity_id}}
        return await instance.async_call_tool(llm.ToolInput(tool_name=name, tool_args=args))

    assert (await use("lock.unlock", DOOR)).data["question"] == QUESTION
    assert house == []
    assert not (await use("light.turn_on", LAMP)).error
    assert hass.states.get(LAMP).state == "on"


@pytest.mark.parametrize(
    "args", [{"action": "light.turn_on", "target": {"entity_id": LAMP}}, {"action": 3}, {"text": "hello"}]
)
async def test_it_does_at_once_what_is_harmless_and_writes_it_down(
    hass: HomeAssistant, api_id: str, place: str, args: dict[str, Any], log: list[dict[str, Any]]
) -> None:
    told, calls = await called(hass, [api_id], **args)
    assert (told.data, calls) == ({"success": True}, [args])
    assert [each["outcome"] for each in log] == ["done"]


async def test_what_is_marked_in_one_set_of_an_agent_is_asked_for_in_all_of_them(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, house: list[ServiceCall]
) -> None:
    lamps = await allow(hass, entry, ["light.turn_on"])
    marks = await allow(hass, entry, ["lock.lock"], name="Marks", ask_entities=[LAMP])
    told, calls = await called(hass, [lamps, marks], action="light.turn_on", target={"entity_id": LAMP})
    assert (told.data["done"], calls) == (False, [])
    agent = next(each for each in entry.subentries.values() if each.subentry_type == "conversation")
    data = {**agent.data, "llm_hass_api": [lamps, marks]}
    hass.config_entries.async_update_subentry(entry, agent, data=data)
    await hass.async_block_till_done()
    context = llm.LLMContext("test", Context(), "en", "conversation", None)
    names = [tool.name for tool in (await llm.async_get_api(hass, [lamps, marks], context)).tools]
    (turn_on,) = [name for name in names if name.endswith("light__turn_on")]
    server.answers = [[call(turn_on, '{"target": ["Kitchen lamp"]}'), DONE]]
    assert speech(await say(hass, "some light")) == "Shall I do this with Kitchen lamp: Turn on light?"
    assert hass.states.get(LAMP).state == "off"
    # Another agent's set has nothing to do with it.
    told = await from_outside(hass, lamps, "light__turn_on", target=["Kitchen lamp"])
    assert told.data["done"] is True


async def test_a_script_that_moves_a_garage_is_asked_for_as_an_action_of_its_own(
    hass: HomeAssistant, entry: ConfigEntry, house: list[ServiceCall]
) -> None:
    opens = {"sequence": [{"action": "cover.open_cover", "target": {"entity_id": "cover.garage"}}]}
    hello = {"sequence": [{"event": "hello"}]}
    assert await async_setup_component(hass, "script", {"script": {"let_in": opens, "greet": hello}})
    for each in ("let_in", "greet"):
        async_expose_entity(hass, "conversation", f"script.{each}", True)
    api_id = await allow(hass, entry, ["script.let_in", "script.greet", "script.turn_on"])
    assert (await from_outside(hass, api_id, "script__let_in")).data["needs_confirmation"] is True
    target = {"target": ["let_in"]}
    assert (await from_outside(hass, api_id, "script__turn_on", **target)).data["needs_confirmation"] is True
    assert (await from_outside(hass, api_id, "script__greet")).data["done"] is True
    assert house == []


@pytest.mark.parametrize("parent", [False, True], ids=["the same context", "a child of it"])
async def test_a_model_cannot_say_yes_to_what_another_turn_asked(
    hass: HomeAssistant, server: FakeServer, api_id: str, house: list[ServiceCall], parent: bool
) -> None:
    """A tool of the second turn speaks to the agent, while that turn is being answered."""
    server.answers = [unlock()]
    assert speech(await say(hass, "unlock the front door", device_id="kitchen")) == QUESTION
    heard: list[str] = []
    context = Context()

    async def speak(service: ServiceCall) -> None:
        server.answers = [words("Pardon?")]
        inner = Context(parent_id=context.id) if parent else service.context
        heard.append(speech(await say(hass, "yes", context=inner)))

    hass.services.async_register("cover", "open_cover", speak)
    names = (await llm.async_get_api(hass, ["assist", api_id], _outside())).tools
    opener = next(tool.name for tool in names if tool.name.endswith("cover__open_cover"))
    server.answers = [[call(opener, '{"target": ["Blind"]}'), DONE], words("Open.")]
    await say(hass, "open the blind", device_id="hall", context=context)
    assert heard == ["Pardon?"]
    assert house == []
    # A person still can.
    assert speech(await say(hass, "yes", device_id="hall")) == "Done. Front door: Unlocked."


def _outside() -> llm.LLMContext:
    return llm.LLMContext("test", Context(), "en", "conversation", None)


@pytest.mark.parametrize(
    ("entity_id", "attributes", "asks"),
    [
        ("alarm_control_panel.home", {}, True),
        ("lock.shed", {}, True),
        ("cover.drive", {"device_class": "gate"}, True),
        ("cover.porch", {"device_class": "door"}, True),
        ("cover.shade", {"device_class": "shade"}, False),
        ("cover.unknown", {}, False),
        ("valve.water", {}, False),
    ],
)
async def test_kinds_that_are_always_asked_for(
    hass: HomeAssistant,
    api_id: str,
    entity_id: str,
    attributes: dict[str, Any],
    asks: bool,
) -> None:
    hass.states.async_set(entity_id, "closed", attributes)
    target = {"action": "homeassistant.toggle", "target": {"entity_id": entity_id}}
    told, calls = await called(hass, [api_id], **target)
    assert (calls == []) is asks
    assert told.data.get("needs_confirmation", False) is asks
