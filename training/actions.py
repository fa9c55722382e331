"""What people ask a home to do: templates by verb, and the kinds of device each verb fits."""

import random
from dataclasses import dataclass
from typing import Any

from picoqwen_core.home.decision import Act, Action, Clarify, Decision, Target, Verb
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext
from training.grammar import draw_pattern
from training.phrases import load
from training.pools import COLORS, ITEMS, KINDS, nonsense_word
from training.targets import Said, refer

_WHITES = (
    ("warm white", "warm"),
    ("warm", "warm"),
    ("cool white", "cool"),
    ("cold white", "cool"),
    ("daylight", "daylight"),
    ("neutral white", "neutral"),
    ("soft white", "warm"),
    ("candle light", "candle"),
)
_FRACTIONS = (
    ("a third", 33.0),
    ("one third", 33.0),
    ("two thirds", 67.0),
    ("a quarter", 25.0),
    ("three quarters", 75.0),
    ("a fifth", 20.0),
)
_WHITE_WORDS = (("warmer", "warm"), ("warm", "warm"), ("cooler", "cool"), ("cold", "cool"))
_MEDIA = load("requests")["media"]
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


_FILES = ("actions", "devices", "casual", "everyday")
INTENTS = tuple(_intent(data) for file in _FILES for data in load(file)["intent"])
# Requests with no target of their own: they mean the speaker's room, or the home.
BARE = tuple(_intent(data) for file in _FILES for data in load(file)["bare"])


def draw_value(kind: str | None, split: str, rng: random.Random) -> tuple[str, float | str | None]:
    """A value as said, and as meant."""
    match kind:
        case "percent" | "fraction" | "degrees":
            return _draw_number(kind, rng)
        case "percent_step" | "degrees_step":
            return _draw_step(kind, rng)
        case "media":
            title = rng.choice(_MEDIA[split])
            if rng.random() < 0.4:
                title = " ".join(nonsense_word(rng) for _ in range(rng.randint(1, 3)))
            return title, title
        case "color":
            color = rng.choice(COLORS)
            return color, color
        case "white" | "white_word":
            return _draw_white(kind, rng)
        case "item":
            item = rng.choice(ITEMS[split])
            if rng.random() < 0.35:
                item = " ".join(nonsense_word(rng) for _ in range(rng.randint(1, 3)))
            if rng.random() < 0.15:
                item += " and " + rng.choice(ITEMS[split])
            return item, item
        case _:
            return "", kind


def _draw_number(kind: str, rng: random.Random) -> tuple[str, float]:
    """A share of the whole, or degrees, of either scale: as said, and as meant."""
    if kind == "fraction":
        return rng.choice(_FRACTIONS)
    if kind == "percent":
        number: float = rng.choice((*range(5, 101, 5), rng.randint(1, 100)))
        return f"{number}{rng.choice((' percent', '%', ' percent', ''))}", float(number)
    whole = rng.randint(15, 27) if rng.random() < 0.7 else rng.randint(58, 84)
    if rng.random() < 0.12:
        return f"{whole} and a half{rng.choice((' degrees', ''))}", whole + 0.5
    number = whole + rng.choice((0, 0, 0.5))
    return f"{number:g}{rng.choice((' degrees', '', ' degrees celsius', '°'))}", float(number)


def _draw_white(kind: str, rng: random.Random) -> tuple[str, float | str]:
    """A colour temperature: as said, and as meant."""
    if kind == "white_word":
        return rng.choice(_WHITE_WORDS)
    if rng.random() < 0.3:
        kelvin = rng.choice((2200, 2700, 3000, 3500, 4000, 5000, 6000, 6500))
        return f"{kelvin} kelvin", float(kelvin)
    return rng.choice(_WHITES)


def _draw_step(kind: str, rng: random.Random) -> tuple[str, float]:
    """By how much something is to change: as said, and as meant."""
    if kind == "percent_step":
        number: float = rng.choice((5, 10, 15, 20, 25, 30, 40, 50))
        return f"{number}{rng.choice((' percent', '%', ' percent', ''))}", float(number)
    number = rng.choice((1, 2, 3, 4, 5, 0.5, 1.5))
    unit = " degree" if number == 1 else " degrees"
    return f"{number:g}{rng.choice((unit, unit, '°'))}", float(number)


def draw_action(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """One thing to do, to something this home has."""
    intent = rng.choices(INTENTS, [i.weight for i in INTENTS])[0]
    template = draw_pattern(intent.templates, split, rng)
    if template == "{t}" and intent.kinds == ("scene",) and rng.random() < 0.3:
        return None
    said = refer(home, intent.kinds, rng)
    if said is None or (said.target is not None and said.target.everywhere and intent.verb == "unlock"):
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
