"""Numbers that other languages say in their own way: "fünfundzwanzig", "treinta y cinco", "quatre-vingts".

What is said in English order ("trente-deux") needs nothing of this: words.py reads it word by word.
"""

import unicodedata
from collections.abc import Mapping, Sequence

UNITS = {
    w: i
    for i, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen".split()
    )
}
TENS = {
    w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
# What stands between the unit and the ten that follows it: "fünf-und-zwanzig".
_UNIT_FIRST = {"de": "und", "nl": "en"}
_ONES = frozenset(("ein", "een", "uno", "un", "una"))
_Table = Mapping[str, tuple[str, ...]]


def compound(word: str, language: str, known: _Table) -> tuple[str, ...]:
    """The ten and the unit of a number that is written as one word; nothing for any other word."""
    word = _plain(word)
    if language == "de" and word.endswith("einhalb"):
        whole = word.removesuffix("einhalb").removesuffix("und")
        number = known.get(whole, ()) or _unit_first(whole, _UNIT_FIRST[language], known)
        return (*number, "and", "a", "half") if number and number[0] in UNITS.keys() | TENS.keys() else ()
    if language in _UNIT_FIRST:
        return _unit_first(word, _UNIT_FIRST[language], known)
    if language == "it":
        return _ten_first(word, known)
    if language == "es" and word.startswith("veinti"):
        return _joined("twenty", _digit(word.removeprefix("veinti"), known))
    return ()


def spread(texts: Sequence[str], language: str) -> tuple[int, int]:
    """A number of several words that English says otherwise, and how many words it takes; else 0 of them.

    texts: the next words, in English.
    """
    first, *rest = texts
    if language == "es" and TENS.get(first, 0) >= TENS["thirty"] and rest[:1] == ["and"]:
        return _sum(TENS[first], rest[1:], 2)
    return _french(first, rest) if language == "fr" else (0, 0)


def _unit_first(word: str, joint: str, known: _Table) -> tuple[str, ...]:
    at = word.find(joint, 1)
    while at > 0:
        ten = known.get(word[at + len(joint) :], ())
        if ten and ten[0] in TENS and (unit := _digit(word[:at], known)):
            return _joined(ten[0], unit)
        at = word.find(joint, at + 1)
    return ()


def _ten_first(word: str, known: _Table) -> tuple[str, ...]:
    """ "Trentadue", and "trentotto" without the vowel before another one."""
    for cut in range(4, len(word) - 1):
        for ten in (word[:cut], word[:cut] + "a", word[:cut] + "i"):
            said = known.get(ten, ())
            if said and said[0] in TENS and (unit := _digit(word[cut:], known)):
                return _joined(said[0], unit)
    return ()


def _digit(word: str, known: _Table) -> str:
    """The English word for one to nine, as it is written in compounds: without accents."""
    if word in _ONES:
        return "one"
    said = next((english for each, english in known.items() if _plain(each) == word), ())
    return said[0] if said and 0 < UNITS.get(said[0], 0) < 10 else ""


def _joined(ten: str, unit: str) -> tuple[str, ...]:
    return (ten, unit) if unit else ()


def _french(first: str, rest: Sequence[str]) -> tuple[int, int]:
    """ "Soixante-dix" is 70, "quatre-vingt-douze" 92, "dix-sept" 17 and "vingt et un" 21."""
    if first == "four" and rest[:1] == ["twenty"]:
        return _sum(80, rest[1:], 2, teens=True) if _amount(rest[1:])[1] else (80, 2)
    if first == "sixty":
        also = rest[:1] == ["and"]
        return _sum(60, rest[also:], 1 + also, teens=True)
    if first in TENS and rest[:1] == ["and"] and rest[1:2] in (["a"], ["one"]):
        return TENS[first] + 1, 3
    if first == "ten" and UNITS.get(_word(rest), 0) in (7, 8, 9):
        return 10 + UNITS[rest[0]], 2
    return 0, 0


def _sum(ten: int, rest: Sequence[str], length: int, *, teens: bool = False) -> tuple[int, int]:
    amount, words = _amount(rest)
    if not words or (amount >= 10 and not teens):
        return 0, 0
    return ten + amount, length + words


def _amount(rest: Sequence[str]) -> tuple[int, int]:
    """One to nineteen, said as in French or Spanish."""
    word = _word(rest)
    if word == "a":
        return 1, 1
    value = UNITS.get(word, 0)
    if value == 10 and UNITS.get(_word(rest[1:]), 0) in (7, 8, 9):
        return 10 + UNITS[rest[1]], 2
    return value, int(value > 0)


def _word(rest: Sequence[str]) -> str:
    return rest[0] if rest else ""


def _plain(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
