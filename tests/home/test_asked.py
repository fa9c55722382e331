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
