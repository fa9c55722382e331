"""Occasions that are told: "I'm going to bed" starts the scene or script for it, where the home has one."""

import random

from picoqwen_core.home.decision import Act, Action, Clarify, Decision, Escalate, Target
from picoqwen_core.home.occasions import for_occasion
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext
from training.actions import Drawn
from training.grammar import draw_pattern
from training.phrases import load

_TOLD: tuple[str, ...] = load("occasions")["told"]


def draw_occasion(home: HomeContext, split: str, rng: random.Random) -> Drawn:
    """With nothing for the occasion it is small talk, and with two things for it nobody knows which."""
    text = draw_pattern(_TOLD, split, rng)
    fitting = tuple(e.id for e in for_occasion(home, {token.text for token in tokenize(text)}))
    decision: Decision = Escalate()
    if fitting:
        decision = Act((Action("on", Target(fitting)),)) if len(fitting) == 1 else Clarify(fitting)
    return Drawn(text, decision, text)
