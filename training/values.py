"""Values as people say them: numbers in digits and words, shares, degrees, colours, whites, items, titles."""

import random

from training.pools import COLORS, ITEMS, MEDIA, MODES, nonsense_word

_WHITES = (
    ("warm white", "warm"),
    ("warm", "warm"),
    ("cool white", "cool"),
    ("cold white", "cool"),
    ("daylight", "daylight"),
    ("neutral white", "neutral"),
    ("soft white", "warm"),
    ("candle light", "candle"),
    ("candlelight", "candle"),
    ("a warm white", "warm"),
    ("cosy warm white", "warm"),
    ("a cool white", "cool"),
    ("bright daylight", "daylight"),
    ("natural white", "neutral"),
    ("ice cold white", "cool"),
)
_FRACTIONS = (
    ("a third", 33.0),
    ("one third", 33.0),
    ("two thirds", 67.0),
    ("a quarter", 25.0),
    ("three quarters", 75.0),
    ("a fifth", 20.0),
    ("one quarter", 25.0),
)
_WHITE_WORDS = (("warmer", "warm"), ("warm", "warm"), ("cooler", "cool"), ("cold", "cool"))
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_PERCENT = (" percent", "%", " percent", "", " per cent", " %")
_IN_WORDS = 0.35


def in_words(number: float) -> str:
    """A number from 0 to 100, with halves, in words: "twenty one and a half"."""
    whole, half = divmod(number, 1)
    rest = int(whole)
    if rest == 100:
        text = "a hundred"
    elif rest < len(_SMALL):
        text = _SMALL[rest]
    else:
        text = _TENS[rest // 10 - 2] + (f" {_SMALL[rest % 10]}" if rest % 10 else "")
    return f"{text} and a half" if half else text


def spoken_number(number: float, rng: random.Random) -> str:
    """A number in digits or words."""
    if rng.random() >= _IN_WORDS or number % 0.5:
        return f"{number:g}"
    if number % 1 and rng.random() < 0.5:
        return in_words(number - 0.5) + " point five"
    return in_words(number)


def draw_value(kind: str | None, split: str, rng: random.Random) -> tuple[str, float | str | None]:
    """A value as said, and as meant."""
    match kind:
        case "percent" | "fraction" | "degrees":
            return _draw_number(kind, rng)
        case "percent_step" | "degrees_step":
            return _draw_step(kind, rng)
        case "media":
            title = rng.choice(MEDIA[split])
            if rng.random() < 0.4:
                title = " ".join(nonsense_word(rng) for _ in range(rng.randint(1, 3)))
            return title, title
        case "color":
            color = rng.choice(COLORS)
            return color, color
        case "white" | "white_word":
            return _draw_white(kind, rng)
        case "mode":
            mode = rng.choice(MODES[split]).replace("_", " ").casefold()
            mode = mode if rng.random() < 0.8 else nonsense_word(rng)
            return mode, mode
        case "item":
            item = rng.choice(ITEMS[split])
            if rng.random() < 0.35:
                item = " ".join(nonsense_word(rng) for _ in range(rng.randint(1, 3)))
            if rng.random() < 0.15:
                item += " and " + rng.choice(ITEMS[split])
            return item, item
        case _:
            return "", kind


def _draw_number(kind: str, rng: random.Random) -> tuple[str, float]:
    """A share of the whole, or degrees, of either scale: as said, and as meant."""
    if kind == "fraction":
        return rng.choice(_FRACTIONS)
    if kind == "percent":
        number: float = rng.choice((*range(5, 101, 5), rng.randint(1, 100)))
        said = spoken_number(number, rng)
        # "One" without a unit is no number to a listener.
        return said + (" percent" if number == 1 else rng.choice(_PERCENT)), float(number)
    celsius = rng.random() < 0.7
    whole = rng.randint(15, 27) if celsius else rng.randint(58, 84)
    if rng.random() < 0.12:
        return f"{whole} and a half{rng.choice((' degrees', ''))}", whole + 0.5
    number = whole + rng.choice((0, 0, 0.5))
    scale = " degrees celsius" if celsius else " degrees fahrenheit"
    return spoken_number(number, rng) + rng.choice((" degrees", "", scale, "°", " degrees")), float(number)


def _draw_white(kind: str, rng: random.Random) -> tuple[str, float | str]:
    """A colour temperature: as said, and as meant."""
    if kind == "white_word":
        return rng.choice(_WHITE_WORDS)
    if rng.random() < 0.3:
        kelvin = rng.choice((2200, 2700, 3000, 3500, 4000, 5000, 6000, 6500))
        return f"{kelvin} kelvin", float(kelvin)
    return rng.choice(_WHITES)


def _draw_step(kind: str, rng: random.Random) -> tuple[str, float]:
    """By how much something is to change: as said, and as meant."""
    if kind == "percent_step":
        number: float = rng.choice((5, 10, 15, 20, 25, 30, 40, 50))
        return spoken_number(number, rng) + rng.choice((*_PERCENT, " points")), float(number)
    number = rng.choice((1, 2, 3, 4, 5, 0.5, 1.5, 2.5))
    if number == 1:
        return rng.choice(("1 degree", "1°", "one degree")), 1.0
    if number == 0.5:
        return rng.choice(("0.5 degrees", "half a degree", "0.5°")), 0.5
    return spoken_number(number, rng) + rng.choice((" degrees", " degrees", "°")), float(number)
