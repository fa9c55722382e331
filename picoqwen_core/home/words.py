"""Words of a request: splitting, stems, and spoken numbers and durations (English; others by gloss.py)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from picoqwen_core.home.gloss import gloss, particle, phrase, plain
from picoqwen_core.home.numerals import TENS, UNITS, spread

_WORD = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*|[%°]")

# "l'éclairage", "dell'ufficio": the article is a word of its own.
_CLITIC = re.compile(r"(?<=[ldnsmq])['’]")

_UNITS = {word: float(value) for word, value in UNITS.items()}
_TENS = {word: float(value) for word, value in TENS.items()}
_SECONDS = {"second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0}
# Parts of a whole, in percent: "dim it to a third".
_PARTS = {
    ("a", "third"): 33.0,
    ("one", "third"): 33.0,
    ("two", "thirds"): 67.0,
    ("a", "quarter"): 25.0,
    ("one", "quarter"): 25.0,
    ("three", "quarters"): 75.0,
    ("a", "fifth"): 20.0,
}
_AFTER_NO_PART = frozenset(("of", "past", "to", "floor", "hour", "time", "minute", "one"))
# "one" is more often a pronoun ("the left one"): it counts only before these words.
_AFTER_ONE = {"percent", "%", "degree", "point", "hundred", *_SECONDS}


@dataclass(frozen=True, slots=True)
class Token:
    """A word as matched (`text`, `stem`), as written (`surface`), and its value when it is a number."""

    text: str
    stem: str
    surface: str
    value: float | None = None
    duration: bool = False


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """The singular of an English noun, roughly, and no accents: enough to match "lights" with "light"."""
    word = plain(word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@lru_cache(maxsize=16384)
def tokenize(text: str, language: str = "en") -> tuple[Token, ...]:
    """Split text into words, joining spoken numbers ("twenty one") and durations into one token each.

    Words of other languages come out as English ones; `surface` stays what was written.
    """
    if language == "en":
        words = [_word_token(match) for match in _WORD.finditer(text)]
    else:
        words = _foreign(text, language)
    return tuple(_join_durations(_join_numbers(words, language)))


def _foreign(text: str, language: str) -> list[Token]:
    """The words of another language in English."""
    matches = list(_WORD.finditer(text))
    said = [match.group().casefold().replace("’", "'") for match in matches]
    words: list[Token] = []
    index = 0
    while index < len(matches):
        length, english = phrase(said, index, language)
        if length:
            surface = text[matches[index].start() : matches[index + length - 1].end()]
            words.extend(_tokens(english, surface))
        else:
            length = 1
            following = said[index + 1] if index + 1 < len(said) else ""
            words.extend(_glossed(matches[index], following, language))
        index += length
    return words


def _glossed(match: re.Match[str], following: str, language: str) -> list[Token]:
    """A word of another language as one or more English ones; the first keeps what was written."""
    token = _word_token(match)
    if token.value is not None:
        return [token]
    if (meant := particle(token.text, following, language)) is not None:
        return [Token(meant, stem(meant), token.surface)]
    parts = _CLITIC.split(token.surface.casefold(), maxsplit=1)
    return _tokens([word for part in parts for word in gloss(part, language)], token.surface)


def _tokens(words: Sequence[str], surface: str) -> list[Token]:
    surfaces = [surface] + [""] * (len(words) - 1)
    return [Token(word, stem(word), surface) for word, surface in zip(words, surfaces, strict=True)]


def _word_token(match: re.Match[str]) -> Token:
    surface = match.group()
    text = surface.casefold().replace("'", "").replace("’", "")
    if text[0].isdigit():
        value = float(text.replace(",", "."))
        text = f"{value:g}"
        return Token(text, text, surface, value)
    return Token(text, stem(text), surface)


def _join_numbers(words: list[Token], language: str) -> list[Token]:
    joined: list[Token] = []
    index = 0
    while index < len(words):
        value, length = _spread_number(words, index, language) or _spoken_number(words, index)
        if length:
            surface = " ".join(word.surface for word in words[index : index + length] if word.surface)
            text = f"{value:g}"
            joined.append(Token(text, text, surface, value))
            index += length
        else:
            joined.append(words[index])
            index += 1
    return joined


def _spread_number(words: list[Token], start: int, language: str) -> tuple[float, int] | None:
    """A number that another language puts together in its own way."""
    if language == "en" or words[start].text not in UNITS.keys() | TENS.keys():
        return None
    value, length = spread([word.text for word in words[start : start + 5]], language)
    return _number_tail(words, start, float(value), length) if length else None


def _spoken_number(words: list[Token], start: int) -> tuple[float, int]:
    """The number that begins at `start` and how many words it takes; a length of 0 is no number."""
    first, following = words[start].text, _text(words, start + 1)
    if (first, following) in _PARTS and stem(_text(words, start + 2)) not in _AFTER_NO_PART:
        return _PARTS[first, following], 2
    value, length = 0.0, 0
    if first in _TENS:
        value, length = _TENS[first], 1
        if following in _UNITS and 0 < _UNITS[following] < 10:
            value, length = value + _UNITS[following], 2
    elif first in _UNITS and (first != "one" or stem(following) in _AFTER_ONE or _and_a_half(words, start)):
        value, length = _UNITS[first], 1
    elif words[start].value is not None:
        value, length = words[start].value or 0.0, 1
    elif first == "a" and following == "hundred":
        return 100.0, 2
    elif (first, following) == ("half", "a") and stem(_text(words, start + 2)) == "degree":
        return 0.5, 2
    if not length:
        return 0.0, 0
    return _number_tail(words, start, value, length)


def _and_a_half(words: list[Token], start: int) -> bool:
    return [_text(words, start + k) for k in (1, 2, 3)] == ["and", "a", "half"]


def _number_tail(words: list[Token], start: int, value: float, length: int) -> tuple[float, int]:
    """Extend a number by "hundred", "thousand", "point five" and "and a half"."""
    tail = [word.text for word in words[start + length : start + length + 2]]
    if tail[:1] in (["hundred"], ["thousand"]):
        value, length = value * (100.0 if tail[0] == "hundred" else 1000.0), length + 1
        tail = [word.text for word in words[start + length : start + length + 2]]
    if [*tail, _text(words, start + length + 2)] == ["and", "a", "half"]:
        return value + 0.5, length + 3
    if len(tail) == 2 and tail[0] == "point":
        digit = words[start + length + 1].value
        decimal = _UNITS.get(tail[1], digit if digit is not None else -1.0)
        if 0 <= decimal < 10:
            return value + decimal / 10, length + 2
    return value, length


def _join_durations(words: list[Token]) -> list[Token]:
    joined: list[Token] = []
    index = 0
    while index < len(words):
        seconds, length = _duration(words, index)
        if length:
            surface = " ".join(word.surface for word in words[index : index + length] if word.surface)
            joined.append(Token(f"{seconds:g}s", f"{seconds:g}s", surface, seconds, duration=True))
            index += length
        else:
            joined.append(words[index])
            index += 1
    return joined


def _duration(words: list[Token], start: int) -> tuple[float, int]:
    """The duration that begins at `start` in seconds, and how many words it takes."""
    seconds, index = 0.0, start
    while True:
        skip = 1 if index > start and _text(words, index) == "and" else 0
        amount, used = _amount(words, index + skip)
        unit = _SECONDS.get(stem(_text(words, index + skip + used)), 0.0) if used else 0.0
        if not unit:
            break
        index += skip + used + 1
        seconds += amount * unit
        if [_text(words, index + k) for k in range(3)] == ["and", "a", "half"]:
            seconds, index = seconds + unit / 2, index + 3
        elif _text(words, index) == "and" and _surface(words, index + 1) == "a quarter":
            seconds, index = seconds + unit / 4, index + 2
    return seconds, index - start


def _amount(words: list[Token], index: int) -> tuple[float, int]:
    """A count before a unit of time: "5", "a", "half an", "a quarter of an"."""
    texts = [_text(words, index + k) for k in range(4)]
    if texts == ["3", "quarters", "of", "an"]:
        return 0.75, 4
    if index < len(words) and words[index].value is not None:
        value = words[index].value or 0.0
        if texts[1:4] == ["and", "a", "half"]:
            return value + 0.5, 4
        return value, 1
    for words_of_it, value in _FRACTIONS:
        if texts[: len(words_of_it)] == words_of_it:
            return value, len(words_of_it)
    return 0.0, 0


_FRACTIONS: list[tuple[list[str], float]] = [
    (["a", "quarter", "of", "an"], 0.25),
    (["half", "an"], 0.5),
    (["half", "a"], 0.5),
    (["a", "half"], 0.5),
    (["quarter"], 0.25),
    (["a", "couple", "of"], 2.0),
    (["one"], 1.0),
    (["an"], 1.0),
    (["a"], 1.0),
]


def _surface(words: list[Token], index: int) -> str:
    return words[index].surface.casefold() if index < len(words) else ""


def _text(words: list[Token], index: int) -> str:
    return words[index].text if index < len(words) else ""
