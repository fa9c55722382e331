"""Words that say nothing of a household: kinds of devices, articles, and what people say to any home.

Taken from the tables with which the built-in model's requests are read (home/languages).
"""

import unicodedata
from functools import cache

from picoqwen_core.home.gloss import LANGUAGES, table
from picoqwen_core.home.lexicon import IGNORED, KIND_WORDS, ROOM_SYNONYMS

# Rooms, though people keep devices of a kind in them, and words that are too often somebody's own.
_NOT_KINDS = frozenset({"garage", "lawn", "list", "song", "robot", "heat", "volume"})
_GENERAL = frozenset({"room", "floor"})
_JOINING = frozenset(
    "the and of in on at to for by with der die das dem den des im am und mit von le la les de du et un une "
    "il lo gli del della el los las y het een van en op".split()
)
_ROOMS = frozenset(
    (
        "kitchen living bedroom bathroom bath hallway hall office garage garden attic basement cellar dining "
        "nursery guest upstairs downstairs terrace balcony laundry toilet entrance porch patio home outside "
        "pool shed study utility"
    ).split()
) | {word for words in ROOM_SYNONYMS for word in words}


@cache
def kinds() -> frozenset[str]:
    """Kinds of devices in all languages, folded, in the singular and the plural."""
    english = set(KIND_WORDS) - _NOT_KINDS
    named = english | {f"{each}s" for each in english} | _GENERAL
    foreign = (
        word
        for language in LANGUAGES
        for word, meant in table(language).items()
        if len(meant) == 1 and (meant[0] in english or meant[0].removesuffix("s") in english)
    )
    return frozenset(map(folded, (*named, *foreign)))


@cache
def told() -> frozenset[str]:
    """Words of names that are told as they are, folded."""
    return kinds() | _JOINING


@cache
def spoken() -> frozenset[str]:
    """What is said to any home, folded: never a form of a name, whatever it looks like ("turn" of "Tür")."""
    foreign = (
        word
        for language in LANGUAGES
        for word, meant in table(language).items()
        if not _ROOMS.intersection(meant)
    )
    return told() | frozenset(map(folded, (*IGNORED, "switch", *foreign)))


def folded(word: str) -> str:
    """Without case and accents: Küche, KÜCHE and kuche are one."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(each for each in plain if not unicodedata.combining(each))
