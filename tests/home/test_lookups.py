"""Questions that a tool or a weather entity answers, and those that a remembered device cannot."""

import json
from typing import Any

import pytest

from picoqwen_core.home import reply
from picoqwen_core.home.lookups import weather_now
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.messages import NO_HOME_SENT, ChatDelta, ChatRequest, Message, ToolCall, ToolSpec
from tests.home.house import entity, home

_ASKED: dict[str, Any] = {name: {} for name in ("calendar", "range", "todo_list")}
LOOKUPS = tuple(
    ToolSpec(name, "", {"properties": _ASKED}) for name in ("calendar__get_events", "todo__get_items")
)
FAMILY = entity("calendar.family", "Family")
WEATHER = entity("weather.here", "Forecast", state="rainy", temperature=7.5)


def ask(output: str, *said: Message, more: tuple[Any, ...] = (), **changes: Any) -> list[ChatDelta]:
    request = ChatRequest(said, **{"home": home("living", *more), "tools": LOOKUPS, **changes})
    return list(HomeResponder(lambda _prompt: (output, 1.0)).respond(request))


def called(deltas: list[ChatDelta]) -> list[tuple[str, dict[str, Any]]]:
    return [(d.tool_call.name, dict(d.tool_call.arguments)) for d in deltas if d.tool_call]


def brought(tool: str, arguments: dict[str, Any], data: dict[str, Any], language: str = "en") -> str:
    """What is said of a lookup's result."""
    call = ToolCall("c", tool, arguments)
    content = json.dumps({"data": data, "error": False})
    messages = [
        Message("user", "?"),
        Message("assistant", tool_calls=(call,)),
        Message("tool", content, tool_call_id="c"),
    ]
    return reply.report(messages, language)


@pytest.mark.parametrize(("said", "day"), [("anything on today?", "today"), ("what is coming up?", "week")])
def test_a_calendar_is_looked_up_for_the_day_asked(said: str, day: str) -> None:
    deltas = ask("<q:calendar>", Message("user", said), more=(FAMILY,))
    assert called(deltas) == [("calendar__get_events", {"calendar": "Family", "range": day})]
    assert deltas[-1].finish_reason == "tool_calls"


def test_without_the_tool_a_calendar_is_left_to_a_larger_model() -> None:
    deltas = ask("<q:calendar>", Message("user", "what is coming up?"), more=(FAMILY,), tools=())
    assert deltas[0].escalation == "it cannot tell the calendar"


def test_what_is_past_is_not_looked_up_in_what_is_to_come() -> None:
    deltas = ask("<q:calendar>", Message("user", "what was on yesterday?"), more=(FAMILY,))
    assert deltas[0].escalation


def test_a_list_is_read_out() -> None:
    shopping = home().entities[7]
    asked = ask("<q:value><1> items", Message("user", f"read the {shopping.name}"))
    assert called(asked) == [("todo__get_items", {"todo_list": shopping.name})]
    items = {"items": [{"summary": "tea"}, {"summary": "soap"}]}
    assert brought("todo__get_items", {"todo_list": "Shopping List"}, items) == "On Shopping List: tea, soap."
    assert (
        brought("todo__get_items", {"todo_list": "Kauf"}, {"items": []}, "de") == "Kauf: nichts eingetragen."
    )


def test_events_are_told_with_day_and_time() -> None:
    events = [
        {"summary": "Dentist", "start": "2026-03-02T09:30:00+01:00"},
        {"summary": "Fair", "start": "2026-03-04", "all_day": True},
    ]
    told = brought("calendar__get_events", {"calendar": "Family"}, {"events": events})
    assert told == "On Family: Dentist (02.03. 09:30), Fair (04.03.)."


def test_a_lookup_that_failed_is_no_empty_list() -> None:
    failed = brought("todo__get_items", {"todo_list": "Jobs"}, {"error": "To-do list not found"})
    assert "nothing on" not in failed


def test_the_weather_now_is_told_and_a_forecast_is_not() -> None:
    assert weather_now("is it wet out there", home("living", WEATHER)) == "It is rainy outside, 7.5°."
    assert weather_now("is it wet tomorrow", home("living", WEATHER)) is None
    assert weather_now("is it wet out there", home()) is None
    assert weather_now("who painted this", home("living", WEATHER)) is None


