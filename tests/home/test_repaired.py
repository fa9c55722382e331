"""What is put right in the same breath."""

import pytest

from picoqwen_core.home.repaired import repaired
from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity


def a_home(language: str, rooms: tuple[str, str], names: tuple[str, str]) -> HomeContext:
    areas = tuple(HomeArea(name.casefold(), name) for name in rooms)
    entities = tuple(
        HomeEntity(id=f"switch.n{index}", name=name, state="off", domain="switch", area=areas[index].id)
        for index, name in enumerate(names)
    )
    return HomeContext(entities=entities, areas=areas, language=language)


HOMES = {
    "en": a_home("en", ("Kitchen", "Attic"), ("Toaster", "Big pump")),
    "de": a_home("de", ("Küche", "Keller"), ("Toaster", "Pumpe")),
    "fr": a_home("fr", ("Cuisine", "Cave"), ("Bouilloire", "Pompe")),
    "es": a_home("es", ("Cocina", "Sótano"), ("Tostadora", "Bomba")),
    "nl": a_home("nl", ("Keuken", "Kelder"), ("Waterkoker", "Pomp")),
    "it": a_home("it", ("Cucina", "Cantina"), ("Tostapane", "Pompa")),
}


@pytest.mark.parametrize(
    ("language", "said", "meant"),
    [
        ("en", "turn on the toaster, no wait, the big pump", "turn on the big pump"),
        ("en", "turn the toaster off no sorry the big pump", "turn the big pump off"),
        ("en", "toaster off... um, the big pump, I mean", "the big pump off"),
        ("en", "turn on the lights in the kitchen, I mean in the attic", "turn on the lights in the attic"),
        ("en", "set it to 30, no, 40 percent", "set it to 40 percent"),
        ("en", "a timer for ten minutes, sorry, twelve minutes", "a timer for twelve minutes"),
        ("de", "mach den Toaster an, äh nein, die Pumpe an", "mach die Pumpe an"),
        ("de", "auf 20 Grad, ach was, auf 21 Grad", "auf 21 Grad"),
        ("fr", "allume la bouilloire, non pardon, la pompe", "allume la pompe"),
        ("es", "enciende la tostadora, no, perdona, la bomba", "enciende la bomba"),
        ("nl", "doe de waterkoker aan, nee sorry, de pomp", "doe de pomp aan"),
        ("it", "accendi il tostapane, no scusa, la pompa", "accendi la pompa"),
    ],
)
def test_what_is_said_last_is_meant(language: str, said: str, meant: str) -> None:
    assert repaired(said, HOMES[language]) == meant


@pytest.mark.parametrize(
    "said",
    [
        "turn on the toaster",
        "no wait, the big pump",
        "turn off the toaster, actually leave it on and turn on the big pump",
        "add milk, no, bread to the list",
        "turn on the toaster, no, make it louder",
        "there is no toaster in the kitchen",
    ],
)
def test_all_else_is_left_to_the_model(said: str) -> None:
    assert repaired(said, HOMES["en"]) == said
