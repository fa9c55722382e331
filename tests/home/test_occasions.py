"""Occasions that are told, and the scenes and scripts for them."""

import pytest

from picoqwen_core.home.linker import link
from picoqwen_core.home.occasions import for_occasion
from picoqwen_core.home.words import tokenize
from tests.home.house import entity, home

NIGHT = entity("script.night", "Good Night")
AWAY = entity("script.away", "Goodbye")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("i'm going to bed", ["script.night"]),
        ("we're leaving", ["script.away"]),
        ("we're going to watch a film", ["scene.movie"]),
        ("what is the capital of france", []),
    ],
)
def test_what_is_told_brings_up_what_is_called_so(said: str, meant: list[str]) -> None:
    words = {token.text for token in tokenize(said)}
    assert [each.id for each in for_occasion(home(None, NIGHT, AWAY), words)] == meant


def test_the_model_is_shown_what_fits_the_occasion() -> None:
    linked = link(home("living", NIGHT, AWAY), "i'm going to bed")
    assert "script.night" in [each.entity.id for each in linked.candidates]


def test_a_command_with_a_device_brings_up_nothing() -> None:
    linked = link(home(None, NIGHT, AWAY), "leave the lights on")
    assert all(each.entity.domain != "script" for each in linked.candidates)
