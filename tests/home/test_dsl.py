"""The output language of the built-in model: decisions to tokens and back."""

import pytest

from picoqwen_core.home.decision import Act, Action, Cannot, Clarify, Decision, Escalate, Query, Target
from picoqwen_core.home.dsl import UndecodableError, decode, encode, special_tokens
from picoqwen_core.home.linker import link
from tests.home.house import entity, home

LAMP = Target(("light.kitchen",))
TIMER = Target(everywhere=True)

CASES: list[tuple[str, Decision, str]] = [
    ("turn off the kitchen lamp", Act((Action("off", LAMP),)), "<off><1>"),
    (
        "set the bedroom lights to fifty percent",
        Act((Action("brightness", Target(area="bedroom", domain="light"), 50.0),)),
        "<brightness><d:light><a1><n1>",
    ),
    (
        "open the blinds in the bedroom and turn the kitchen lamp red",
        Act((Action("open", Target(("cover.bedroom",))), Action("color", LAMP, "red"))),
        "<open><1><color><2> red",
    ),
    ("lights off", Act((Action("off", Target(area="living", domain="light")),)), "<off><d:light><here>"),
    (
        "all lights off",
        Act((Action("off", Target(everywhere=True, domain="light")),)),
        "<off><d:light><all>",
    ),
    ("kitchen lamp to half", Act((Action("brightness", LAMP, "half"),)), "<brightness><1><half>"),
    (
        "add Kitchen towels to the shopping list",
        Act((Action("list_add", Target(("todo.shopping",)), "Kitchen towels"),)),
        "<list_add><1><area><a1> towels",
    ),
    (
        "is the garden door locked",
        Query("is", Target(("lock.back",)), "locked"),
        "<q:is><1> locked",
    ),
    (
        "which lights are on upstairs",
        Query("which", Target(floor="upper", domain="light"), "on"),
        "<q:which><d:light><f1> on",
    ),
    ("what time is it", Query("time"), "<q:time>"),
    ("turn on the bedside lamp", Clarify(("light.left", "light.right")), "<which?><1><2>"),
    ("turn on the dishwasher", Cannot("unknown_device"), "<cannot:unknown_device>"),
    ("who wrote Hamlet", Escalate(), "<escalate>"),
    ("timer for half an hour", Act((Action("timer_start", TIMER, 1800.0),)), "<timer_start><all><n1>"),
]


@pytest.mark.parametrize(("text", "decision", "output"), CASES, ids=[case[2] for case in CASES])
def test_a_decision_survives_the_round_trip(text: str, decision: Decision, output: str) -> None:
    linked = link(home(), text)
    assert encode(decision, linked) == output
    assert decode(output + "<end>", linked) == decision


def test_a_slip_in_copied_text_snaps_to_what_was_said() -> None:
    linked = link(home(), "add oat milk to the shopping list")
    decision = decode("<list_add><1> oat mild", linked)
    assert decision == Act((Action("list_add", Target(("todo.shopping",)), "oat milk"),))


@pytest.mark.parametrize(
    "output",
    [
        "",
        "hello",
        "<off>",
        "<off><9>",
        "<off><a2>",
        "<brightness><1><n3>",
        "<list_add><1> qqqq zzzz vvvv",
        "<off><1><n1><n2>garbage<nonsense>",
    ],
)
def test_what_means_nothing_is_refused(output: str) -> None:
    with pytest.raises(UndecodableError):
        decode(output, link(home(), "turn off the kitchen lamp and the shopping list"))


def test_here_asks_for_the_room_when_nobody_knows_where_the_speaker_is() -> None:
    assert decode("<off><d:light><here>", link(home(None), "lights off")) == Clarify(())


def test_here_means_the_only_one_of_the_home_where_the_room_has_none() -> None:
    mower = entity("lawn_mower.shaun", "Shaun")
    for area in (None, "kitchen"):
        decision = decode("<mower_start><d:lawn_mower><here>", link(home(area, mower), "mow"))
        assert decision == Act((Action("mower_start", Target(("lawn_mower.shaun",))),))


def test_a_group_less_something_and_named_timers_come_back_whole() -> None:
    linked = link(home("kitchen"), "all lights off except the kitchen, pizza timer 5 minutes")
    excluded = Target(everywhere=True, domain="light", excluding=Target(area="kitchen", domain="light"))
    wanted = Act(
        (Action("off", excluded), Action("timer_start", Target(everywhere=True), 300.0, "pizza")),
    )
    assert decode(encode(wanted, linked), linked) == wanted


def test_a_command_for_later_is_kept_without_its_duration() -> None:
    linked = link(home("kitchen"), "turn off the kitchen lamp in 10 minutes")
    (action,) = decode("<delayed><all><n1>", linked).actions  # type: ignore[union-attr]
    assert (action.value, action.label) == (600.0, "turn off the kitchen lamp")


def test_an_entity_that_is_no_candidate_cannot_be_a_label() -> None:
    with pytest.raises(UndecodableError, match=r"light\.left"):
        encode(Act((Action("on", Target(("light.left",))),)), link(home(None), "kitchen lamp on"))


def test_special_tokens_are_unique() -> None:
    assert len(special_tokens()) == len(set(special_tokens()))


def test_what_plays_is_meant_where_no_room_is_known() -> None:
    house = home(None, entity("media_player.radio", "Radio", "kitchen", state="playing"))
    linked = link(house, "pause the music")
    assert decode("<pause><d:media_player><here>", linked) == Act(
        (Action("pause", Target(("media_player.radio",))),)
    )
    twice = home(None, *(entity(f"media_player.{n}", n, "kitchen", state="playing") for n in ("one", "two")))
    assert decode("<pause><d:media_player><here>", link(twice, "pause the music")) == Clarify(())


def test_an_item_is_taken_up_to_the_name_of_its_list() -> None:
    for said, written, item in (
        ("add coffee beans to the shopping list", " coffee", "coffee beans"),
        ("add milk to the shopping list", " milk", "milk"),
        ("add milk and call mum to the shopping list", " milk", "milk"),
    ):
        decision = decode(f"<list_add><1>{written}", link(home(), said))
        assert decision == Act((Action("list_add", Target(("todo.shopping",)), item),))
