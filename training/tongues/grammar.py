"""What little grammar phrases of other languages need: articles, cases, contractions and agreement.

The words are in phrases/<language>.toml, and more of them in phrases/spoken_<language>.toml. A noun is
written with its article, "die Küche" or "l'ampoule"; a star after the article marks a plural that it alone
does not show ("die* Lichter").
"""

import random
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from training.grammar import NoWordingError, expand
from training.phrases import load

_ACCUSATIVE = {"der": "den"}
_DATIVE = {"der": "dem", "das": "dem", "die": "der"}
_PLURAL_ARTICLES = {"fr": ("les",), "es": ("los", "las"), "it": ("i", "gli", "le")}
_FEMININE_ARTICLES = {"fr": ("la",), "es": ("la", "las"), "it": ("la", "le")}
# Of the wordings after the first of an intent, how many are kept for validation.
HELD_OUT_SHARE = 0.15
_WORD = re.compile(r"\w+(?!\w*\})")


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun with its article, which is empty for a name that takes none."""

    article: str
    word: str
    plural: bool = False
    feminine: bool = False


@dataclass(frozen=True, slots=True)
class Forms:
    """Words as a subject, as an object and after a preposition; only in German they differ."""

    subject: str
    object: str
    dative: str
    plural: bool = False
    feminine: bool = False

    def then(self, after: str) -> "Forms":
        """The same with words after it."""
        return self._each("{} " + after) if after else self

    def after(self, before: str) -> "Forms":
        """The same with words before it."""
        return self._each(before + " {}") if before else self

    def joined(self, word: str, other: "Forms") -> "Forms":
        """ "A and B", which is a plural."""
        return Forms(
            f"{self.subject} {word} {other.subject}",
            f"{self.object} {word} {other.object}",
            f"{self.dative} {word} {other.dative}",
            plural=True,
        )

    def _each(self, pattern: str) -> "Forms":
        subject, accusative, dative = (pattern.format(t) for t in (self.subject, self.object, self.dative))
        return Forms(subject, accusative, dative, self.plural, self.feminine)


@lru_cache(maxsize=8)
def pack(language: str) -> dict[str, Any]:
    """The words and phrases of a language."""
    return _widened(load(language), load(f"spoken_{language}"))


def _widened(words: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    wider = dict(words)
    for key, value in more.items():
        known = wider.get(key)
        if isinstance(value, dict):
            wider[key] = _widened(known or {}, value)
        else:
            wider[key] = _inserted(known, value) if isinstance(known, tuple) else value
    return wider


def _inserted(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """A longer list, of which what was in the first half, which is taught, still is."""
    taught = (len(known) + len(more) + 1) // 2 - (len(known) + 1) // 2
    half = (len(known) + 1) // 2
    return (*known[:half], *more[:taught], *known[half:], *more[taught:])


@lru_cache(maxsize=4096)
def noun(text: str, language: str) -> Noun:
    """ "die* Lichter" as a noun."""
    if text.startswith("l'"):
        return Noun("l'", text[2:])
    article, _, word = text.partition(" ")
    plural = article.endswith("*") or article in _PLURAL_ARTICLES.get(language, ())
    feminine = article in _FEMININE_ARTICLES.get(language, ())
    article = article.removesuffix("*")
    return Noun("" if article == "-" else article, word, plural, feminine)


def forms(of: Noun, language: str, *, bare: bool = False) -> Forms:
    """A noun in its cases, with its article or bare."""
    if bare or not of.article:
        return Forms(of.word, of.word, of.word, of.plural, of.feminine)
    if language != "de":
        said = of.article + ("" if of.article.endswith("'") else " ") + of.word
        return Forms(said, said, said, of.plural, of.feminine)
    if of.plural:
        return Forms(f"die {of.word}", f"die {of.word}", f"den {_dative_plural(of.word)}", plural=True)
    accusative = _ACCUSATIVE.get(of.article, of.article)
    return Forms(
        f"{of.article} {of.word}", f"{accusative} {of.word}", f"{_DATIVE[of.article]} {of.word}", of.plural
    )


def _dative_plural(word: str) -> str:
    return word if word.endswith(("n", "s")) or " " in word else f"{word}n"


def all_of(of: Noun, language: str, *, feminine: bool) -> Forms:
    """ "alle Lichter", "toutes les lumières"."""
    words = pack(language)["all"]
    if language in ("de", "nl"):
        dative = _dative_plural(of.word) if language == "de" else of.word
        return Forms(f"{words[0]} {of.word}", f"{words[1]} {of.word}", f"{words[2]} {dative}", plural=True)
    return forms(of, language).after(words[feminine])


def in_place(room: str, language: str, rng: random.Random) -> str:
    """ "in der Küche" for "die Küche"; a room may bring its own, after a bar."""
    text, *own = room.split("|")
    if own and (len(own) > 1 or rng.random() < 0.9):
        return rng.choice(own)
    place = forms(noun(text, language), language).dative
    return contracted(f"{pack(language)['in']} {place}", language)


def of_place(room: str, language: str) -> str:
    """ "de la cuisine", "von der Küche"."""
    place = forms(noun(room.partition("|")[0], language), language).dative
    return contracted(f"{pack(language)['of']} {place}", language)


def contracted(text: str, language: str) -> str:
    """ "von dem Flur" as "vom Flur", "de le salon" as "du salon"."""
    table, pattern = _contractions(language)
    return pattern.sub(lambda match: table[match.group()], text) if table else text


@lru_cache(maxsize=8)
def _contractions(language: str) -> tuple[dict[str, str], re.Pattern[str]]:
    table = dict(pack(language).get("contracted", {}))
    longest_first = sorted(table, key=len, reverse=True)
    return table, re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?:(?<=')|(?!\w))")


def agreeing(words: str, of: Forms) -> str:
    """The form of "allumé|allumée|allumés|allumées" that fits; a word without bars fits all."""
    options = words.split("|")
    return options[of.feminine + 2 * of.plural] if len(options) == 4 else options[0]


def filled(template: str, said: Forms | None, language: str, **slots: str) -> str:
    """A template with its slots filled: {s} {t} {d} are the cases of what is meant, {be} is its verb."""
    text = template
    if said is not None:
        verbs = pack(language)["be"]
        text = text.replace("{be}", verbs[said.plural]).replace("{s}", said.subject)
        text = text.replace("{t}", said.object).replace("{d}", said.dative)
    for key, value in slots.items():
        text = text.replace(f"{{{key}}}", value)
    return contracted(" ".join(text.split()), language)


def draw_pattern(templates: tuple[str, ...], split: str, rng: random.Random) -> str:
    """A wording of one of the templates that belongs to the split, with its slots still in braces.

    Raises NoWordingError when none turned up in a few tries.
    """
    for template in rng.sample(templates, min(len(templates), 8)):
        for _ in range(2 if split == "train" else 6):
            pattern = expand(template, rng)
            if is_held_out(pattern, template, templates) == (split == "validation"):
                return pattern
    raise NoWordingError(f"no {split} wording among {templates[:2]}...")


@lru_cache(maxsize=1 << 16)
def is_held_out(pattern: str, template: str, templates: tuple[str, ...]) -> bool:
    """Whether a wording is kept for validation: not of the first template, nor with a word taught nowhere."""
    if zlib.crc32(pattern.encode()) % 1000 >= HELD_OUT_SHARE * 1000 or pattern in wordings(templates[0]):
        return False
    taught = {word for other in templates if other != template for word in _WORD.findall(other)}
    return set(_WORD.findall(pattern)) <= taught


@lru_cache(maxsize=1 << 12)
def wordings(template: str) -> frozenset[str]:
    """Most of what a short template may become."""
    rng = random.Random(template)
    return frozenset(expand(template, rng) for _ in range(64))
