"""Modes of humidifiers: what is said is matched to what the device has, called and told."""

import json
from pathlib import Path

import pytest

from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.home.dsl import decode, encode
from picoqwen_core.home.linker import link
from picoqwen_core.home.modes import mode_of
from picoqwen_core.home.plan import Plan, plan
from picoqwen_core.home.reply import report
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import HomeEntity, Message, ToolCall, ToolSpec
from tests.home.house import entity, home

RECORDED = json.loads((Path(__file__).parent / "data" / "assist_tools.json").read_text())
TOOLS = tuple(ToolSpec(t["function"]["name"], "", t["function"]["parameters"]) for t in RECORDED)
MIST = entity("humidifier.mist", "Mist Maker", "living", available_modes=["Sleep", "night_mode", "eco"])
PLAIN = entity("humidifier.plain", "Steamer", "living")
# What Home Assistant answers a humidifier's tools: no entity is named.
DONE = json.dumps({"response_type": "action_done", "data": {"success": [], "failed": []}})


@pytest.mark.parametrize(
    ("device", "said", "mode"),
    [
        (MIST, "sleep", "Sleep"),
        (MIST, "sleep mode", "Sleep"),
        (MIST, "night", "night_mode"),
        (MIST, "sleap", "Sleep"),
        (MIST, "turbo", None),
        (PLAIN, "turbo", "turbo"),
        (PLAIN, "", None),
    ],
)
def test_what_is_said_is_matched_to_the_devices_modes(
    device: HomeEntity, said: str, mode: str | None
) -> None:
    assert mode_of(device, said) == mode


def planned(device: HomeEntity, said: str) -> Plan:
    action = Action("humidifier_mode", Target((device.id,)), said)
    return plan(Act((action,)), home("living", device), Toolbox(TOOLS))


def test_a_mode_is_set_by_its_tool() -> None:
    (call,) = planned(MIST, "night").calls
    assert (call.name, dict(call.arguments)) == (
        "humidifier__HassHumidifierMode",
        {"name": "Mist Maker", "mode": "night_mode"},
    )


def test_a_mode_that_the_device_lacks_is_impossible() -> None:
    assert planned(MIST, "turbo").problem == "impossible"


def test_a_fan_has_no_mode_that_a_tool_could_set() -> None:
    assert planned(entity("fan.tower", "Tower", "living"), "sleep").problem == "impossible"


def test_a_mode_is_copied_from_the_request() -> None:
    linked = link(home("living", MIST), "put the mist maker in sleep mode")
    wanted = Act((Action("humidifier_mode", Target((MIST.id,)), "sleep"),))
    assert decode(encode(wanted, linked), linked) == wanted


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Set the Mist Maker to sleep mode."),
        ("de", "Erledigt (sleep): Mist Maker."),
        ("fr", "Fait (sleep): Mist Maker."),
        ("es", "Hecho (sleep): Mist Maker."),
        ("nl", "Gedaan (sleep): Mist Maker."),
        ("it", "Fatto (sleep): Mist Maker."),
    ],
)
def test_a_mode_is_told_in_every_language(language: str, said: str) -> None:
    call = ToolCall("home_1", "humidifier__HassHumidifierMode", {"name": "Mist Maker", "mode": "sleep"})
    assert report(_after(call), language) == said


def test_the_humidity_that_was_set_is_told_though_the_report_names_no_entity() -> None:
    call = ToolCall("home_1", "humidifier__HassHumidifierSetpoint", {"name": "Mist Maker", "humidity": 45})
    assert report(_after(call), "en") == "Set the Mist Maker to 45%."
    assert report(_after(call), "de") == "Erledigt (45 %): Mist Maker."


def _after(call: ToolCall) -> list[Message]:
    return [
        Message("user", "put the mist maker in sleep mode"),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", DONE, tool_call_id=call.id),
    ]
