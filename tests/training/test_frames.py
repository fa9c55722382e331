"""Words around a request: they are there, and they change nothing about what is meant."""

import random
from collections import Counter
from itertools import islice

import pytest

from picoqwen_core.home.decision import Act, Action, Decision, Escalate, Target
from picoqwen_core.home.gloss import LANGUAGES
from picoqwen_core.messages import HomeContext
from training.draw import draws, foreign_draws, label
from training.frames import framed
from training.turns import Turn

NOTHING = Escalate()


def many(text: str, category: str, language: str, decision: Decision = NOTHING) -> list[str]:
    rng = random.Random(1)
    return [framed(Turn(text, decision, ""), category, language, rng).text for _ in range(3000)]


@pytest.mark.parametrize(
    ("language", "command", "asked"),
    [
        (
            "en",
            "turn off the lamp",
            ("you turn off the lamp", "to turn off the lamp", "turning off the lamp"),
        ),
        ("en", "set it to 5", ("setting it to 5",)),
        (
            "de",
            "mach die Lampe an",
            ("die Lampe anmachen", "die Lampe anmachen könntest", "mach die Lampe an"),
        ),
        ("de", "die Lampe ausschalten", ("du die Lampe ausschalten",)),
        ("nl", "doe de lamp aan", ("de lamp aandoen",)),
        ("fr", "allume la lampe", ("allumer la lampe", "que tu allumes la lampe", "et allume la lampe")),
        ("es", "enciende la luz", ("encender la luz", "que enciendas la luz", "y enciende la luz")),
        ("it", "spegni la luce", ("spegnere la luce", "che tu spenga la luce", "e spegni la luce")),
    ],
)
def test_a_command_is_asked_for_in_the_form_that_fits(language, command, asked):
    drawn = many(command, "action", language)
    for words in asked:
        assert any(words in text for text in drawn), words


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_most_are_left_as_they_are_and_few_are_the_same(language):
    drawn = Counter(many("kitchen lamp 50", "action", language))
    assert 0.7 < drawn["kitchen lamp 50"] / 3000 < 0.9
    assert len(drawn) > 450


@pytest.mark.parametrize("category", ["question", "follow_up", "near", "occasion"])
def test_nothing_is_said_behind_what_is_no_command(category):
    assert all(text.endswith("is it on") for text in many("is it on", category, "en"))


def test_words_that_are_copied_stay_the_last_ones():
    add = Act((Action("list_add", Target(everywhere=True, domain="todo"), "oat milk"),))
    assert all(text.endswith("oat milk") for text in many("add oat milk", "list", "en", add))


@pytest.mark.parametrize("language", ["en", "de", "it"])
def test_what_is_meant_can_still_be_told(language):
    stream = draws(7, "train") if language == "en" else foreign_draws(7, "train", language)
    rng, rows = random.Random(2), list(islice(stream, 400))
    kept = [(home, turn, framed(turn, category, language, rng)) for category, home, turn in rows]
    changed = [(home, turn, new) for home, turn, new in kept if new.text != turn.text]
    assert len(changed) > 40
    lost = [new.text for home, turn, new in changed if is_told(home, turn) and not is_told(home, new)]
    assert len(lost) <= 0.03 * len(changed), lost
    assert all(new.decision is turn.decision and new.history is turn.history for _, turn, new in changed)


def is_told(home: HomeContext, turn: Turn) -> bool:
    return label(home, turn) is not None
