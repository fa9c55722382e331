"""What is said after the tools have run is what they report."""

import json
from typing import Any

import pytest

from picoqwen_core.home import reply
from picoqwen_core.home.history import history_of
from picoqwen_core.home.results import read_result
from picoqwen_core.messages import Message, ToolCall
from tests.home.house import ENTITIES, home


def result(*succeeded: tuple[str, str], failed: tuple[tuple[str, str], ...] = ()) -> str:
    """An intent response as Home Assistant's LLM tools return it."""

    def targets(items: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
        return [{"type": "entity", "id": id_, "name": name} for id_, name in items]

    data = {"success": targets(succeeded), "failed": targets(failed)}
    return json.dumps({"data": {"response_type": "action_done", "data": data}, "error": False})


def conversation(*calls: tuple[str, dict[str, Any], str]) -> list[Message]:
    made = tuple(ToolCall(f"c{i}", name, arguments) for i, (name, arguments, _) in enumerate(calls))
    results = [Message("tool", content, tool_call_id=f"c{i}") for i, (_, _, content) in enumerate(calls)]
    return [Message("user", "please"), Message("assistant", tool_calls=made), *results]


def test_a_success_names_what_changed() -> None:
    done = result(("light.kitchen", "Kitchen Lamp"))
    assert reply.report(conversation(("intent__HassTurnOn", {"name": "Kitchen Lamp"}, done))) == (
        "Turned on the Kitchen Lamp."
    )


def test_turning_a_lock_on_is_said_as_locking() -> None:
    done = result(("lock.back", "Back Door"))
    assert reply.report(conversation(("HassTurnOn", {"name": "Back Door"}, done))) == "Locked the Back Door."


def test_several_calls_become_one_natural_sentence() -> None:
    calls = [("HassTurnOff", {}, result((f"light.{n}", f"{n} lamp"))) for n in ("desk", "wall", "hall")]
    assert reply.report(conversation(*calls)) == (
        "Turned off the desk lamp, the wall lamp and the hall lamp."
    )


def test_many_devices_are_counted() -> None:
    many = tuple((f"light.{i}", f"Lamp {i}") for i in range(7))
    assert reply.report(conversation(("HassTurnOff", {}, result(*many)))) == "Turned off 7 devices."


def test_a_partial_failure_is_told() -> None:
    partly = result(("light.a", "Lamp"), failed=(("light.b", "Spot"),))
    text = reply.report(conversation(("HassTurnOn", {}, partly)))
    assert text == "Turned on the Lamp. The Spot has not reacted."


def test_an_error_is_never_a_success() -> None:
    failure = json.dumps({"data": {"error": "MatchFailedError", "error_text": "no"}, "error": True})
    text = reply.report(conversation(("HassTurnOn", {"name": "Kitchen Lamp"}, failure)))
    assert text == "I couldn't do that with the Kitchen Lamp."


def test_a_result_that_names_nothing_claims_nothing() -> None:
    assert reply.report(conversation(("HassTurnOn", {}, result()))) == "Nothing was changed."
    assert reply.report(conversation(("HassTurnOn", {}, "garbage"))) == "That did not work."


def test_values_are_said() -> None:
    done = result(("light.kitchen", "Kitchen Lamp"))
    assert reply.report(conversation(("light__HassLightSet", {"brightness": 30}, done))) == (
        "Set the Kitchen Lamp to 30%."
    )
    assert reply.report(conversation(("light__HassLightSet", {"color": "red"}, done))) == (
        "Made the Kitchen Lamp red."
    )


def test_a_question_is_asked_about_what_is_unclear() -> None:
    lamps = [e for e in ENTITIES if e.id in ("light.left", "light.right")]
    assert reply.clarify(lamps, home()) == "Which one: the Left Bedside Lamp or the Right Bedside Lamp?"
    blinds = [e for e in ENTITIES if e.domain == "cover"]
    assert (
        reply.clarify(blinds, home())
        == "Which one: the Blinds in the Bedroom or the Blinds in the Living Room?"
    )
    assert reply.clarify((), home()) == "In which room?"


def test_the_turn_before_is_remembered_with_what_it_changed() -> None:
    done = result(("light.kitchen", "Kitchen Lamp"))
    messages = [*conversation(("HassTurnOn", {}, done)), Message("assistant", "Turned on the Kitchen Lamp.")]
    history = history_of([*messages, Message("user", "turn it off again")], home())
    assert history is not None
    assert history.previous_text == "please"
    assert history.previous_entities == ("light.kitchen",)
    assert not history.clarifying


def test_our_own_question_is_remembered_with_its_choices() -> None:
    asked = "Which one: the Left Bedside Lamp or the Right Bedside Lamp?"
    messages = [Message("user", "lamp on"), Message("assistant", asked), Message("user", "the left one")]
    history = history_of(messages, home())
    assert history is not None
    assert history.clarifying
    assert history.previous_entities == ("light.left", "light.right")


def test_a_first_request_has_no_history() -> None:
    assert history_of([Message("user", "lamp on")], home()) is None


def test_results_are_read_bare_or_wrapped() -> None:
    wrapped = result(("light.a", "Lamp"))
    bare = json.dumps(json.loads(wrapped)["data"])
    assert read_result(wrapped) == read_result(bare)
    assert read_result(bare).succeeded == (("light.a", "Lamp"),)


def test_what_was_done_to_timers_and_list_items_is_told() -> None:
    none = result()
    for tool, arguments, said in (
        ("HassIncreaseTimer", {"minutes": 2}, "Added 2 minutes to the timer."),
        ("HassDecreaseTimer", {"hours": 1, "seconds": 30}, "Took 1 hour and 30 seconds off the timer."),
        ("HassCancelTimer", {"name": "pasta"}, "Cancelled the pasta timer."),
        ("HassPauseTimer", {}, "Paused the timer."),
        ("HassUnpauseTimer", {"name": "tea"}, "Resumed the tea timer."),
        ("HassListRemoveItem", {"name": "Groceries", "item": "milk"}, "Removed milk from the Groceries."),
        ("HassBroadcast", {"message": "dinner"}, "Announced it."),
    ):
        assert reply.report(conversation((f"intent__{tool}", arguments, none))) == said


def seen(*targets: tuple[str, str], error: bool = False) -> str:
    """A result as our integration makes it: targets with "already", or with the reason of a failure."""
    rows = [{"type": "entity", "id": f"light.{name}", "name": name, "reason": why} for name, why in targets]
    done = [
        {**row, "already": row.pop("reason") == "already"} for row in rows if row["reason"] in ("", "already")
    ]
    failed = [row for row in rows if "reason" in row]
    data = {"response_type": "action_done", "data": {"success": done, "failed": failed}}
    return json.dumps({"data": data, "error": error})


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([("Spot", "unable")], "The Spot can't do that."),
        ([("Spot", "unavailable")], "The Spot is not available."),
        ([("Spot", "otherwise")], "The Spot is not as you wanted it."),
        ([("Spot", "no_reaction"), ("Lamp", "no_reaction")], "The Spot and the Lamp have not reacted."),
        ([("Spot", "already")], "The Spot was like that already."),
        ([("Spot", ""), ("Lamp", "already")], "Turned on the Spot."),
        ([("Spot", ""), ("Lamp", "unavailable")], "Turned on the Spot. The Lamp is not available."),
    ],
)
def test_what_was_not_done_is_told_with_its_reason(targets: list[tuple[str, str]], said: str) -> None:
    failed = all(why not in ("", "already") for _, why in targets)
    content = seen(*targets, error=failed)
    assert reply.report(conversation(("intent__HassTurnOn", {"area": "Hall"}, content))) == said


