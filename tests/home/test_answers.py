"""Answers to questions come from the states, whatever they are."""

from dataclasses import replace

import pytest

from picoqwen_core.home.answers import answer
from picoqwen_core.home.decision import Query, Target
from tests.home.house import entity, home

THERMOMETER = entity(
    "sensor.t", "Thermometer", "bedroom", state="21.46", device_class="temperature", unit="°C"
)
WINDOW = entity("binary_sensor.w", "Window", "bedroom", state="on", device_class="window")
GONE = entity("light.gone", "Porch Light", "kitchen", state="unavailable")
HOUSE = replace(home("living", THERMOMETER, WINDOW, GONE), now="2026-11-24T20:15:00+01:00")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("is", Target(("lock.back",)), "locked"), "Yes, the Back Door is locked."),
        (Query("is", Target(("lock.back",)), "unlocked"), "No, the Back Door is locked."),
        (Query("is", Target(("binary_sensor.w",)), "open"), "Yes, the Window is open."),
        (Query("is", Target(("binary_sensor.w",)), "closed"), "No, the Window is open."),
        (Query("is", Target(("light.gone",)), "on"), "I don't know: the Porch Light is not available."),
        (Query("is", Target(("light.fairy",)), "on"), "No, the Fairy Lights are off."),
        (Query("value", Target(area="bedroom"), "temperature"), "The temperature in the Bedroom is 21.5°C."),
        (Query("value", Target(("sensor.t",)), "temperature"), "The Thermometer is 21.5°C."),
        (Query("value", Target(("light.ceiling_3",)), "brightness"), "The Ceiling light 3 is 40%."),
        (Query("value", Target(area="kitchen"), "humidity"), "Nothing tells me the humidity in the Kitchen."),
        (
            Query("which", Target(everywhere=True, domain="light"), "on"),
            "The Ceiling light 3 is on.",
        ),
        (
            Query("which", Target(area="bedroom", domain="light"), "on"),
            "No, none of the 2 lights in the Bedroom are on.",
        ),
        (Query("which", Target(area="kitchen", domain="lock"), "unlocked"), "No, the Back Door is locked."),
        (
            Query("count", Target(floor="ground", domain="light"), "on"),
            "1 of 4 lights on the Ground Floor is on.",
        ),
        (Query("is", Target(("light.nowhere",)), "on"), "I can't find such a device."),
        (Query("time"), "It is 20:15."),
        (Query("date"), "Today is Tuesday, 24 November 2026."),
    ],
)
def test_the_answer_is_what_the_states_say(query: Query, expected: str) -> None:
    assert answer(query, HOUSE) == expected


def test_without_a_clock_the_time_is_not_invented() -> None:
    assert answer(Query("time"), home()) == "I don't know what time it is."
