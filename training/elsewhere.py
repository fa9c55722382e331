"""Requests that are not about the home: they go to a larger model and must never act."""

import random

from picoqwen_core.home.decision import Escalate
from training.actions import Drawn
from training.grammar import expand
from training.phrases import load

_PHRASES = load("elsewhere")
_NUMBERS = range(2, 200)
_POOLS = (("{x}", "topics"), ("{p}", "people"), ("{c}", "places"))


def draw_elsewhere(split: str, rng: random.Random) -> Drawn:
    """A sentence that has nothing to do with this home's devices."""
    if split == "train":
        template = expand(rng.choice(_PHRASES["templates"]), rng)
    else:
        template = rng.choice(_PHRASES["validation_templates"])
    text = template
    for slot, pool in _POOLS:
        while slot in text:
            text = text.replace(slot, rng.choice(_PHRASES[pool][split]), 1)
    while "{n}" in text:
        text = text.replace("{n}", str(rng.choice(_NUMBERS)), 1)
    return Drawn(text, Escalate(), template)
