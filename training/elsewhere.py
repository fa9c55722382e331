"""Requests that are not about the home: they go to a larger model and must never act.

English has a grammar of clauses (phrases/world.toml, with verbs.py) beside written templates
(phrases/elsewhere.toml); other languages have one file each (phrases/elsewhere_<language>.toml).
"""

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from picoqwen_core.home.decision import Escalate
from picoqwen_core.messages import HomeContext
from training.actions import Drawn
from training.phrases import load
from training.pools import nonsense_word
from training.sentences import Sentences, alternatives
from training.verbs import verb_rules

_HELD_OUT = "validation_templates"
_POOLS = {"x": "topics", "p": "people", "c": "places"}
_SHORTEST_WORD = 4


@dataclass(frozen=True, slots=True)
class Pack:
    """What a language says about the world: rules to draw from, by split, and how often each is drawn."""

    taught: Sentences
    held_out: Sentences
    weights: dict[str, float]
    # What the rules' words become when they meet: "a" before a vowel, "de el".
    spelling: tuple[tuple[re.Pattern[str], str], ...]


def draw_elsewhere(
    split: str, rng: random.Random, language: str = "en", home: HomeContext | None = None
) -> Drawn:
    """A sentence that has nothing to do with this home's devices, but may hold a word of their names."""
    pack = world(language)
    given = _given(home, rng)
    if split != "train":
        text, template = pack.held_out.draw(_HELD_OUT, rng, given)
        return Drawn(text, Escalate(), template)
    rule = rng.choices(list(pack.weights), list(pack.weights.values()))[0]
    text, template = pack.taught.draw(rule, rng, given)
    for pattern, becomes in pack.spelling:
        text = pattern.sub(becomes, text)
    return Drawn(text, Escalate(), template)


def draw_aside(rng: random.Random) -> str:
    """Something told before a request to the home, which stays one: "my aunt is coming over so"."""
    return world("en").taught.draw("aside", rng, {})[0]


@lru_cache(maxsize=8)
def world(language: str) -> Pack:
    """The rules of a language."""
    if language == "en":
        return _english()
    data = load(f"elsewhere_{language}")
    rules = {name: alternatives(text) for name, text in data["rules"].items()}
    held = {name: alternatives(text) for name, text in data["held_out"].items()}
    return Pack(Sentences(rules), Sentences(held), dict(data["weights"]), _spelling(data))


def _english() -> Pack:
    written, data = load("elsewhere"), load("world")
    rules = {name: alternatives(text) for name, text in data["rules"].items()}
    verbs = {name: alternatives(text) for name, text in data["verbs"].items()}
    rules |= verb_rules(verbs, data["objects"])
    rules["written"] = written["templates"]
    held: dict[str, tuple[str, ...]] = {_HELD_OUT: written[_HELD_OUT]}
    for slot, pool in _POOLS.items():
        rules[slot] = (*rules[slot], *written[pool]["train"])
        held[slot] = written[pool]["validation"]
    return Pack(Sentences(rules), Sentences(held), dict(data["weights"]), _spelling(data))


def _spelling(data: dict[str, Any]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), becomes) for pattern, becomes in data.get("spelling", ()))


def _given(home: HomeContext | None, rng: random.Random) -> dict[str, str]:
    """Words for {w}, one of a device's name, {room}, and {z}, a word that nobody knows."""
    words = {"w": "lamp", "room": "kitchen", "z": nonsense_word(rng)}
    if home is None:
        return words
    if home.areas:
        words["room"] = rng.choice(home.areas).name.lower()
    if home.entities:
        name = rng.choice(home.entities).name.lower().split()
        words["w"] = rng.choice([w for w in name if len(w) >= _SHORTEST_WORD and w.isalpha()] or ["lamp"])
    return words
