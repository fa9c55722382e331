"""The hand-written requests: they are well formed and speak of what is there; how they are judged."""

import re
from collections import Counter
from datetime import datetime

import pytest
import yaml

from house_runner.changes import Change
from house_runner.spoken.judge import LARGER_MODEL_SAYS, judge, mismatch
from house_runner.spoken.requests import FOLDER, SpokenHome, Turn, read_all

HOMES = read_all()
FRESH = read_all(FOLDER / "fresh")
NOON = datetime(2026, 11, 27, 12, 5)  # noqa: DTZ001 - the wall clock of a home


@pytest.mark.parametrize("home", [*HOMES, *FRESH], ids=lambda home: home.name)
def test_every_request_speaks_of_entities_of_its_home(home: SpokenHome) -> None:
    house = yaml.safe_load(home.house.read_text(encoding="utf-8"))
    known = {
        entity for area in [*house["areas"], {"entities": house["everywhere"]}] for entity in area["entities"]
    }
    for satellite in house["satellites"]:
        known |= {f"sensor.{satellite}_timers", f"assist_satellite.{satellite}"}
    known |= {f"scene.{scene['name'].lower().replace(' ', '_')}" for scene in house.get("scenes", ())}

    for request in home.requests:
        outcomes = [outcome for turn in request.turns for outcome in (turn, *turn.others)]
        meant = {*request.before, *(e for outcome in outcomes for e in (*outcome.after, *outcome.may))}
        assert meant <= known, request


def test_there_are_four_hundred_requests_over_six_homes() -> None:
    assert sum(len(home.requests) for home in HOMES) >= 400
    assert len(HOMES) >= 6


def plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def test_a_sentence_is_said_once_in_a_home() -> None:
    said = Counter((home.name, str(request)) for home in [*HOMES, *FRESH] for request in home.requests)
    assert [what for what, times in said.items() if times > 1] == []


def test_nothing_that_was_known_before_begins_a_fresh_request() -> None:
    known = {plain(turn.say) for home in HOMES for request in home.requests for turn in request.turns}
    assert [str(r) for home in FRESH for r in home.requests if plain(r.turns[0].say) in known] == []


def test_the_fresh_requests_are_many_in_both_halves_and_every_language() -> None:
    of_half = Counter(request.half for home in FRESH for request in home.requests)
    assert min(of_half["dev"], of_half["blind"]) >= 200
    of_language = Counter(home.language for home in FRESH for _ in home.requests)
    assert of_language["en"] >= 180
    assert all(of_language[language] >= 40 for language in ("de", "fr", "es", "nl", "it"))


def lamp(state: str, **attributes: object) -> dict[str, object]:
    return {"state": state, "attributes": attributes}


@pytest.mark.parametrize(
    ("state", "wanted", "right"),
    [
        (lamp("on"), True, True),
        (lamp("off"), True, False),
        (lamp("on", brightness=77), {"brightness": 30}, True),
        (lamp("on", brightness=77), {"brightness": ">40"}, False),
        (lamp("on", hs_color=(350.0, 90.0)), {"color": "red"}, True),
        (lamp("on", hs_color=(30.0, 65.0), color_mode="color_temp"), {"color": "orange"}, False),
        (lamp("2", open_items=["Milk"]), {"items": ["milk"]}, True),
        (lamp("idle", heard="Dinner is ready"), {"heard": "~dinner"}, True),
    ],
)
def test_a_state_is_compared_in_the_words_of_the_files(state, wanted, right: bool) -> None:
    assert (mismatch(state, wanted) == "") is right


def test_whatever_else_changes_is_a_wrong_action() -> None:
    turn = Turn("lamp on", None, "change", after={"light.a": True})
    changes = [Change("light.a", "off", "on", 1.0), Change("lock.b", "locked", "unlocked", 1.0)]
    states = {"light.a": lamp("on"), "lock.b": lamp("unlocked")}

    assert judge(turn, changes[:1], states, "Turned on.", NOON).right
    assert judge(turn, changes, states, "Turned on.", NOON).wrong_action


def test_another_outcome_is_as_right_and_a_third_is_not() -> None:
    asked = Turn("off", None, "unclear")
    turn = Turn("off", None, "change", after={"light.a": False}, others=(asked,))
    states = {"light.a": lamp("on"), "lock.b": lamp("unlocked")}

    assert judge(turn, [], states, "Which one: the left or the right lamp?", NOON).right
    assert judge(turn, [], states, "Turned off.", NOON).problem.startswith("light.a")
    opened = [Change("lock.b", "locked", "unlocked", 1.0)]
    assert judge(turn, opened, states, "Which one: the left or the right lamp?", NOON).wrong_action


@pytest.mark.parametrize(
    ("turn", "text", "right"),
    [
        (Turn("who", None, "elsewhere"), LARGER_MODEL_SAYS, True),
        (Turn("who", None, "elsewhere"), "I can only help with your home.", False),
        (Turn("lamp", None, "unclear"), "Which one: the left or the right lamp?", True),
        (Turn("lamp", None, "unclear"), "Turned on the left lamp.", False),
        (Turn("hot tub", None, "cannot"), "I can't find such a device in your home.", True),
        (Turn("hot tub", None, "cannot"), "Turned on the hot tub.", False),
        (Turn("time", None, "answer", hear=("{time}",)), "It is 12:05.", True),
        (Turn("is it", None, "answer", hear=("locked",)), "", False),
    ],
)
def test_what_is_said_is_judged_too(turn: Turn, text: str, right: bool) -> None:
    assert judge(turn, [], {}, text, NOON).right is right
