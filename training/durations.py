"""Durations as people say them: "half an hour", "one hour and twenty minutes", "90 secs"."""

import random

from training.values import in_words, spoken_number

_UNITS = (("minute", 60),) * 9 + (("second", 1), ("hour", 3600)) * 4 + (("min", 60), ("sec", 1), ("hr", 3600))
_SPOKEN = (
    ("half an hour", 1800.0),
    ("an hour", 3600.0),
    ("an hour and a half", 5400.0),
    ("a minute", 60.0),
    ("one minute", 60.0),
    ("1 hour and 20 minutes", 4800.0),
    ("a quarter of an hour", 900.0),
    ("three quarters of an hour", 2700.0),
    ("half a minute", 30.0),
    ("a couple of minutes", 120.0),
    ("ninety seconds", 90.0),
    ("a minute and a half", 90.0),
    ("one and a half hours", 5400.0),
    ("two and a half hours", 9000.0),
    ("a couple of hours", 7200.0),
    ("an hour and ten minutes", 4200.0),
    ("an hour and fifteen minutes", 4500.0),
    ("a minute and thirty seconds", 90.0),
    ("two hours and a half", 9000.0),
    ("two minutes and a half", 150.0),
    ("three and a half minutes", 210.0),
    ("thirty seconds", 30.0),
    ("sixty minutes", 3600.0),
    ("a half hour", 1800.0),
    ("1 hr", 3600.0),
)


def draw_duration(rng: random.Random) -> tuple[str, float]:
    """A duration as said, and in seconds."""
    draw = rng.random()
    if draw < 0.2:
        return rng.choice(_SPOKEN)
    if draw < 0.3:
        return _two_units(rng)
    unit, seconds = rng.choice(_UNITS)
    number: float = rng.choice((rng.randint(2, 59), rng.choice((5, 10, 15, 20, 30, 45))))
    if rng.random() < 0.06:
        number = rng.randint(1, 9) + 0.5
        return f"{in_words(number) if rng.random() < 0.5 else f'{number:g}'} {unit}s", number * seconds
    return f"{spoken_number(number, rng)} {unit}{rng.choice(('s', 's', 's', ''))}", float(number * seconds)


def _two_units(rng: random.Random) -> tuple[str, float]:
    """ "One hour and twenty minutes"; "and" may be left out."""
    larger, smaller, unit = rng.choice((("hour", "minute", 60), ("minute", "second", 1)))
    first, second = rng.randint(1, 12), rng.choice((5, 10, 15, 20, 25, 30, 45, rng.randint(2, 59)))
    plural = "" if first == 1 else "s"
    joiner = rng.choice((" and ", " and ", " "))
    words = f"{spoken_number(first, rng)} {larger}{plural}{joiner}{spoken_number(second, rng)} {smaller}s"
    return words, float((first * 60 + second) * unit)
