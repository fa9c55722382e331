"""Other languages as English: each word that people say to a home is read as the English one that means it.

So the linker's word lists, numbers and durations, and the model's vocabulary serve every language; only word
order is left to be learned. The tables are languages/*.toml, written by hand, where "_" joins words that mean
something only together; other words stay as they are.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from picoqwen_core.home.lexicon import KIND_WORDS
from picoqwen_core.home.numerals import compound

LANGUAGES = ("de", "fr", "es", "nl", "it")
# Languages that write compounds as one word: "Küchenlampe" is a lamp of the kitchen.
_COMPOUNDING = ("de", "nl")
# What may stand between the parts of a compound.
_JOINTS = ("", "n", "s", "en", "er", "e")
_FOLDER = Path(__file__).parent / "languages"
# "Mach die Tür zu": at the end of a clause these belong to the verb, elsewhere they are "to".
_PARTICLES = {"de": {"auf": "open", "zu": "closed"}}
# Before these "ein" turns nothing on.
_COUNTED = {"grad": "one", "prozent": "one"} | dict.fromkeys(
    ("bisschen", "wenig", "bißchen", "viertel", "drittel", "lied", "paar", "timer"), "a"
)
_AFTER_PARTICLE = frozenset(
    "und oder dann danach bitte danke ja mal doch jetzt sofort gleich schnell machen mache mach tun fahren "
    "gehen gemacht gefahren haben nun endlich wieder sein ist sind".split()
)
_MIN_PREFIX = 3
# "Auszuschalten" is "ausschalten".
_WITH_TO = re.compile(r"(aus|an|ein|ab|auf|zu|hoch|runter|herunter)zu(?=\w{4})")
# Pronouns that are written together with a verb, and what is left of them: "apágala" is "apaga" and "it".
_ENCLITICS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "es": {
        "mela": ("it",),
        "melo": ("it",),
        "me": (),
        "nos": (),
        "la": ("it",),
        "lo": ("it",),
        "las": ("them",),
    }
    | {"los": ("them",)},
    "it": {
        "mela": ("it",),
        "melo": ("it",),
        "mi": (),
        "ci": (),
        "la": ("it",),
        "lo": ("it",),
        "le": ("them",),
    }
    | {"li": ("them",)},
}
_TAKE_ENCLITICS = frozenset(
    "turn set put open close lock unlock raise lower dim play pause stop start mute add remove cancel".split()
)
# Shorter words without their accents are other words: "ou" is not "où".
_MIN_PLAIN = 4


def known_language(tag: str) -> str:
    """ "de" for "de-AT"; "en" for every language that has no table."""
    language = tag.replace("_", "-").partition("-")[0].casefold()
    return language if language in LANGUAGES else "en"


@lru_cache(maxsize=8192)
def plain(word: str) -> str:
    """A word without accents, as many are typed."""
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@lru_cache(maxsize=8)
def table(language: str) -> Mapping[str, tuple[str, ...]]:
    """Words of a language, casefolded, and the English words that stand for each."""
    return {word: english for word, english in _read(language).items() if "_" not in word}


@lru_cache(maxsize=8)
def _phrases(language: str) -> Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    """Several words and the English ones that they mean together, by the first of them, the longest first."""
    phrases: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for joined, english in _read(language).items():
        if "_" in joined:
            words = tuple(joined.split("_"))
            phrases.setdefault(words[0], []).append((words, english))
    return {first: tuple(sorted(found, key=lambda f: -len(f[0]))) for first, found in phrases.items()}


def phrase(words: Sequence[str], start: int, language: str) -> tuple[int, tuple[str, ...]]:
    """How many casefolded words from `start` on mean something only together, and what; 0 where none do."""
    for said, english in _phrases(language).get(words[start], ()):
        if tuple(words[start : start + len(said)]) == said:
            return len(said), english
    return 0, ()


@lru_cache(maxsize=8)
def _read(language: str) -> Mapping[str, tuple[str, ...]]:
    with (_FOLDER / f"{language}.toml").open("rb") as file:
        data = tomllib.load(file)
    words: dict[str, tuple[str, ...]] = {}
    for english, foreign in data.items():
        for word in foreign.split():
            words.setdefault(word, tuple(english.replace("-", " ").split()))
    return words


@lru_cache(maxsize=8)
def _plain_table(language: str) -> Mapping[str, tuple[str, ...]]:
    """The words of a table that have accents, as they are typed without."""
    words: dict[str, tuple[str, ...]] = {}
    for word, english in table(language).items():
        typed = plain(word)
        if typed != word and len(typed) >= _MIN_PLAIN:
            words.setdefault(typed, english)
    return words


@lru_cache(maxsize=16384)
def gloss(word: str, language: str) -> tuple[str, ...]:
    """A casefolded word in English words; itself when it is not known."""
    known = table(language)
    if word in known:
        return known[word]
    if language == "de" and word.removesuffix("s") in known:  # "des Bads"
        return known[word.removesuffix("s")]
    if language == "de" and (verb := _WITH_TO.sub(r"\1", word, count=1)) in known:
        return known[verb]
    typed = _plain_table(language).get(word)
    made = typed or compound(word, language, known) or _compound(word, language)
    return made or _with_pronoun(word, language) or (word,)


def particle(word: str, following: str, language: str) -> str | None:
    """What a word means because of the next one, which is "" at the end: "auf" and "zu" of a door where no
    place or value follows, and "ein" before "bisschen" or "Grad", which turns nothing on."""
    if (language, word) == ("de", "ein") and following in _COUNTED:
        return _COUNTED[following]
    meant = _PARTICLES.get(language, {}).get(word)
    return meant if meant is not None and (not following or following in _AFTER_PARTICLE) else None


def _with_pronoun(word: str, language: str) -> tuple[str, ...]:
    """A verb and the pronoun that is written with it; nothing for other words."""
    known = table(language)
    for pronoun, left in _ENCLITICS.get(language, {}).items():
        base = plain(word.removesuffix(pronoun))
        verb = known.get(base) or _plain_table(language).get(base, ())
        if word.endswith(pronoun) and len(base) >= _MIN_PREFIX and verb and verb[0] in _TAKE_ENCLITICS:
            return (*verb, *left)
    return ()


def _compound(word: str, language: str) -> tuple[str, ...]:
    """The parts of "deckenlampe", whose last part says what kind of thing it is; nothing for other words."""
    if language not in _COMPOUNDING:
        return ()
    known = table(language)
    for cut in range(_MIN_PREFIX, len(word) - 2):
        kind = known.get(word[cut:])
        if kind is not None and kind[-1].removesuffix("s") in KIND_WORDS:
            return (*_first_part(word[:cut], known), *kind)
    return ()


def _first_part(part: str, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    for joint in _JOINTS:
        if part.endswith(joint) and (base := part[: len(part) - len(joint)]) in known:
            return known[base]
    return (part,)
