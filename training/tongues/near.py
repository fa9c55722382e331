"""What sounds like a command and must not act now, in other languages: questions whether something was done,
advice, negations, what a device can do or did, and commands for some other time."""

import random

from picoqwen_core.home.decision import Act, Clarify, Decision, Escalate, Query
from training.actions import Drawn
from training.tongues.grammar import draw_pattern, filled, pack
from training.tongues.household import Household
from training.tongues.references import refer
from training.tongues.requests import draw_request

# Kinds of devices, by the names of the lists in the phrase files.
_KINDS: dict[str, tuple[str, ...]] = {
    "switched": ("light", "light", "switch", "fan", "tv", "speaker", "climate", "input_boolean"),
    "moved": ("blind", "blind", "curtain", "shutter", "garage", "gate"),
    "sensed": ("door", "window", "blind", "garage"),
    "locked": ("lock",),
    "light": ("light",),
    "heat": ("climate",),
    "heard": ("tv", "speaker"),
    "any": ("light", "light", "tv", "fan", "lock", "blind", "climate", "vacuum"),
}
# Whose state answers whether something was done.
_DONE = {
    "on": "switched",
    "off": "switched",
    "open": "sensed",
    "closed": "sensed",
    "locked": "locked",
    "unlocked": "locked",
}
# Of a device and not for the home to do, and how often each is drawn.
_LEFT = {"about": 0.2, "negated": 0.27, "history": 0.2, "able": 0.1, "leave": 0.1}
_DID_SHARE, _LATER_SHARE = 0.35, 0.2


def draw_near(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """One of them; only whether something was done is answered here."""
    draw = rng.random()
    if draw < _DID_SHARE:
        return _did(of, split, rng)
    if draw < _DID_SHARE + _LATER_SHARE:
        return _later(of, split, rng)
    return _left(of, rng.choices(list(_LEFT), list(_LEFT.values()))[0], split, rng)


def _did(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "Hast du das Licht ausgemacht?" asks whether it is off."""
    state = rng.choice(list(_DONE))
    said = refer(of, _KINDS[_DONE[state]], rng)
    if said is None:
        return None
    pattern = draw_pattern(pack(of.language)["did"][state], split, rng)
    decision: Decision = Clarify(said.choices)
    if said.target is not None:
        decision = Query("is", said.target, state)
    return Drawn(filled(pattern, said.words, of.language), decision, pattern)


def _left(of: Household, part: str, split: str, rng: random.Random) -> Drawn | None:
    lists = pack(of.language)[part]
    kind = rng.choice(list(lists))
    said = refer(of, _KINDS[kind], rng)
    if said is None:
        return None
    pattern = draw_pattern(lists[kind], split, rng)
    color = rng.choice(pack(of.language)["colors"]).partition("=")[0]
    return Drawn(filled(pattern, said.words, of.language, v=color), Escalate(), pattern)


def _later(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """A command for a time of day, an event, or every day."""
    command = draw_request(of, split, rng)
    if command is None or not isinstance(command.decision, Act):
        return None
    if any(slot in command.template for slot in ("{be}", "{q}")) or command.template in ("{t}", "{s}"):
        return None
    later = pack(of.language)["later"]
    pattern = draw_pattern(later["said"], split, rng)
    slots = {"o": "clocks", "e": "events", "k": "days"}
    text = pattern.replace("{c}", command.text)
    for slot, words in slots.items():
        text = text.replace(f"{{{slot}}}", rng.choice(later[words]))
    return Drawn(text, Escalate(), f"{pattern}+{command.template}")
