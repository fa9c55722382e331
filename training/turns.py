"""A request in its conversation, and the first turns that a second one may refer to."""

import random
from dataclasses import dataclass

from picoqwen_core.home import targets
from picoqwen_core.home.decision import Act, Decision, Query, Target, Verb
from picoqwen_core.home.history import History
from picoqwen_core.messages import HomeContext
from training.actions import INTENTS, Drawn, Intent, draw_action, draw_bare, draw_of
from training.questions import draw_question

MAX_PREVIOUS = 6


@dataclass(frozen=True, slots=True)
class Turn:
    """A request in its conversation."""

    text: str
    decision: Decision
    template: str
    history: History | None = None


@dataclass(frozen=True, slots=True)
class First:
    """A first turn: what was said, what it came to, and the entities that it touched or asked about."""

    text: str
    decision: Decision
    entities: tuple[str, ...]

    @property
    def history(self) -> History:
        """What the next turn knows of it."""
        return History(self.text, self.entities)


def resolve(home: HomeContext, target: Target) -> tuple[str, ...]:
    """The entities that a target means in this home."""
    return tuple(entity.id for entity in targets.resolve(home, target))


def first_turn(home: HomeContext, split: str, rng: random.Random, asked: float = 0.2) -> First | None:
    """An action on a few things; with a probability of `asked` a question about them."""
    if rng.random() < asked:
        return asked_turn(home, split, rng)
    draw = draw_bare if rng.random() < 0.15 else draw_action
    return _done(home, draw(home, split, rng))


def first_of(home: HomeContext, verbs: tuple[Verb, ...], split: str, rng: random.Random) -> First | None:
    """An action of one of these verbs."""
    intents = _intents_of(verbs)
    intent = rng.choices(intents, [each.weight for each in intents])[0]
    return _done(home, draw_of(intent, home, split, rng))


_BY_VERBS: dict[tuple[Verb, ...], tuple[Intent, ...]] = {}


def _intents_of(verbs: tuple[Verb, ...]) -> tuple[Intent, ...]:
    if verbs not in _BY_VERBS:
        _BY_VERBS[verbs] = tuple(intent for intent in INTENTS if intent.verb in verbs)
    return _BY_VERBS[verbs]


def asked_turn(home: HomeContext, split: str, rng: random.Random) -> First | None:
    """ "Is the lamp on?" may come before "turn it off"."""
    asked = draw_question(home, split, rng)
    if asked is None or not isinstance(asked.decision, Query) or asked.decision.target == Target():
        return None
    return _touching(home, asked, asked.decision.target)


def _done(home: HomeContext, drawn: Drawn | None) -> First | None:
    if drawn is None or not isinstance(drawn.decision, Act):
        return None
    return _touching(home, drawn, drawn.decision.actions[0].target)


def _touching(home: HomeContext, drawn: Drawn, target: Target) -> First | None:
    entities = resolve(home, target)
    return First(drawn.text, drawn.decision, entities) if 0 < len(entities) <= MAX_PREVIOUS else None
