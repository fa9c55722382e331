"""What people ask a home to do: templates by verb, and the kinds of device each verb fits."""

import random
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from picoqwen_core.home.decision import Act, Action, Clarify, Decision, Target, Verb
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext
from training.grammar import draw_pattern
from training.phrases import load
from training.pools import KINDS
from training.targets import Said, refer
from training.values import draw_value

COVERS = ("blind", "curtain", "shutter", "shade", "garage", "gate", "window_cover")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request: its words, and what should happen."""

    text: str
    decision: Decision
    template: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A verb with its phrasings; {t} is the target, {v} the value."""

    verb: Verb
    kinds: tuple[str, ...]
    templates: tuple[str, ...]
    value: str | None = None  # what draw_value draws
    weight: float = 1.0
    everywhere: bool = False  # with no target said, the whole home is meant


def _intent(data: dict[str, Any]) -> Intent:
    return Intent(**data)


_FILES = ("actions", "devices", "casual", "everyday", "spoken", "slang", "wishes")
INTENTS = tuple(_intent(data) for file in _FILES for data in load(file).get("intent", ()))
# "Stop the music" pauses what plays; only "off" and "on" switch a player.
_SWITCHES = re.compile(r"\b(on|off)\b")
_CUMULATED = tuple(accumulate(intent.weight for intent in INTENTS))
# Requests with no target of their own: they mean the speaker's room, or the home.
BARE = tuple(_intent(data) for file in _FILES for data in load(file).get("bare", ()))


def draw_action(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """One thing to do, to something this home has."""
    return draw_of(rng.choices(INTENTS, cum_weights=_CUMULATED)[0], home, split, rng)


def draw_of(intent: Intent, home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A request of one intent, to something this home has."""
    template = draw_pattern(intent.templates, split, rng)
    if template == "{t}" and intent.kinds == ("scene",) and rng.random() < 0.3:
        return None
    said = refer(home, intent.kinds, rng)
    if said is None or (said.target is not None and said.target.everywhere and intent.verb == "unlock"):
        return None
    if intent.verb in ("on", "off") and "music" in said.text and not _SWITCHES.search(template):
        return None
    value_text, value = draw_value(intent.value, split, rng)
    text = template.replace("{t}", said.text).replace("{v}", value_text)
    return Drawn(text, decide(intent.verb, said, value), template)


def decide(verb: Verb, said: Said, value: float | str | None) -> Decision:
    """Act when it is clear what is meant, else ask."""
    if said.target is not None:
        return Act((Action(verb, said.target, value),))
    return Clarify(said.choices)


def draw_bare(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A request that names no device: the speaker's room decides, and nobody knows when there is none."""
    intent = rng.choices(BARE, [bare.weight for bare in BARE])[0]
    template = draw_pattern(intent.templates, split, rng)
    value_text, value = draw_value(intent.value, split, rng)
    text = template.replace("{v}", value_text)
    domain = KINDS[intent.kinds[0]].domain
    target = Target(everywhere=True, domain=domain) if intent.everywhere else here(home, domain)
    if target is None:
        return None
    return Drawn(text, Act((Action(intent.verb, target, value),)), template)


def here(home: HomeContext, domain: str, device_class: str | None = None) -> Target | None:
    """The speaker's room, or nobody knows where; None when the home has nothing of the kind."""
    if not any(e.domain == domain for e in home.entities):
        return None
    target = Target(here=True, domain=domain, device_class=device_class)
    return target if home.area is None or resolve(home, target) else None
