"""Every tool that Home Assistant 2026.11 offers to Assist is called by a verb or a question."""

import pytest

from picoqwen_core.home.decision import Act, Action, Query, Target
from picoqwen_core.home.lookups import lookup
from picoqwen_core.home.plan import plan
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import ToolSpec
from tests.home.house import entity, home
from tests.home.test_plan import TOOLS

EVERYWHERE = Target(everywhere=True)
MORE = (
    entity("climate.bed", "Thermostat", "bedroom", state="heat", temperature=20),
    entity("vacuum.r", "Robby", "living", state="docked"),
    entity("lawn_mower.m", "Mower", state="docked"),
    entity("humidifier.h", "Humidifier", "bedroom"),
    entity("calendar.family", "Family"),
)
# Answered from the time and the states that come with every request; no call is needed.
_SENT_ALONG = ("GetDateTime", "GetLiveContext")
BY_VERB = [
    ("HassTurnOn", "on", Target(("light.kitchen",)), None),
    ("HassTurnOff", "off", Target(("light.kitchen",)), None),
    ("HassSetPosition", "position", Target(("cover.living",)), 40.0),
    ("HassStopMoving", "stop", Target(("cover.living",)), None),
    ("HassLightSet", "brightness", Target(("light.kitchen",)), 40.0),
    ("HassClimateSetTemperature", "temperature", Target(("climate.bed",)), 21.0),
    ("HassFanSetSpeed", "fan_speed", Target(("fan.bedroom",)), 40.0),
    ("HassHumidifierSetpoint", "humidity", Target(("humidifier.h",)), 40.0),
    ("HassLawnMowerStartMowing", "mower_start", Target(("lawn_mower.m",)), None),
    ("HassLawnMowerDock", "mower_dock", Target(("lawn_mower.m",)), None),
    ("HassVacuumStart", "vacuum_start", Target(("vacuum.r",)), None),
    ("HassVacuumReturnToBase", "vacuum_return", Target(("vacuum.r",)), None),
    ("HassVacuumCleanArea", "vacuum_clean", Target(area="kitchen"), None),
    ("HassMediaUnpause", "play", Target(("media_player.tv",)), None),
    ("HassMediaPause", "pause", Target(("media_player.tv",)), None),
    ("HassMediaNext", "next", Target(("media_player.tv",)), None),
    ("HassMediaPrevious", "previous", Target(("media_player.tv",)), None),
    ("HassSetVolume", "volume", Target(("media_player.tv",)), 40.0),
    ("HassSetVolumeRelative", "louder", Target(("media_player.tv",)), None),
    ("HassMediaPlayerMute", "mute", Target(("media_player.tv",)), None),
    ("HassMediaPlayerUnmute", "unmute", Target(("media_player.tv",)), None),
    ("search_media", "play_media", Target(("media_player.tv",)), "jazz"),
    ("HassListAddItem", "list_add", Target(("todo.shopping",)), "milk"),
    ("HassListCompleteItem", "list_complete", Target(("todo.shopping",)), "milk"),
    ("HassListRemoveItem", "list_remove", Target(("todo.shopping",)), "milk"),
    ("HassStartTimer", "timer_start", EVERYWHERE, 60.0),
    ("HassCancelTimer", "timer_cancel", EVERYWHERE, None),
    ("HassCancelAllTimers", "timer_cancel_all", EVERYWHERE, None),
    ("HassIncreaseTimer", "timer_more", EVERYWHERE, 60.0),
    ("HassDecreaseTimer", "timer_less", EVERYWHERE, 60.0),
    ("HassPauseTimer", "timer_pause", EVERYWHERE, None),
    ("HassUnpauseTimer", "timer_resume", EVERYWHERE, None),
    ("HassTimerStatus", "timer_status", EVERYWHERE, None),
    ("HassBroadcast", "broadcast", EVERYWHERE, "dinner"),
]
# Called elsewhere: with a mode that the device has (test_modes.py), and after a search (test_media.py).
_ELSEWHERE = ("HassHumidifierMode", "play_media")
BY_QUESTION = [
    ("get_events", Query("calendar")),
    ("get_items", Query("value", Target(("todo.shopping",)), "items")),
]


def toolbox() -> Toolbox:
    """The tools as recorded, and those only offered for devices that the recording lacks."""
    recorded = {tool.name.rpartition("__")[2] for tool in TOOLS}
    known = {name for name, *_ in BY_VERB} | {name for name, *_ in BY_QUESTION}
    more = (ToolSpec(f"intent__{name}", "", {"properties": {}}) for name in sorted(known - recorded))
    return Toolbox((*TOOLS, *more))


@pytest.mark.parametrize(("tool", "verb", "target", "value"), BY_VERB)
def test_a_verb_calls_it(tool: str, verb: str, target: Target, value: float | str | None) -> None:
    action = Action(verb, target, value)  # type: ignore[arg-type]
    made = plan(Act((action,)), home("living", *MORE), toolbox())
    assert [call.name.rpartition("__")[2] for call in made.calls] == [tool]


@pytest.mark.parametrize(("tool", "query"), BY_QUESTION)
def test_a_question_calls_it(tool: str, query: Query) -> None:
    calls = lookup(query, "what is on it", home("living", *MORE), toolbox())
    assert [call.name.rpartition("__")[2] for call in calls] == [tool]


def test_no_recorded_tool_is_forgotten() -> None:
    known = {name for name, *_ in (*BY_VERB, *BY_QUESTION)} | {*_SENT_ALONG, *_ELSEWHERE}
    assert {tool.name.rpartition("__")[2] for tool in TOOLS} <= known
