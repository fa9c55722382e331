"""What Home Assistant's own tools are said to have done is what was seen, whatever they report themselves."""

from typing import Any

import pytest
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import llm

from custom_components.picoqwen.guard import async_guard
from custom_components.picoqwen.witness import is_done

pytest_plugins = ("devices",)


async def use(hass: HomeAssistant, tool: str, **arguments: Any) -> llm.ToolResult:
    """Call a tool as an agent of ours does."""
    context = llm.LLMContext("test", Context(), "en", "conversation", None)
    instance = await llm.async_get_api(hass, "assist", context)
    async_guard(instance)
    async_guard(instance)  # in each turn of a conversation
    (name,) = (each.name for each in instance.tools if each.name.rpartition("__")[2] == tool)
    return await instance.async_call_tool(llm.ToolInput(tool_name=name, tool_args=arguments))


def reasons(result: llm.ToolResult) -> dict[str, str]:
    return {each["name"]: each["reason"] for each in result.data["data"]["failed"]}


def names(result: llm.ToolResult) -> list[str]:
    return [each["name"] for each in result.data["data"]["success"] if each["type"] == "entity"]


IMPOSSIBLE = [
    ("HassLightSet", {"name": "Dim lamp", "color": "red"}, "unable"),
    ("HassLightSet", {"name": "Dim lamp", "temperature": 2700}, "unable"),
    ("HassLightSet", {"name": "Plain lamp", "brightness": 30}, "unable"),
    ("HassLightSet", {"name": "Garden lamp", "color": "red"}, "unavailable"),
    ("HassTurnOn", {"name": "Garden lamp"}, "unavailable"),
    ("HassTurnOff", {"name": "Garden lamp", "domain": ["light"]}, "unavailable"),
    ("HassFanSetSpeed", {"name": "Ceiling fan", "percentage": 40}, "unable"),
    ("HassSetPosition", {"name": "Blind", "position": 40}, "unable"),
    ("HassClimateSetTemperature", {"name": "Heating", "temperature": 90}, "unable"),
    ("HassSetVolumeRelative", {"name": "Radio", "volume_step": 10}, "unable"),
]
UNHEARD = [
    ("HassTurnOn", {"name": "Deaf lamp"}),
    ("HassLightSet", {"name": "Deaf lamp", "color": "red"}),
    ("HassMediaUnpause", {"name": "Radio"}),
    ("HassSetVolume", {"name": "Radio", "volume_level": 40}),
]
DONE = [
    ("HassTurnOn", {"name": "Plain lamp"}),
    ("HassTurnOn", {"name": "Slow lamp"}),
    ("HassLightSet", {"name": "Slow lamp", "color": "red"}),
    ("HassLightSet", {"name": "Dim lamp", "brightness": 30}),
    ("HassLightSet", {"name": "Color lamp", "color": "blue", "brightness": 50}),
    ("HassTurnOn", {"name": "Blind"}),
    ("HassTurnOn", {"name": "Movie time"}),
    ("HassTurnOn", {"name": "Ceiling fan"}),
    ("HassClimateSetTemperature", {"name": "Heating", "temperature": 22}),
    ("HassVacuumStart", {"name": "Rusty"}),
    ("HassSetVolume", {"name": "Stereo", "volume_level": 50}),
    ("HassMediaPause", {"name": "Stereo"}),
]
BEFORE = [
    ("HassTurnOff", {"name": "Plain lamp"}),
    ("HassVacuumReturnToBase", {"name": "Rusty"}),
    ("HassClimateSetTemperature", {"name": "Heating", "temperature": 20}),
]


@pytest.mark.parametrize(("tool", "arguments", "reason"), IMPOSSIBLE, ids=str)
async def test_what_cannot_be_is_not_tried(
    hass: HomeAssistant, devices: None, tool: str, arguments: dict[str, Any], reason: str
) -> None:
    before = hass.states.async_all()
    result = await use(hass, tool, **arguments)
    assert result.error
    assert not is_done(result)
    assert reasons(result) == {arguments["name"]: reason}
    assert "nothing was done to it" in result.data["note"]
    assert hass.states.async_all() == before


