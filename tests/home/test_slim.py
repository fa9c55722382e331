"""Templates that share what is the same in them match as those that hassil makes."""

from collections.abc import Iterator
from typing import Any

import pytest
from hassil.expression import Expression, Group
from hassil.intents import Intents

from picoqwen_core.home.rules import recognize, sentences
from picoqwen_core.home.rules.match import Match
from picoqwen_core.home.rules.names import names_of
from tests.home.test_rules import home

SENTENCES = {
    "de": (
        "schalte die Stehlampe aus",
        "mach das Licht im Schlafzimmer an",
        "dimm die Stehlampe auf dreißig Prozent",
        "stell die Heizung im Wohnzimmer auf 21,5 Grad",
        "setze Bananen auf die Einkaufsliste",
        "stell einen Timer auf eineinhalb Stunden",
        "ist die Haustür abgeschlossen",
        "wie spät ist es",
        "erzähl mir einen Witz",
    ),
    "en": ("turn off the Radio", "set a timer for ninety seconds", "what is the temperature in the Küche"),
    "fr": ("éteins la Radio", "mets un minuteur de cinq minutes", "quelle heure est-il"),
    "es": ("apaga la Radio", "pon un temporizador de cinco minutos", "qué hora es"),
    "nl": ("zet de Radio uit", "zet een timer op vijf minuten", "hoe laat is het"),
    "it": ("spegni la Radio", "imposta un timer di cinque minuti", "che ore sono"),
}


@pytest.mark.parametrize("language", SENTENCES)
def test_the_same_is_matched(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = matches(language)
    monkeypatch.setattr(sentences, "slim", lambda intents: intents)
    monkeypatch.setattr(recognize, "templates", sentences.templates.__wrapped__)
    assert small == matches(language)
    assert sum(match is not None for match in small) >= len(small) - 1


def test_less_than_a_third_of_the_objects_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    small = size(sentences.templates("de"))
    monkeypatch.setattr(sentences, "slim", lambda intents: intents)
    assert small < size(sentences.templates.__wrapped__("de")) / 3


def matches(language: str) -> list[Match | None]:
    names = names_of(home("wohnen"))
    return [recognize.recognized(text, names, language) for text in SENTENCES[language]]


def size(intents: Intents) -> int:
    """How many expressions there are, each counted once."""
    trees = [rule.expression for rule in intents.expansion_rules.values()]
    for intent in intents.intents.values():
        trees += [sentence.expression for data in intent.data for sentence in data.sentences]
    return len({id(part): part for tree in trees for part in parts(tree)})


def parts(expression: Expression) -> Iterator[Any]:
    yield expression
    if isinstance(expression, Group):
        for item in expression.items:
            yield from parts(item)
