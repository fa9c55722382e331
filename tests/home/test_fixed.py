"""Sentences that never vary are said in the language of the home."""

import pytest

from picoqwen_core.home import foreign
from picoqwen_core.home.fixed import _SENTENCES, fixed
from picoqwen_core.home.results import ToolOutcome
from picoqwen_core.messages import ToolCall


def test_every_language_has_every_sentence() -> None:
    assert set(_SENTENCES) == {"de", "fr", "es", "nl", "it"}
    assert len({frozenset(sentences) for sentences in _SENTENCES.values()}) == 1


@pytest.mark.parametrize(
    ("language", "said"), [("de-CH", "In welchem Raum?"), ("en", "Where?"), ("tlh", "Where?")]
)
def test_a_region_is_no_matter_and_english_stands_for_what_is_not_known(language: str, said: str) -> None:
    assert fixed("which_room", language, "Where?") == said


def test_what_was_done_and_what_was_not_is_told_in_the_language_of_the_home() -> None:
    off = ToolCall("1", "intent__HassTurnOff", {"area": "Küche"})
    outcome = ToolOutcome((("light.a", "Lampe"), ("lock.b", "Haustür")), (("light.c", "Strahler"),))
    failed = ToolCall("2", "HassTurnOn", {"name": "Radio"})

    said = foreign.told("de", [(off, outcome), (failed, ToolOutcome(error="broken"))])

    assert said == (
        "Keine Reaktion: Strahler. Ausgeschaltet: Lampe. Aufgeschlossen: Haustür. "
        "Das hat nicht geklappt: Radio."
    )
    assert foreign.told("it", [(off, ToolOutcome())]) == "Non è cambiato nulla."
    assert not foreign.speaks("en")
