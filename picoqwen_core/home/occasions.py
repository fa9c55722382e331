"""Scenes and scripts for an occasion that is told rather than named: "I'm going to bed" and "Good Night".

Words only; whether anything is to be started is for the model to decide.
"""

from collections.abc import Set
from dataclasses import dataclass

from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext, HomeEntity

_DOMAINS = ("scene", "script")
MOST = 3


@dataclass(frozen=True, slots=True)
class Occasion:
    """Words that people say of an occasion, and those that scenes and scripts for it are called by."""

    told: frozenset[str]
    named: frozenset[str]


def _occasion(told: str, named: str) -> Occasion:
    return Occasion(frozenset(told.split()), frozenset(named.split()))


OCCASIONS = (
    _occasion("bed sleep asleep goodnight night tired", "goodnight night bed bedtime sleep sleeping"),
    _occasion("leaving leave out away goodbye bye heading", "leave leaving away goodbye bye out departure"),
    _occasion("home back arrived", "arrive arrival arriving coming welcome back return"),
    _occasion("morning awake woke up", "morning wake waking sunrise"),
    _occasion("movie film watch watching", "movie film cinema"),
    _occasion("dinner eat eating supper", "dinner supper dining"),
    _occasion("party guests friends visitors", "party guest guests"),
    _occasion("relax unwind chill rest", "relax relaxing chill cozy cosy"),
    _occasion("work working concentrate study", "work focus concentrate study"),
    _occasion("read reading book", "reading read"),
)


def for_occasion(home: HomeContext, said: Set[str]) -> list[HomeEntity]:
    """The scenes and scripts, at most MOST, that are called by what these words tell of."""
    named = frozenset[str]().union(*(each.named for each in OCCASIONS if each.told & said))
    if not named:
        return []
    fitting = (
        entity
        for entity in home.entities
        if entity.domain in _DOMAINS and any(token.text in named for token in tokenize(entity.name))
    )
    return list(fitting)[:MOST]