@pytest.mark.parametrize(
    ("language", "why", "said"),
    [
        ("de", "unable", "Kann das nicht: Spot."),
        ("de-AT", "already", "War schon so: Spot."),
        ("fr", "unavailable", "Injoignable: Spot."),
        ("es", "no_reaction", "Sin respuesta: Spot."),
        ("nl", "unable", "Kan dat niet: Spot."),
        ("nl", "otherwise", "Niet zoals gevraagd: Spot."),
        ("it", "already", "Era già così: Spot."),
    ],
)
def test_it_is_told_in_other_languages_too(language: str, why: str, said: str) -> None:
    content = seen(("Spot", why), error=why in ("unable", "unavailable"))
    assert reply.report(conversation(("HassTurnOn", {"name": "Spot"}, content)), language) == said


@pytest.mark.parametrize("tool", ["HassListAddItem", "HassHumidifierSetpoint"])
def test_a_list_or_a_humidifier_that_is_away_is_told_to_be(tool: str) -> None:
    content = seen(("Spot", "unavailable"), error=True)
    calls = conversation((tool, {"name": "Spot", "item": "milk", "humidity": 40}, content))
    assert reply.report(calls) == "The Spot is not available."
    assert reply.report(calls, "de") == "Nicht erreichbar: Spot."


def test_of_a_whole_home_only_what_was_changed_is_told() -> None:
    off = [("HassTurnOff", {"name": each}, seen((each, "already"))) for each in ("Spot", "Lamp")]
    changed = ("HassTurnOff", {"name": "Fan"}, seen(("Fan", "")))
    assert reply.report(conversation(*off, changed)) == "Turned off the Fan."
    assert reply.report(conversation(*off, changed), "de") == "Ausgeschaltet: Fan."
    assert reply.report(conversation(*off)) == "The Spot and the Lamp were like that already."
    many = [("HassTurnOff", {}, seen((f"Lamp {n}", "no_reaction"))) for n in range(9)]
    assert reply.report(conversation(*many)) == "9 devices have not reacted."
    blinds = ("HassTurnOn", {"name": "Blinds"}, seen(("Blinds", "already")))
    assert reply.report(conversation(blinds, changed)) == (
        "Turned off the Fan. The Blinds were like that already."
    )
