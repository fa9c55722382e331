"""Answers about states in the languages beside English: true, short, in the language of the question."""

import pytest

from picoqwen_core.home.answers import answer
from picoqwen_core.home.decision import Query, Target
from picoqwen_core.home.reply import clarify
from picoqwen_core.messages import HomeArea, HomeContext
from tests.home.house import entity

AREAS = (HomeArea("k", "Küche"), HomeArea("w", "Wohnzimmer"))
ENTITIES = (
    entity("light.a", "Stehlampe", "w", state="on", brightness=40),
    entity("light.b", "Deckenlampe", "k", state="off"),
    entity("lock.t", "Haustür", "w", state="unlocked"),
    entity("binary_sensor.f", "Fenster", "k", state="on", device_class="window"),
    entity("climate.h", "Heizung", "w", state="heat", current_temperature=19.5),
    entity("sensor.p", "Leistung", "k", state="120.5", unit="W", device_class="power"),
    entity("light.c", "Deckenlampe", "w", state="unavailable"),
)


def told(language: str, kind: str, target: Target, asked: str | None = None) -> str:
    home = HomeContext(ENTITIES, AREAS, (), None, language, "2026-11-27T09:05:00+01:00")
    return answer(Query(kind, target, asked), home)


def one(*ids: str) -> Target:
    return Target(entities=ids)


LIGHTS = Target(everywhere=True, domain="light")


@pytest.mark.parametrize(
    ("kind", "target", "asked", "text"),
    [
        ("is", one("lock.t"), "locked", "Nein, Haustür: nicht abgeschlossen."),
        ("is", one("lock.t"), "unlocked", "Ja, Haustür: nicht abgeschlossen."),
        ("is", one("binary_sensor.f"), "open", "Ja, Fenster: offen."),
        ("is", one("light.c"), "on", "Das weiß ich nicht, Deckenlampe: nicht erreichbar."),
        ("which", LIGHTS, "on", "An: Stehlampe."),
        ("which", Target(area="k", domain="light"), "on", "Nein, Deckenlampe: aus."),
        ("count", LIGHTS, "on", "1 von 3: an."),
        ("value", Target(area="w"), "temperature", "Wohnzimmer: 19,5°."),
        ("value", one("sensor.p"), "state", "Leistung: 120,5 W."),
        ("value", one("light.a"), "state", "Stehlampe: an."),
        ("value", Target(area="k"), "humidity", "Dazu finde ich keinen Wert."),
        ("time", Target(), None, "Es ist 09:05 Uhr."),
        ("date", Target(), None, "Heute ist Freitag, der 27. November 2026."),
        ("is", one("light.gone"), "on", "So ein Gerät kann ich bei dir nicht finden."),
    ],
)
def test_a_german_answer_is_what_the_states_say(kind, target, asked, text: str) -> None:
    assert told("de-AT", kind, target, asked) == text


@pytest.mark.parametrize(
    ("language", "which", "no"),
    [
        ("fr", "Allumé : Stehlampe.", "Non, Haustür : non verrouillé."),
        ("es", "Encendido: Stehlampe.", "No, Haustür: sin cerrar con llave."),
        ("nl", "Aan: Stehlampe.", "Nee, Haustür: niet op slot."),
        ("it", "Acceso: Stehlampe.", "No, Haustür: non chiuso a chiave."),
    ],
)
def test_the_other_languages_answer_too(language: str, which: str, no: str) -> None:
    assert told(language, "which", LIGHTS, "on") == which
    assert told(language, "is", one("lock.t"), "locked") == no
    assert "2026" in told(language, "date", Target())
    assert "09:05" in told(language, "time", Target())


def test_which_one_is_asked_in_the_language_with_rooms_where_names_are_the_same() -> None:
    twins = [each for each in ENTITIES if each.name == "Deckenlampe"]
    home = HomeContext(ENTITIES, AREAS, (), None, "de")
    assert clarify(twins, home) == "Was ist gemeint: Deckenlampe (Küche) oder Deckenlampe (Wohnzimmer)?"
    assert clarify([], home) == "In welchem Raum?"
