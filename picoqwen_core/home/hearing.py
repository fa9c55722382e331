"""A request in which misheard names are written as the home has them: "the so nose" is the Sonos.

What sounds alike is compared by sound and not by letters. It is for a second look, where something was named
that the home does not have.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from picoqwen_core.home.gloss import known_language, plain, table
from picoqwen_core.home.lexicon import IGNORED, KIND_WORDS, ROOM_SYNONYMS, ROOM_WORDS
from picoqwen_core.home.words import stem
from picoqwen_core.messages import HomeContext

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MOST_WORDS = 4
# A shorter name is like too many words.
_LEAST_LETTERS = 5
# Two letters of a long name may be wrong, and one of a shorter one.
_LONG = 8
_PAUSES = frozenset("uh um er erm hm eh äh ähm euh ehm".split())
_COLORS = frozenset("red green blue yellow orange purple pink white".split())
_SAID_OFTEN = (
    frozenset("light lights on off up down left right top bottom front back floor wall door desk".split())
    | frozenset("play pause next previous louder quieter brighter dimmer warmer cooler mute".split())
    | frozenset("minutes minute hours hour seconds timer percent degrees half full what whats how".split())
    | IGNORED
    | KIND_WORDS.keys()
    | ROOM_WORDS
    | _COLORS
    | {word for rooms in ROOM_SYNONYMS for word in rooms}
)
# How sounds are written, in all six languages and then in one; the first that fits is taken.
_SOUNDS = (
    ("ph", "f"),
    ("sch", "s"),
    ("ck", "k"),
    ("qu", "k"),
    ("ce", "se"),
    ("ci", "si"),
    ("cy", "si"),
    ("c", "k"),
    ("z", "s"),
    ("h", ""),
    ("y", "i"),
    ("ie", "i"),
)
_SOUNDS_OF = {
    "es": (("ll", "i"), ("v", "b")),
    "de": (("v", "f"), ("dt", "t")),
    "fr": (("eau", "o"), ("au", "o")),
}
_SILENT = {"fr": re.compile(r"(?:[stdxp]|er|ez|et|e)+$")}


def heard(text: str, home: HomeContext, *, unknown: bool = False) -> str:
    """The request with the names that were probably said; the same text where none was misheard.

    unknown: it surely names a device, and none that there is, so that a single word will do.
    """
    language = known_language(home.language)
    names = _names(tuple(_spoken(home)), language)
    words = list(_WORD.finditer(text))
    said = [word.group() for word in words]
    parts: list[str] = []
    at = index = 0
    while index < len(words):
        length, name = _misheard(said, index, names, language, unknown=unknown)
        if length:
            parts += [text[at : words[index].start()], name]
            at = words[index + length - 1].end()
        index += length or 1
    return "".join([*parts, text[at:]])


def _spoken(home: HomeContext) -> Iterable[str]:
    for entity in home.entities:
        yield from (entity.name, *entity.aliases)
    for area in home.areas:
        yield from (area.name, *area.aliases)


@dataclass(frozen=True, slots=True)
class _Names:
    """What can be said, by sound: names of things and rooms, and the telling words that names consist of.

    together: for each such word, the other words of the names that have it. own: all words of names.
    """

    whole: Mapping[str, str]
    telling: Mapping[str, str]
    together: Mapping[str, frozenset[str]]
    own: frozenset[str]


@lru_cache(maxsize=4)
def _names(spoken: tuple[str, ...], language: str) -> _Names:
    telling: dict[str, set[str]] = defaultdict(set)
    together: dict[str, set[str]] = defaultdict(set)
    for name in spoken:
        words = [word.casefold() for word in _WORD.findall(name)]
        for word in words if len(words) > 1 else ():
            if len(word) >= _LEAST_LETTERS:
                telling[word].add(word)
                together[word].update(other for other in words if other != word)
    return _Names(
        _by_sound(spoken, language),
        _by_sound(telling, language),
        {word: frozenset(others) for word, others in together.items()},
        frozenset(word.casefold() for name in spoken for word in _WORD.findall(name)),
    )


def _by_sound(names: Iterable[str], language: str) -> dict[str, str]:
    """Names by their sound; those that sound like another one are left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in names:
        found[_sound(name, language)].add(name.casefold())
    spelled = {name.casefold(): name for name in names}
    return {sound: spelled[min(told)] for sound, told in found.items() if len(told) == 1 and sound}


