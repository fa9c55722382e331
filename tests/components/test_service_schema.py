"""Descriptions of actions as parameters of tools, in all the forms that integrations write them."""

from typing import Any

import pytest
from conftest import LAMP
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import llm
from homeassistant.helpers.service import async_set_service_schema

from custom_components.picoqwen.chat import tools_of
from custom_components.picoqwen.reach import entity_of, names_of_reachable
from custom_components.picoqwen.service_schema import Action, async_actions

ENTITY = {"entity": {"domain": "light"}}


async def described(
    hass: HomeAssistant,
    fields: dict[str, Any],
    target: Any = None,
    assistant: str | None = "conversation",
    **more: Any,
) -> list[Action]:
    """The action test.do, described so."""

    async def do(call: ServiceCall) -> None:
        return None

    hass.services.async_register("test", "do", do, supports_response=SupportsResponse.NONE)
    schema = {"description": "Does it.", "fields": fields, **more}
    async_set_service_schema(hass, "test", "do", schema | ({"target": target} if target is not None else {}))
    return await async_actions(hass, assistant, ["test.do", "test.gone"])


def parameters(action: Action) -> dict[str, str]:
    """Each parameter, and whether it has to be given."""
    return {str(key): type(key).__name__ for key in action.parameters.schema}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text": {"required": True, "selector": {"text": {}}}}, {"text": "Required"}),
        ({"text": {}}, {"text": "Optional"}),
        ({"lamp": {"selector": ENTITY}}, {"lamp": "Optional"}),
        ({"lamp": {"selector": {"entity": {"filter": {"domain": "light"}}}}}, {"lamp": "Optional"}),
        ({"lamp": {"selector": {"entity": None}}}, {"lamp": "Optional"}),
        # Where nothing that is exposed can be chosen, the field is left out.
        ({"lock": {"selector": {"entity": {"domain": "lock"}}}}, {}),
        ({"lamp": {"selector": {"entity": {"domain": "light", "device_class": "x"}}}}, {}),
        ({"lamp": {"selector": {"entity": {"domain": "light", "integration": "hue"}}}}, {}),
        ({"lamp": {"selector": {"entity": {"filter": [{"supported_features": [32]}]}}}}, {}),
        # What would reach past the choice of entities is left out too.
        ({"room": {"selector": {"area": {}}}, "text": {}}, {"text": "Optional"}),
        ({"more": {"collapsed": True, "fields": {"text": {}}}}, {}),
        ({"more": {"collapsed": False, "fields": {"text": {}}}}, {"text": "Optional"}),
        ({"more": {"fields": {"deep": {"fields": {"text": {}}}}}}, {"text": "Optional"}),
    ],
)
async def test_fields_become_parameters(
    hass: HomeAssistant, lamps: None, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    (action,) = await described(hass, fields)
    assert parameters(action) == expected
    assert (action.title, action.description) == ("test.do", "Does it.")


@pytest.mark.parametrize(
    "fields",
    [
        {"room": {"required": True, "selector": {"area": {}}}},
        {"then": {"required": True, "selector": {"action": {}}}},
        {"lock": {"required": True, "selector": {"entity": {"domain": "lock"}}}},
    ],
)
async def test_an_action_that_needs_what_may_not_be_given_is_not_offered(
    hass: HomeAssistant, lamps: None, fields: dict[str, Any]
) -> None:
    assert await described(hass, fields) == []


async def test_a_target_is_a_choice_of_names_and_none_is_no_tool(hass: HomeAssistant, lamps: None) -> None:
    (action,) = await described(hass, {}, target={"entity": [{"domain": ["light", "switch"]}]})
    assert action.choices == {"target": {"Kitchen lamp": LAMP}}
    assert await described(hass, {}, target={"entity": {"domain": "lock"}}) == []
    (anything,) = await described(hass, {}, target={})
    assert anything.choices["target"] == {"Kitchen lamp": LAMP}
    assert await described(hass, {}, target={}, assistant=None) == []


async def test_the_parameters_are_a_json_schema(hass: HomeAssistant, lamps: None) -> None:
    fields = {
        "level": {
            "description": "How much.",
            "required": True,
            "selector": {"number": {"min": 1, "max": 9, "step": 1}},
        },
        "how": {"selector": {"select": {"options": ["softly", "loudly"], "multiple": True}}},
        "lamp": {"selector": {"entity": {"domain": "light", "multiple": True}}},
        "on": {"selector": {"boolean": {}}},
    }
    (action,) = await described(hass, fields, name="Do it")

    class Tool(llm.Tool):
        name, description, parameters = "test__do", action.description, action.parameters

    context = llm.LLMContext("test", None, "en", "conversation", None)
    api = llm.APIInstance(None, "", context, [Tool()], llm.selector_serializer)  # type: ignore[arg-type]
    ((told),) = tools_of(api)
    schema = told["function"]["parameters"]
    assert schema["required"] == ["level"]
    level = schema["properties"]["level"]
    assert (level["minimum"], level["maximum"], level["description"]) == (1, 9, "How much.")
    assert schema["properties"]["how"]["items"]["enum"] == ["softly", "loudly"]
    assert schema["properties"]["lamp"]["items"]["enum"] == ["Kitchen lamp"]
    assert schema["properties"]["on"]["type"] == "boolean"
    assert action.title == "Do it"


async def test_two_of_one_name_are_told_apart_by_their_rooms_or_ids(hass: HomeAssistant) -> None:
    registry, areas = er.async_get(hass), ar.async_get(hass)
    for number, room in enumerate(("Hall", "Attic", None, None)):
        entry = registry.async_get_or_create("light", "test", str(number), suggested_object_id=f"l{number}")
        area = areas.async_create(room).id if room else None
        registry.async_update_entity(entry.entity_id, area_id=area)
        hass.states.async_set(entry.entity_id, "off", {"friendly_name": "Lamp"})
        async_expose_entity(hass, "conversation", entry.entity_id, True)
    names = names_of_reachable(hass, "conversation", [])
    assert names == {
        "Lamp (Hall)": "light.l0",
        "Lamp (Attic)": "light.l1",
        "light.l2": "light.l2",
        "light.l3": "light.l3",
    }
    assert entity_of("lamp (hall)", names) == "light.l0"
    assert entity_of("light.l1", names) == "light.l1"
    assert entity_of("Lamp", names) is None
    assert names_of_reachable(hass, None, []) == {}
