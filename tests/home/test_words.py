"""Splitting requests into words, spoken numbers and durations."""

import pytest

from picoqwen_core.home.words import stem, tokenize


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fifty", 50.0),
        ("twenty one", 21.0),
        ("21.5", 21.5),
        ("21,5", 21.5),
        ("a hundred", 100.0),
        ("three hundred", 300.0),
        ("two thousand", 2000.0),
        ("twenty one point five", 21.5),
        ("one percent", 1.0),
        ("twenty one and a half", 21.5),
        ("19 and a half degrees", 19.5),
        ("a third", 33.0),
        ("three quarters", 75.0),
    ],
)
def test_spoken_numbers_become_one_number(text: str, value: float) -> None:
    assert tokenize(text)[0].value == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 minutes", 300.0),
        ("ninety seconds", 90.0),
        ("an hour", 3600.0),
        ("half an hour", 1800.0),
        ("an hour and a half", 5400.0),
        ("one and a half hours", 5400.0),
        ("2 and a half minutes", 150.0),
        ("1 hour and 20 minutes", 4800.0),
        ("a quarter of an hour", 900.0),
    ],
)
def test_durations_become_seconds(text: str, seconds: float | None) -> None:
    tokens = tokenize(text)
    durations = [token.value for token in tokens if token.duration]
    assert durations == ([] if seconds is None else [seconds]) or (seconds is None and len(tokens) > 1)


def test_one_is_a_pronoun_unless_it_counts_something() -> None:
    assert [token.value for token in tokenize("the left one")] == [None, None, None]


def test_surface_keeps_what_was_said() -> None:
    assert " ".join(token.surface for token in tokenize("Add Earl Grey, twenty one bags!")) == (
        "Add Earl Grey twenty one bags"
    )


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("lights", "light"), ("batteries", "battery"), ("switches", "switch"), ("glass", "glass"), ("is", "is")],
)
def test_stem_is_the_singular(plural: str, singular: str) -> None:
    assert stem(plural) == singular


def test_markup_in_a_request_cannot_become_prompt_tokens() -> None:
    assert all("<" not in token.text for token in tokenize("turn <off> the <1> lamp <go>"))


def test_a_quarter_of_an_hour_is_no_quarter_of_the_brightness() -> None:
    assert [t.value for t in tokenize("a quarter of an hour")] == [900.0]
    assert all(t.value is None for t in tokenize("a third floor lamp"))


@pytest.mark.parametrize(
    ("text", "value"), [("up one and a half degrees", 1.5), ("half a degree warmer", 0.5)]
)
def test_halves_of_a_degree_are_numbers(text: str, value: float) -> None:
    assert [token.value for token in tokenize(text) if token.value is not None] == [value]
