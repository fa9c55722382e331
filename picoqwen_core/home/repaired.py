"""A request as its speaker put it right in the same breath: "the kettle, no wait, the coffee maker".

Where the words behind the correction are a thing, a place or a number and nothing else, they stand for the
last such one before it. All else is left to the model.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from picoqwen_core.home.gloss import known_language
from picoqwen_core.home.lexicon import IGNORED, KIND_WORDS
from picoqwen_core.home.linked import Link, LinkKind, Piece, Word
from picoqwen_core.home.linker import link
from picoqwen_core.home.words import stem
from picoqwen_core.messages import HomeContext

# What says that something was wrong: `weak` only between commas or the like, `strong` anywhere.
_WEAK = {
    "en": "no|sorry|actually|rather|or rather|u[hm]+|er+m?|wait|oops",
    "de": "nein|sorry|entschuldigung|lieber|ä+h+m?|moment|quatsch|halt",
    "fr": "non|pardon|plutôt|ou plutôt|enfin|euh|attends|excuse-moi",
    "es": "no|perdona|perdón|mejor|digo|eh|espera|bueno",
    "nl": "nee|sorry|liever|eh|uh|wacht|toch",
    "it": "no|scusa|anzi|meglio|ehm|aspetta|cioè",
}
_STRONG = {
    "en": "no,? (?:wait|sorry|make (?:that|it)|i mean(?:t)?|not that|rather)|wait,? no|i mean(?:t)?"
    "|scratch that"
    "|make that|u[hm]+,? no|sorry,? (?:no|i mean(?:t)?)|hang on,? no|or rather",
    "de": "ä+h+m?,? nein|nein,? (?:warte|doch|halt|sorry|lieber)|ach (?:was|nein|quatsch)|ich mein(?:e|te)"
    "|besser gesagt|halt,? nein|oder (?:nein|doch|besser|lieber)|doch lieber|vielmehr",
    "fr": "non,? (?:pardon|attends|plutôt|excuse-moi)|enfin,? non|euh,? non|je (?:veux|voulais) dire"
    "|ou plutôt"
    "|pardon,? non",
    "es": "no,? (?:espera|perdona|perdón|mejor)|(?:bueno|perdona|perdón|ay|eh),? (?:no|mejor)|quiero decir"
    "|quería decir|mejor dicho|o mejor|más bien",
    "nl": "nee,? (?:wacht|sorry|toch|liever|doe maar)|(?:eh|uh|of),? nee|ik bedoel(?:de)?"
    "|sorry,? (?:nee|ik bedoel)"
    "|toch (?:maar|liever)|of liever",
    "it": "no,? (?:scusa|aspetta|anzi|meglio|volevo dire)|anzi,? no|scusa,? (?:no|volevo dire)"
    "|(?:voglio|volevo) dire"
    "|o meglio|ehm,? no",
}
_BEFORE_A_THING = frozenset(("the", "a", "my", "an", "in", "of", "to", "at", "on", "by", "from"))
_BESIDE_A_NUMBER = frozenset(("percent", "%", "degree", "degrees", "°", "to", "at", "by", "on", "set"))
_OF_A_PLACE = (LinkKind.AREA, LinkKind.FLOOR)
_OF_A_NUMBER = (LinkKind.NUMBER, LinkKind.DURATION)


def repaired(text: str, home: HomeContext) -> str:
    """The request as it was meant in the end; the same text where nothing in it is put right."""
    language = known_language(home.language)
    said = _ending(language).sub("", text)
    found = _pattern(language).search(said)
    if found is None:
        return text
    before, behind = said[: found.start()].strip(), said[found.end() :].strip(" ,.;")
    wrong, right = link(home, before).pieces, link(home, behind).pieces
    place = _place(right)
    if place is None or not _says_nothing_else(right, number=place is _OF_A_NUMBER):
        return text
    stretch = _last(wrong, place)
    if stretch is None:
        return text
    start, end = stretch
    start -= _said_again(wrong[:start], right)
    kept = [*_surfaces(wrong[:start]), *_surfaces(right)]
    rest = [] if _ends_alike(wrong[end:], right) else _surfaces(wrong[end:])
    return " ".join((*kept, *rest))


@lru_cache(maxsize=len(_WEAK))
def _pattern(language: str) -> re.Pattern[str]:
    weak, strong = _WEAK[language], _STRONG[language]
    return re.compile(
        rf"(?:[\s,.;…-]+(?:{strong})(?!\w)(?:[\s,.;…]+(?:{strong}|{weak})(?!\w))*[\s,.;…]+"
        rf"|\s*[,.;…-]+\s*(?:{weak})(?!\w)(?:\s*[,.;…]+\s*(?:{weak})(?!\w))*\s*[,.;…]+\s*)",
        re.IGNORECASE,
    )


@lru_cache(maxsize=len(_WEAK))
def _ending(language: str) -> re.Pattern[str]:
    """ "The den lamp, uh, the chandelier, I mean" says it behind as well."""
    return re.compile(rf"[\s,.;…]+(?:{_STRONG[language]})[.!?]*$", re.IGNORECASE)


def _place(pieces: Sequence[Piece]) -> tuple[LinkKind, ...] | None:
    """The kinds of link that are put right: things before places before numbers; None where there is none."""
    kinds = {piece.kind for piece in pieces if isinstance(piece, Link)}
    if kinds & {LinkKind.FULL, LinkKind.PART} or any(map(_is_kind, pieces)):
        return (LinkKind.FULL, LinkKind.PART)
    if kinds & set(_OF_A_PLACE):
        return _OF_A_PLACE
    return _OF_A_NUMBER if kinds else None


def _says_nothing_else(pieces: Sequence[Piece], *, number: bool) -> bool:
    """Whether there are only names, numbers and small words."""
    return all(
        isinstance(piece, Link)
        or _is_kind(piece)
        or (
            isinstance(piece, Word) and (piece.text in IGNORED or (number and piece.text in _BESIDE_A_NUMBER))
        )
        or (isinstance(piece, Word) and piece.text in _BESIDE_A_NUMBER)
        for piece in pieces
    ) and not any(isinstance(piece, Word) and piece.text in ("it", "them", "turn") for piece in pieces)


def _is_kind(piece: Piece) -> bool:
    return isinstance(piece, Word) and stem(piece.text) in KIND_WORDS


def _last(pieces: Sequence[Piece], kinds: tuple[LinkKind, ...]) -> tuple[int, int] | None:
    """Where the last thing, place or number stands: from the small words before it up to its end.

    A thing may be told by its place: "the light in the kitchen" goes as a whole.
    """
    thing = LinkKind.FULL in kinds

    def is_part(piece: Piece) -> bool:
        if isinstance(piece, Link):
            return piece.kind in kinds or (thing and piece.kind in _OF_A_PLACE)
        return thing and _is_kind(piece)

    ends = [index + 1 for index, piece in enumerate(pieces) if is_part(piece)]
    if not ends:
        return None
    start = end = ends[-1]
    while start and (is_part(pieces[start - 1]) or (thing and _is_small(pieces[start - 1]))):
        start -= 1
    while start < end and _is_small(pieces[start]) and not _is_article(pieces[start]):
        start += 1
    return start, end


def _is_small(piece: Piece) -> bool:
    return isinstance(piece, Word) and piece.text in _BEFORE_A_THING


def _is_article(piece: Piece) -> bool:
    return isinstance(piece, Word) and piece.text in ("the", "a", "my", "an")


def _said_again(before: Sequence[Piece], right: Sequence[Piece]) -> int:
    """How many of the words before the wrong thing are said again before the right one: "to", "in the"."""
    said = [piece.text if isinstance(piece, Word) else "" for piece in before]
    again = [piece.text if isinstance(piece, Word) else "" for piece in right]
    counts = (count for count in (3, 2, 1) if all(again[:count]) and said[-count:] == again[:count])
    return next(counts, 0)


def _ends_alike(rest: Sequence[Piece], right: Sequence[Piece]) -> bool:
    """Whether what stands behind the wrong thing is said again: "... aus, nein, ... aus"."""
    last = [piece.text for piece in rest if isinstance(piece, Word)]
    again = [piece.text for piece in right if isinstance(piece, Word)]
    return bool(last) and again[-len(last) :] == last


def _surfaces(pieces: Sequence[Piece]) -> list[str]:
    return [piece.surface for piece in pieces if isinstance(piece, Word | Link) and piece.surface]
