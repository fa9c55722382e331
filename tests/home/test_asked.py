"""Plain words of the request that leave no doubt, whatever the model made of them."""

from dataclasses import replace

import pytest

from picoqwen_core.home.asked import settle
from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.home.history import History
from picoqwen_core.home.linker import link
from tests.home.house import home

LAMPS = ("light.kitchen", "light.ceiling")
ASKED = History("turn on the lamp", LAMPS, clarifying=True)


def settled(text: str, language: str, history: History) -> tuple[str, ...]:
    one = Act((Action("on", Target(LAMPS[:1])),))
    decision = settle(one, link(replace(home(), language=language), text, history), history)
    assert isinstance(decision, Act)
    return decision.actions[0].target.entities


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("all of course", "en"),
        ("yes please, both of them", "en"),
        ("alle bitte", "de"),
        ("toutes les deux", "fr"),
        ("todas", "es"),
        ("tutte e due", "it"),
        ("allemaal", "nl"),
    ],
)
def test_all_of_those_that_were_asked_about_means_each(text: str, language: str) -> None:
    assert settled(text, language, ASKED) == LAMPS


@pytest.mark.parametrize("text", ["the first one", "all lights in the kitchen", "both lamps off"])
def test_an_answer_that_says_more_is_the_models_to_read(text: str) -> None:
    assert settled(text, "en", ASKED) == LAMPS[:1]


def test_without_a_question_all_is_the_models_to_read() -> None:
    assert settled("all of course", "en", replace(ASKED, clarifying=False)) == LAMPS[:1]


@pytest.mark.parametrize(
    ("text", "before", "verb"),
    [
        ("give it another two minutes", "timer six minutes", "timer_more"),
        ("another two minutes please", "set a timer for six minutes", "timer_more"),
        ("another timer for two minutes", "timer six minutes", "timer_start"),
        ("two minutes", "timer six minutes", "timer_start"),
        ("another two minutes", "turn on the oven", "timer_start"),
    ],
)
def test_more_minutes_behind_talk_of_a_timer_are_for_that_one(text: str, before: str, verb: str) -> None:
    history = History(before, (), clarifying=False)
    start = Act((Action("timer_start", Target(everywhere=True), 120.0),))
    decision = settle(start, link(home(), text, history), history)
    assert isinstance(decision, Act)
    assert decision.actions[0].verb == verb


@pytest.mark.parametrize(("label", "name"), [("have passed", None), ("pasta", "pasta"), ("is over", None)])
def test_a_timer_is_not_called_by_words_that_say_it_is_over(label: str, name: str | None) -> None:
    start = Act((Action("timer_start", Target(everywhere=True), 120.0, label),))
    decision = settle(start, link(home(), "tell me when two minutes have passed"), None)
    assert isinstance(decision, Act)
    assert decision.actions[0].label == name
