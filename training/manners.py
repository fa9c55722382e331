"""How people ask for what they could command: "mind turning on the lamp"; names, thanks and reasons."""

import random

from training.grammar import expand
from training.phrases import load

_PHRASES = load("manners")
_GERUNDS: dict[str, str] = _PHRASES["gerunds"]
_GERUND_SHARE = 0.15
# "Light please" commands nothing; neither does "pause" by itself want a lot of words around it.
_NOUNS = frozenset(("light", "vacuum", "water", "heat", "power", "lock", "switch"))
_OBJECTS = frozenset(
    "the my all every up down on off off out both it them this that these those with".split()
)


def asked(command: str, rng: random.Random) -> str | None:
    """The command as a request; None when it does not begin with a verb that is known."""
    verb, _, rest = command.partition(" ")
    gerund = _GERUNDS.get(verb)
    if gerund is None or not rest or (verb in _NOUNS and rest.split(" ", 1)[0] not in _OBJECTS):
        return None
    if rng.random() < _GERUND_SHARE:
        return expand(rng.choice(_PHRASES["gerund"]), rng).replace("{g}", f"{gerund} {rest}")
    words = expand(rng.choice(_PHRASES["ask"]), rng).replace("{who}", rng.choice(_PHRASES["who"]))
    return words.replace("{c}", command)


def called(rng: random.Random) -> str:
    """What the assistant is called, as it is said before a request."""
    return expand(rng.choice(_PHRASES["called"]), rng)


def courtesy(rng: random.Random) -> str:
    """What is said behind a request."""
    return expand(rng.choice(_PHRASES["after"]), rng)


def reason(rng: random.Random, *, before: bool) -> str:
    """Why something is wanted, with the word that joins it to a request behind or before it."""
    words = expand(rng.choice(_PHRASES["why"]), rng)
    if before:
        return words + rng.choice(("", "", " so", " so", " and", " that's why"))
    return rng.choice(("", "because ", "because ", "as ", "since ", "cause ", "cos ", "cuz ")) + words