BEFORE = (
    Message("user", "kitchen lamp on"),
    Message("assistant", "Turned on the Kitchen Lamp."),
    Message("user", "how warm is it out there"),
)


def test_a_remembered_lamp_is_not_asked_how_warm_it_is_outside() -> None:
    deltas = ask("<q:value><1> temperature", *BEFORE, more=(WEATHER,))
    assert deltas[0].content == "It is rainy outside, 7.5°."
    assert ask("<q:value><1> temperature", *BEFORE)[0].escalation == "it cannot tell the weather"


def test_a_named_lamp_that_cannot_tell_says_so() -> None:
    deltas = ask("<q:value><1> temperature", Message("user", "how warm is the kitchen lamp"))
    assert "does not tell" in deltas[0].content
    assert deltas[0].escalation != NO_HOME_SENT


@pytest.mark.parametrize(
    ("output", "said", "answer"),
    [
        ("<lock><1>", "did we lock the back door", "Yes, the Back Door is locked."),
        ("<on><1>", "is the kitchen lamp burning?", "No, the Kitchen Lamp is off."),
        ("<vacuum_start><1>", "has the fan been running", "The Fan is off."),
    ],
)
def test_a_question_never_acts(output: str, said: str, answer: str) -> None:
    deltas = ask(output, Message("user", said))
    assert not called(deltas)
    assert deltas[0].content == answer


@pytest.mark.parametrize("said", ["are you able to lock the back door", "is it okay to lock the back door"])
def test_a_polite_request_is_no_question(said: str) -> None:
    lock = ToolSpec("HassTurnOn", "", {"properties": {"name": {}}})
    assert called(ask("<lock><1>", Message("user", said), tools=(lock,)))


def test_outside_is_told_by_what_is_there() -> None:
    porch = entity("sensor.porch", "Outside air", state="4", device_class="temperature", unit="°C")
    hall = entity("climate.living", "Heating", "living", state="heat", current_temperature=20)
    said = Message("user", "what temperature have we got outside")
    for target in ("<d:climate><here>", "<all>"):
        deltas = ask(f"<q:value>{target} temperature", said, more=(hall, porch))
        assert deltas[0].content == "The Outside air is 4°C."


def test_what_a_thermostat_is_set_to_is_not_how_warm_it_is() -> None:
    heating = entity("climate.l", "Heating", "living", state="heat", current_temperature=18, temperature=21)
    deltas = ask("<q:value><1> temperature", Message("user", "what is heating set to"), more=(heating,))
    assert deltas[0].content == "The Heating is 21°."


def test_a_room_is_not_cleaned_without_a_vacuum() -> None:
    deltas = ask("<vacuum_clean><a1>", Message("user", "do the kitchen"))
    assert deltas[0].content == reply.PROBLEMS["unknown_device"]


TIMERS = (ToolSpec("HassTimerStatus", "", {"properties": {"name": {}, "start_minutes": {}}}),)


def test_which_timer_is_not_told_by_the_turn_that_started_one() -> None:
    turns = (
        Message("user", "five minute timer"),
        Message("assistant", "Started the timer."),
        Message("user", "what is left of it"),
    )
    assert called(ask("<timer_status><all><n1>", *turns, tools=TIMERS)) == [("HassTimerStatus", {})]
    said = Message("user", "what is left of the 5 minute timer")
    assert called(ask("<timer_status><all><n1>", said, tools=TIMERS)) == [
        ("HassTimerStatus", {"start_minutes": 5})
    ]


def test_asking_after_a_timer_is_a_call() -> None:
    assert called(ask("<timer_status><all>", Message("user", "is there a timer"), tools=TIMERS))


@pytest.mark.parametrize(
    ("left", "language", "text"),
    [
        ([("", 90)], "en", "1 minute 30 seconds left on the timer."),
        ([("egg", 3600), ("", 5)], "en", "1 hour left on the egg timer; 5 seconds left on the timer."),
        ([("Ei", 65)], "de-AT", "Timer Ei: noch 1 min 5 s."),
        ([], "en", "No timer is running."),
    ],
)
def test_what_is_left_of_timers_is_told(left: list[tuple[str, int]], language: str, text: str) -> None:
    timers = [{"name": name, "total_seconds_left": seconds} for name, seconds in left]
    data = {"response_type": "action_done", "data": {"success": []}, "speech_slots": {"timers": timers}}
    assert brought("HassTimerStatus", {}, data, language) == text