def _misheard(
    words: Sequence[str], index: int, names: _Names, language: str, *, unknown: bool
) -> tuple[int, str]:
    """How many words from `index` on are a name that was misheard, and which; 0 where they are none."""
    for length in range(min(_MOST_WORDS, len(words) - index), 0, -1):
        said = words[index : index + length]
        if _are_known(said, names, language) or _has_more_than_a_name(said, names, language):
            continue
        sound = _sound(" ".join(said), language)
        name = names.whole.get(sound) or (
            _alike(sound, names.whole) if _may_be_near(said, sound, unknown=unknown) else None
        )
        if name is None and length == 1:
            name = _told_by_another(sound, words, names)
        if name is not None and name.casefold() != " ".join(said).casefold():
            return length, name
    return 0, ""


def _may_be_near(said: Sequence[str], sound: str, *, unknown: bool) -> bool:
    """Whether words may be a name that they only resemble.

    A single word is often another word that is meant ("water", "Weather"), unless it is long; and small words
    belong to the sentence, unless one of two is the beginning of a name ("so nose", Sonos).
    """
    small = [word.casefold() in IGNORED for word in said]
    if len(said) == 1:
        return unknown or len(sound) >= _LONG
    return not any(small) or (len(said) == 2 and small == [True, False])


def _has_more_than_a_name(said: Sequence[str], names: _Names, language: str) -> bool:
    """Whether a name is heard without the first word or the last one, as in "the lamp" and "lamp, uh"."""
    parts = ((said[0], said[1:]), (said[-1], said[:-1]))
    return any(
        rest and _is_small(word, language) and _sound(" ".join(rest), language) in names.whole
        for word, rest in parts
    )


def _is_small(word: str, language: str) -> bool:
    """Whether a word joins others or fills a pause, in whatever language."""
    known = word.casefold()
    meant = (known,) if language == "en" else table(language).get(known, (known,))
    return known in _PAUSES or all(each in IGNORED for each in meant)


def _told_by_another(sound: str, words: Sequence[str], names: _Names) -> str | None:
    """The word of a name that a word resembles, where another word of that name is said too."""
    told = names.telling.get(sound) or _alike(sound, names.telling)
    heard_too = {word.casefold() for word in words} | {stem(word.casefold()) for word in words}
    return told if told is not None and names.together[told] & heard_too else None


def _are_known(said: Sequence[str], names: _Names, language: str) -> bool:
    """Whether every word is one of the home or of everyday speech, so that nothing was misheard."""
    foreign = table(language) if language != "en" else {}
    return all(
        (word := each.casefold()) in names.own
        or word in _SAID_OFTEN
        or stem(word) in _SAID_OFTEN
        or word in foreign
        for each in said
    )


def _alike(sound: str, names: Mapping[str, str]) -> str | None:
    """The one name that nearly sounds so, and begins in the same way; None where two do."""
    if len(sound) < _LEAST_LETTERS:
        return None
    allowed = 1 if len(sound) < _LONG else 2
    near = [
        (distance, name)
        for known, name in names.items()
        if len(known) >= _LEAST_LETTERS
        and known[0] == sound[0]
        and abs(len(known) - len(sound)) <= allowed
        and (distance := _distance(known, sound)) <= allowed
    ]
    near.sort()
    return near[0][1] if near and (len(near) == 1 or near[0][0] < near[1][0]) else None


def _sound(name: str, language: str) -> str:
    """How a name is heard: its letters by sound, none of them twice, and nothing that is not spoken."""
    words = []
    for word in _WORD.findall(plain(name.casefold())):
        for written, spoken in (*_SOUNDS_OF.get(language, ()), *_SOUNDS):
            word = word.replace(written, spoken)  # noqa: PLW2901 - each sound of the same word
        words.append(_SILENT[language].sub("", word) if language in _SILENT and len(word) > 3 else word)
    letters = "".join(each for each in "".join(words) if each.isalpha())
    return re.sub(r"(.)\1+", r"\1", letters)


def _distance(one: str, other: str) -> int:
    """How many letters have to be put in, left out, changed, or swapped with the next."""
    above: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        two_above, above, row = above, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, two_above[j - 2] + 1)
            row.append(cost)
    return row[-1]
