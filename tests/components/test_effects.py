"""What a call should come to in an entity, by states alone."""

from typing import Any

import pytest
from homeassistant.core import State

from custom_components.picoqwen.effects import Reason, as_meant, hindrance, of_action, reached


def state(entity_id: str, value: str, **attributes: Any) -> State:
    return State(entity_id, value, attributes)


LIT = {"brightness": 76, "hs_color": (240, 100), "color_temp_kelvin": 2700}


@pytest.mark.parametrize(
    ("tool", "arguments", "now", "was"),
    [
        ("HassTurnOn", {}, state("switch.a", "on"), state("switch.a", "off")),
        ("HassTurnOn", {}, state("media_player.a", "idle"), None),
        ("HassTurnOn", {}, state("lock.a", "locking"), None),
        ("HassTurnOn", {}, state("valve.a", "opening"), None),
        ("HassTurnOn", {}, state("script.a", "on"), None),
        (
            "HassTurnOn",
            {},
            state("script.a", "off", last_triggered=2),
            state("script.a", "off", last_triggered=1),
        ),
        ("HassTurnOn", {}, state("button.a", "2026-11-27"), state("button.a", "unknown")),
        ("HassTurnOn", {}, state("switch.a", "off", assumed_state=True), state("switch.a", "off")),
        ("HassTurnOff", {}, state("cover.a", "closing"), None),
        ("HassTurnOff", {}, state("lock.a", "unlocked"), None),
        ("HassTurnOff", {}, state("media_player.tv", "unavailable"), state("media_player.tv", "on")),
        ("HassLightSet", {"brightness": 30}, state("light.a", "on", **LIT), None),
        ("HassLightSet", {"brightness": 0}, state("light.a", "off"), None),
        ("HassLightSet", {"color": "blue", "temperature": 2600}, state("light.a", "on", **LIT), None),
        ("HassLightSet", {"color": "no such colour"}, state("light.a", "on", **LIT), None),
        # A transition has begun.
        (
            "HassLightSet",
            {"brightness": 90},
            state("light.a", "on", brightness=90),
            state("light.a", "on", **LIT),
        ),
        ("HassSetPosition", {"position": 40}, state("cover.a", "open", current_position=41), None),
        ("HassSetPosition", {"position": 40}, state("cover.a", "opening", current_position=0), None),
        ("HassStopMoving", {}, state("cover.a", "open"), state("cover.a", "opening")),
        (
            "HassFanSetSpeed",
            {"percentage": 40},
            state("fan.a", "on", percentage=50, percentage_step=25.0),
            None,
        ),
        ("HassSetVolumeRelative", {"volume_step": "up"}, state("media_player.a", "on", volume_level=1), None),
        ("HassHumidifierMode", {"mode": "eco"}, state("humidifier.a", "on", mode="eco"), None),
        ("HassMediaPlayerMute", {}, state("media_player.a", "on", is_volume_muted=True), None),
        ("HassLawnMowerDock", {}, state("lawn_mower.a", "returning"), None),
        ("select_option", {"option": "eco"}, state("select.a", "eco"), None),
        ("set_value", {"value": 7}, state("number.a", "7.0"), None),
        ("set_preset_mode", {"preset_mode": "eco"}, state("climate.a", "heat", preset_mode="eco"), None),
    ],
    ids=str,
)
def test_it_is_reached(tool: str, arguments: dict[str, Any], now: State, was: State | None) -> None:
    assert reached(tool, arguments, was, now)


@pytest.mark.parametrize(
    ("tool", "arguments", "now", "was"),
    [
        ("HassTurnOn", {}, state("switch.a", "off"), None),
        ("HassTurnOn", {}, state("light.a", "unavailable"), None),
        ("HassTurnOn", {}, None, None),
        (
            "HassTurnOn",
            {},
            state("script.a", "off", last_triggered=1),
            state("script.a", "off", last_triggered=1),
        ),
        ("HassTurnOn", {}, state("scene.a", "2026"), state("scene.a", "2026")),
        ("HassTurnOff", {}, state("cover.a", "open"), None),
        ("HassTurnOff", {}, state("light.a", "unavailable"), None),
        # It was off, and is on as bright as can be.
        ("HassLightSet", {"brightness": 30}, state("light.a", "on", brightness=255), state("light.a", "off")),
        ("HassLightSet", {"color": "red"}, state("light.a", "on", **LIT), None),
        ("HassLightSet", {"color": "red"}, state("light.a", "on"), None),
        ("HassLightSet", {"temperature": 6000}, state("light.a", "on", **LIT), None),
        ("HassSetPosition", {"position": 40}, state("cover.a", "open", current_position=90), None),
        ("HassSetVolumeRelative", {"volume_step": -10}, state("media_player.a", "on", volume_level=1), None),
        ("HassSetVolumeRelative", {"volume_step": 10}, state("media_player.a", "off"), None),
        ("HassStopMoving", {}, state("cover.a", "closing"), None),
        ("set_value", {"value": "x"}, state("text.a", "y"), None),
        ("set_mode", {"mode": "eco"}, state("humidifier.a", "on"), None),
    ],
    ids=str,
)
def test_it_is_not_reached(
    tool: str, arguments: dict[str, Any], now: State | None, was: State | None
) -> None:
    assert not reached(tool, arguments, was, now)


def test_what_is_known_against_it() -> None:
    dim = state("light.a", "off", supported_color_modes=["brightness"])
    assert hindrance("HassLightSet", {"color": "red"}, dim) is Reason.UNABLE
    assert hindrance("HassLightSet", {"brightness": 30}, dim) is None
    assert hindrance("HassLightSet", {"color": "red"}, state("light.old", "off")) is None
    assert hindrance("HassSetPosition", {}, state("valve.a", "open", supported_features=3)) is Reason.UNABLE
    dry = state("humidifier.a", "on", min_humidity=30, max_humidity=60)
    assert hindrance("HassHumidifierSetpoint", {"humidity": 80}, dry) is Reason.UNABLE
    assert hindrance("HassHumidifierSetpoint", {"humidity": 50}, dry) is None


@pytest.mark.parametrize(
    ("action", "data", "tool", "arguments"),
    [
        ("light.turn_on", {"brightness": 51}, "HassLightSet", {"brightness": 20.0}),
        ("light.turn_on", {"color_name": "red"}, "HassLightSet", {"color": "red"}),
        ("fan.turn_on", {"percentage": 40}, "HassFanSetSpeed", {"percentage": 40}),
        ("fan.turn_on", {}, "HassTurnOn", {}),
        ("media_player.volume_set", {"volume_level": 0.4}, "HassSetVolume", {"volume_level": 40.0}),
        ("vacuum.start", {}, "HassVacuumStart", {}),
        ("timer.start", {}, "", {}),
    ],
    ids=str,
)
def test_an_action_amounts_to_a_tool(
    action: str, data: dict[str, Any], tool: str, arguments: dict[str, Any]
) -> None:
    made, meant = of_action(action, data)
    assert made == tool
    assert arguments.items() <= dict(meant).items()


def test_blanks_are_no_wishes_and_numbers_may_be_written() -> None:
    meant = as_meant({"name": "Lamp", "brightness": "30", "color": "", "area": None, "position": "half"})
    assert meant == {"name": "Lamp", "brightness": 30.0, "position": "half"}
