"""Misheard names are written as the home has them, and what was not misheard stays."""

import pytest

from picoqwen_core.home.hearing import heard
from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity


def a_home(language: str, *names: str) -> HomeContext:
    entities = tuple(
        HomeEntity(id=f"light.n{index}", name=name, state="off", domain="light")
        for index, name in enumerate(names)
    )
    return HomeContext(entities=entities, areas=(HomeArea("den", "Den"),), language=language)


ENGLISH = a_home(
    "en", "Reading lamp", "Bluebird", "Greenhouse heater", "Den shade", "Left sconce", "Weather", "Sonata"
)
OTHERS = {
    "de": a_home("de", "Schreibtischlampe", "Stehleuchte"),
    "fr": a_home("fr", "Volet roulant", "Abat-jour"),
    "es": a_home("es", "Luz de la cocina", "Vitrina"),
    "it": a_home("it", "Abat-jour", "Tapparella"),
}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("turn on the redding lamp", "turn on the Reading lamp"),
        ("turn on the blue bird", "turn on the Bluebird"),
        ("turn on the green house heat her", "turn on the Greenhouse heater"),
        ("close the den shape", "close the Den shade"),
        ("dim the left skonce", "dim the Left sconce"),
    ],
)
def test_what_sounds_like_a_name_is_that_name(said: str, meant: str) -> None:
    assert heard(said, ENGLISH) == meant


@pytest.mark.parametrize(
    ("language", "said", "meant"),
    [
        ("de", "mach die Schreib Tisch Lampe an", "mach die Schreibtischlampe an"),
        ("fr", "ferme le volé roulan", "ferme le Volet roulant"),
        ("es", "apaga la lus de la cosina", "apaga la Luz de la cocina"),
        ("es", "apaga la bitrina", "apaga la Vitrina"),
        ("it", "apri la taparella", "apri la Tapparella"),
    ],
)
def test_each_language_writes_its_sounds_in_its_own_way(language: str, said: str, meant: str) -> None:
    assert heard(said, OTHERS[language]) == meant


@pytest.mark.parametrize(
    "said",
    [
        "turn on the reading lamp",
        "the plants need water",
        "turn on the bedding lamp",
        "turn on the right sconce",
        "open the green door",
        "turn on the sauna",
        "play some music",
    ],
)
def test_what_is_another_word_or_a_name_already_stays(said: str) -> None:
    assert heard(said, ENGLISH) == said


def test_of_two_names_that_sound_alike_neither_is_meant() -> None:
    assert (
        heard("turn on the lantren", a_home("en", "Lantern", "Lantren A", "Lanterm")) == "turn on the lantren"
    )


@pytest.mark.parametrize(
    ("said", "meant"), [("turn on the sonarta", "Sonata"), ("turn on the sontaa", "Sonata")]
)
def test_a_single_word_will_do_where_some_device_was_surely_named(said: str, meant: str) -> None:
    assert heard(said, ENGLISH) == said
    assert heard(said, ENGLISH, unknown=True) == f"turn on the {meant}"