@pytest.mark.parametrize(("tool", "arguments"), UNHEARD, ids=str)
async def test_what_does_not_react_is_not_called_done(
    hass: HomeAssistant, devices: None, tool: str, arguments: dict[str, Any]
) -> None:
    result = await use(hass, tool, **arguments)
    assert (result.error, result.data["done"]) == (False, False)
    assert reasons(result) == {arguments["name"]: "no_reaction"}
    assert names(result) == []


async def test_what_becomes_something_else_is_not_called_done(hass: HomeAssistant, devices: None) -> None:
    result = await use(hass, "HassLightSet", name="Bright lamp", brightness="30", color="")
    assert (result.error, result.data["done"]) == (False, False)
    assert reasons(result) == {"Bright lamp": "otherwise"}
    assert hass.states.get("light.bright_lamp").state == "on"


@pytest.mark.parametrize(("tool", "arguments"), DONE, ids=str)
async def test_what_is_seen_is_done_be_it_a_moment_later(
    hass: HomeAssistant, devices: None, tool: str, arguments: dict[str, Any]
) -> None:
    result = await use(hass, tool, **arguments)
    assert is_done(result)
    assert names(result) == [arguments["name"]]
    assert not any(each.get("already") for each in result.data["data"]["success"])


@pytest.mark.parametrize(("tool", "arguments"), BEFORE, ids=str)
async def test_what_was_so_before_is_told_to_have_been(
    hass: HomeAssistant, devices: None, tool: str, arguments: dict[str, Any]
) -> None:
    result = await use(hass, tool, **arguments)
    assert is_done(result)
    assert [each["already"] for each in result.data["data"]["success"]] == [True]


async def test_of_a_room_each_lamp_has_an_end_of_its_own(hass: HomeAssistant, devices: None) -> None:
    await use(hass, "HassTurnOn", name="Plain lamp")
    result = await use(hass, "HassTurnOn", area="Hall", domain=["light"])
    assert is_done(result)
    assert sorted(names(result)) == ["Bright lamp", "Color lamp", "Dim lamp", "Plain lamp", "Slow lamp"]
    assert reasons(result) == {"Garden lamp": "unavailable", "Deaf lamp": "no_reaction"}
    told = {each["name"]: each.get("already", False) for each in result.data["data"]["success"]}
    assert told["Plain lamp"]
    assert not told["Dim lamp"]
    assert [each.name for each in result.data.original.failed_results] == ["Deaf lamp", "Garden lamp"]


async def test_a_room_of_which_some_have_no_colours_says_which(hass: HomeAssistant, devices: None) -> None:
    result = await use(hass, "HassLightSet", area="Hall", color="red")
    assert sorted(names(result)) == ["Color lamp", "Slow lamp"]
    assert reasons(result)["Plain lamp"] == reasons(result)["Dim lamp"] == "unable"


@pytest.mark.parametrize("named", [{"name": "Stereo"}, {}], ids=["named", "the one that plays"])
async def test_a_tool_that_does_not_say_what_it_did_is_believed_of_the_right_one(
    hass: HomeAssistant, devices: None, named: dict[str, str]
) -> None:
    result = await use(hass, "HassSetVolumeRelative", volume_step=20, **named)
    assert is_done(result)
    assert "note" not in result.data
    assert hass.states.get("media_player.stereo").attributes["volume_level"] == 0.5


class Stumbling(llm.Tool):
    """A tool of others with a fault."""

    name, description, integration = "other__do_it", "Does it.", "other"

    async def async_call(self, hass: HomeAssistant, tool_input: llm.ToolInput, context: Any) -> Any:
        raise ZeroDivisionError("division by zero")


async def test_a_tool_that_stumbles_is_a_failure_and_not_the_end(hass: HomeAssistant, devices: None) -> None:
    context = llm.LLMContext("test", Context(), "en", "conversation", None)
    instance = await llm.async_get_api(hass, "assist", context)
    instance.tools = [Stumbling()]
    async_guard(instance)
    result = await instance.async_call_tool(llm.ToolInput(tool_name="other__do_it", tool_args={}))
    assert result.error
    assert result.data["error"] == "ZeroDivisionError: division by zero"


async def test_where_there_is_no_timer_none_is_cancelled(hass: HomeAssistant, devices: None) -> None:
    result = await use(hass, "HassCancelAllTimers")
    assert (result.error, result.data["error"]) == (True, "nothing was cancelled: there is no timer")
