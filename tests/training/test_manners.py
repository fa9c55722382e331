"""Ways of asking, and announcements: what is said around a request, and what is copied from it."""

import random

import pytest

from picoqwen_core.home.decision import Act
from training.announcements import draw_broadcast
from training.homes import random_home
from training.manners import asked, called, courtesy, reason


def test_a_command_is_asked_for_in_many_ways_and_kept_whole() -> None:
    rng = random.Random(1)
    drawn = {asked("turn on the lamp", rng) for _ in range(500)}
    assert len(drawn) > 200
    assert all(
        text and text.endswith(("turn on the lamp", "turning on the lamp", "would you")) for text in drawn
    )
    assert any(text and "turning on the lamp" in text for text in drawn)


@pytest.mark.parametrize("text", ["lights off", "it's dark in here", "pause", "light please", "the lamp off"])
def test_what_is_no_command_is_not_asked_for(text: str) -> None:
    assert asked(text, random.Random(2)) is None


def test_no_slot_is_left_in_what_is_said_around_a_request() -> None:
    rng = random.Random(3)
    around = [
        called(rng) + courtesy(rng) + reason(rng, before=True) + reason(rng, before=False) for _ in range(300)
    ]
    assert not any(mark in text for text in around for mark in "{}[]()|")


def test_an_announcement_says_its_message_word_for_word() -> None:
    rng = random.Random(4)
    home = random_home(rng, "train")
    messages = set()
    for _ in range(500):
        drawn = draw_broadcast(home, "train", rng)
        assert isinstance(drawn.decision, Act)
        message = drawn.decision.actions[0].value
        assert isinstance(message, str)
        assert message in drawn.text
        assert "{" not in drawn.text
        messages.add(message)
    assert len(messages) > 300
