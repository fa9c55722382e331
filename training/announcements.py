"""Announcements: something that is to be said on all speakers, to whomever it is meant for."""

import random
from functools import lru_cache

from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.messages import HomeContext
from training.actions import Drawn
from training.durations import draw_duration
from training.grammar import draw_pattern, expand
from training.phrases import load
from training.sentences import Sentences, alternatives

_PHRASES = load("requests")
_FRAMES: tuple[str, ...] = load("announcements")["frames"]
_OF_RULES = 0.7


def draw_broadcast(_home: HomeContext, split: str, rng: random.Random) -> Drawn:
    """Most of what is taught is drawn from rules; what is validated has patterns and messages of its own."""
    if split == "train" and rng.random() < _OF_RULES:
        return _of_rules(rng)
    pattern = draw_pattern(_PHRASES["broadcast"], split, rng)
    message = expand(rng.choice(_PHRASES["messages"][split]), rng).replace("{d}", draw_duration(rng)[0])
    return _drawn(pattern, message)


def _of_rules(rng: random.Random) -> Drawn:
    frame, rule = rng.choice(_FRAMES).split(" = ")
    given = {"d": draw_duration(rng)[0], "m": "{m}"}
    message, _ = _rules().draw(rule, rng, given)
    pattern = expand(frame, rng)
    while "{all}" in pattern:
        pattern = pattern.replace("{all}", _rules().draw("all", rng, given)[0], 1)
    return _drawn(pattern, message)


def _drawn(pattern: str, message: str) -> Drawn:
    action = Action("broadcast", Target(everywhere=True), message)
    return Drawn(pattern.replace("{m}", message), Act((action,)), pattern)


@lru_cache(maxsize=1)
def _rules() -> Sentences:
    return Sentences({name: alternatives(text) for name, text in load("announcements")["rules"].items()})
