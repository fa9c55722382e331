"""Decisions as calls of Home Assistant's real tools (recorded from Home Assistant 2026.11)."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.home.dsl import VERBS
from picoqwen_core.home.plan import Plan, plan
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import ToolSpec
from tests.home.house import entity, home

RECORDED = json.loads((Path(__file__).parent / "data" / "assist_tools.json").read_text())
TOOLS = tuple(ToolSpec(t["function"]["name"], "", t["function"]["parameters"]) for t in RECORDED)


def made(verb: str, target: Target, value: float | str | None = None, *more: Any) -> Plan:
    action = Action(verb, target, value)  # type: ignore[arg-type]
    return plan(Act((action,)), home("living", *more), Toolbox(TOOLS))


def arguments(result: Plan) -> list[tuple[str, dict[str, Any]]]:
    assert result.problem is None
    return [(call.name.split("__")[1], dict(call.arguments)) for call in result.calls]


def test_a_named_lamp_is_turned_on_by_name() -> None:
    assert arguments(made("on", Target(("light.kitchen",)))) == [
        ("HassTurnOn", {"name": "Kitchen Lamp", "domain": ["light"]})
    ]


def test_a_name_that_two_devices_have_comes_with_its_room() -> None:
    assert arguments(made("open", Target(("cover.bedroom",)))) == [
        ("HassTurnOn", {"name": "Blinds", "area": "Bedroom", "domain": ["cover"]})
    ]


def test_a_room_of_lights_is_one_call() -> None:
    assert arguments(made("off", Target(area="bedroom", domain="light"))) == [
        ("HassTurnOff", {"area": "Bedroom", "domain": ["light"]})
    ]


def test_everything_in_a_room_never_means_its_locks_and_blinds() -> None:
    ((_, living),) = arguments(made("off", Target(area="living")))
    ((_, kitchen),) = arguments(made("off", Target(area="kitchen")))
    assert living["domain"] == ["light", "media_player"]
    assert kitchen["domain"] == ["light"]


def test_the_whole_home_is_named_device_by_device() -> None:
    calls = arguments(made("off", Target(everywhere=True, domain="light")))
    assert [call["name"] for _, call in calls] == [
        "Kitchen Lamp",
        "Left Bedside Lamp",
        "Right Bedside Lamp",
        "Fairy Lights",
        "Ceiling light 3",
    ]


def test_locking_is_turning_on_and_unlocking_turning_off() -> None:
    assert arguments(made("lock", Target(("lock.back",))))[0][0] == "HassTurnOn"
    assert arguments(made("unlock", Target(("lock.back",))))[0][0] == "HassTurnOff"


@pytest.mark.parametrize(
    ("verb", "target", "value", "name", "expected"),
    [
        ("brightness", "light.ceiling_3", 30.0, "HassLightSet", {"brightness": 30}),
        ("brightness", "light.ceiling_3", "max", "HassLightSet", {"brightness": 100}),
        ("brighter", "light.ceiling_3", None, "HassLightSet", {"brightness": 60}),
        ("dimmer", "light.ceiling_3", None, "HassLightSet", {"brightness": 20}),
        ("color", "light.fairy", "red", "HassLightSet", {"color": "red"}),
        ("color_temperature", "light.fairy", "warm", "HassLightSet", {"temperature": 2700}),
        ("color_temperature", "light.fairy", 4000.0, "HassLightSet", {"temperature": 4000}),
        ("fan_speed", "fan.bedroom", "half", "HassFanSetSpeed", {"percentage": 50}),
        ("position", "cover.living", 40.0, "HassSetPosition", {"position": 40}),
        ("volume", "media_player.tv", 25.0, "HassSetVolume", {"volume_level": 25}),
        ("louder", "media_player.tv", None, "HassSetVolumeRelative", {"volume_step": 10}),
        ("list_add", "todo.shopping", "oat milk", "HassListAddItem", {"item": "oat milk"}),
    ],
)
def test_values_become_the_tools_arguments(
    verb: str, target: str, value: float | str | None, name: str, expected: dict[str, Any]
) -> None:
    ((tool, called),) = arguments(made(verb, Target((target,)), value))
    assert tool == name
    assert called.items() >= expected.items()


def test_warmer_counts_from_the_present_target() -> None:
    thermostat = entity("climate.bed", "Thermostat", "bedroom", state="heat", temperature=20.5)
    ((tool, called),) = arguments(made("warmer", Target(("climate.bed",)), None, thermostat))
    assert (tool, called["temperature"]) == ("HassClimateSetTemperature", 21.5)


def test_dimming_a_room_leaves_lights_alone_that_are_off() -> None:
    calls = arguments(made("dimmer", Target(area="living", domain="light")))
    assert [call["name"] for _, call in calls] == ["Ceiling light 3"]


def test_a_valve_that_is_turned_on_opens_and_a_heater_that_is_warmed_up_is_on() -> None:
    valve = entity("valve.lawn", "Sprinkler", "kitchen", state="closed")
    heater = entity("switch.rail", "Towel Rail", "bedroom")
    for verb, target, tool in (
        ("on", "valve.lawn", "HassTurnOn"),
        ("off", "valve.lawn", "HassTurnOff"),
        ("warmer", "switch.rail", "HassTurnOn"),
    ):
        ((called, said),) = arguments(made(verb, Target((target,)), None, valve, heater))
        assert called == tool
        assert said["domain"] == [target.partition(".")[0]]


def test_pausing_a_room_means_the_player_that_plays() -> None:
    radio = entity("media_player.radio", "Radio", "living", state="playing")
    calls = arguments(made("pause", Target(area="living", domain="media_player"), None, radio))
    assert [call["name"] for _, call in calls] == ["Radio"]


@pytest.mark.parametrize(
    ("verb", "target", "problem"),
    [
        ("lock", Target(("light.kitchen",)), "impossible"),
        ("on", Target(("lock.back",)), "impossible"),
        ("off", Target(("scene.movie",)), "impossible"),
        ("off", Target(area="bedroom", domain="climate"), "unknown_device"),
        ("on", Target(("light.gone",)), "unknown_device"),
        ("timer_start", Target(everywhere=True), "no_tool"),
    ],
)
def test_what_cannot_be_done_has_a_reason(verb: str, target: Target, problem: str) -> None:
    assert made(verb, target, 60.0) == Plan((), problem)  # type: ignore[arg-type]


def test_one_impossible_action_stops_all_of_them() -> None:
    actions = (Action("on", Target(("light.kitchen",))), Action("lock", Target(("light.kitchen",))))
    assert plan(Act(actions), home(), Toolbox(TOOLS)) == Plan((), "impossible")


def test_older_tool_names_work_too() -> None:
    old = tuple(ToolSpec(t.name.rpartition("__")[2], "", t.parameters) for t in TOOLS)
    result = plan(Act((Action("on", Target(("light.kitchen",))),)), home(), Toolbox(old))
    assert result.calls[0].name == "HassTurnOn"


def test_every_call_names_what_exists_and_fits_its_schema() -> None:
    rng = random.Random(11)
    schemas = {tool.name: tool.parameters for tool in TOOLS}
    house = home("living", entity("vacuum.r", "Robby", "living", state="docked"))
    names = {e.name for e in house.entities}
    places = {area.name for area in house.areas} | {floor.name for floor in house.floors}
    for _ in range(2000):
        some = rng.sample(house.entities, rng.randint(1, 3))
        target = rng.choice(
            (
                Target(tuple(e.id for e in some)),
                Target(area=rng.choice(house.areas).id, domain=rng.choice(some).domain),
                Target(floor="ground", domain=rng.choice(some).domain, device_class="blind"),
                Target(everywhere=True, domain=rng.choice(some).domain),
            )
        )
        value = rng.choice((None, 50.0, "max", "red", "two eggs", 1e9, -3.0))
        action = Action(rng.choice(VERBS), target, value)  # type: ignore[arg-type]
        for call in plan(Act((action,)), house, Toolbox(TOOLS)).calls:
            schema = schemas[call.name]
            assert set(call.arguments) <= set(schema["properties"])
            assert set(schema.get("required", ())) <= set(call.arguments)
            assert call.arguments.get("name", "Robby") in names
            assert call.arguments.get("area", "Kitchen") in places


def test_a_room_without_an_air_conditioner_is_made_cooler_by_its_fan() -> None:
    ((tool, target),) = arguments(made("cooler", Target(area="bedroom", domain="climate")))
    assert (tool, target["domain"]) == ("HassTurnOn", ["fan"])
    assert made("cooler", Target(area="kitchen", domain="climate")).problem == "unknown_device"
