"""What sounds like a command and must not act now: questions about devices, conditions, negations."""

import random

from picoqwen_core.home.decision import Act, Clarify, Escalate, Query
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, draw_action
from training.durations import draw_duration
from training.grammar import draw_pattern
from training.phrases import joined
from training.pools import COLORS, KINDS
from training.targets import refer

_PHRASES = joined("near", "almost")
# Commands of these verbs may be asked about in the form "should I turn off the lamp".
_ABOUT = (
    "on",
    "off",
    "open",
    "close",
    "lock",
    "unlock",
    "brightness",
    "temperature",
    "color",
    "dimmer",
    "brighter",
)
# A command with such a beginning makes no sense after "how do I".
_BARE_VERBS = frozenset(
    "turn switch open close lock unlock set put dim brighten raise lower shut make start stop run activate "
    "pause mute play lift kill cut power change".split()
)


def draw_near(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A question about what a device can do or did, advice, a negation, or a command for some other time."""
    draw = rng.random()
    if draw < 0.42:
        return _did(home, split, rng)
    if draw < 0.5:
        return _of_device("capability", home, split, rng)
    if draw < 0.62:
        return _of_device("history", home, split, rng)
    if draw < 0.7:
        return _of_command("about", home, split, rng)
    if draw < 0.8:
        return _of_command("negated", home, split, rng)
    if draw < 0.85:
        return _left_alone(home, split, rng)
    return _of_command("later", home, split, rng)


def _did(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Did you turn off the lamp?" asks whether it is off."""
    chosen = rng.choice(_PHRASES["did"])
    said = refer(home, chosen["kinds"], rng)
    if said is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    decision = Clarify(said.choices) if said.target is None else Query("is", said.target, chosen["state"])
    return Drawn(template.replace("{t}", said.text), decision, template)


def _of_device(what: str, home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """What a device can do, and why, when and by whom it was done."""
    chosen = rng.choice(_PHRASES[what])
    said = refer(home, chosen["kinds"], rng)
    if said is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    return Drawn(template.replace("{t}", said.text).replace("{v}", rng.choice(COLORS)), Escalate(), template)


def _of_command(how: str, home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A command that is asked about, forbidden, or for another time."""
    command = draw_action(home, split, rng)
    if command is None or not isinstance(command.decision, Act):
        return None
    if how != "later" and command.decision.actions[0].verb not in _ABOUT:
        return None
    first = command.text.split(" ", 1)[0]
    if first not in _BARE_VERBS or " if " in command.text:
        return None
    template = draw_pattern(_PHRASES[how], split, rng)
    text = template.replace("{c}", command.text).replace("{o}", rng.choice(_PHRASES["clocks"]))
    text = text.replace("{e}", rng.choice(_PHRASES["events"])).replace("{k}", rng.choice(_PHRASES["days"]))
    text = text.replace("{d}", draw_duration(rng)[0])
    return Drawn(text, Escalate(), f"{template}+{command.template}")


def _left_alone(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Don't touch the lamp", "the lamp is new": nothing is to be done with it."""
    said = refer(home, ("light", "light", "tv", "fan", "lock", "blind", "climate", "vacuum"), rng)
    if said is None:
        return None
    template = draw_pattern(_PHRASES["leave"], split, rng)
    noun = rng.choice([kind.nouns[0][0] for kind in KINDS.values() if kind.nouns])
    return Drawn(template.replace("{t}", said.text).replace("{n}", noun), Escalate(), template)
