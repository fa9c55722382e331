"""Slips of the tongue that are put right in the same sentence: "turn on the kitchen no the bedroom light"."""

import random
import re

from picoqwen_core.home.decision import Act, Action
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext
from training.actions import INTENTS, Drawn, Intent, draw_action
from training.grammar import draw_pattern
from training.phrases import joined
from training.targets import Said, refer
from training.values import draw_value

_PHRASES = joined("near", "almost")
# Copied words would take the slip along, and "the lamp" or "the scene" alone is no sentence to slip in.
_CORRECTABLE = tuple(
    i for i in INTENTS if i.verb not in ("list_add", "list_complete", "list_remove", "play_media")
)
_VALUED = tuple(
    i for i in _CORRECTABLE if i.value in ("percent", "degrees", "color", "percent_step", "degrees_step")
)
_SWITCHES = {"on": "off", "off": "on", "up": "down", "down": "up"}
_SWITCHED = re.compile(r"\b(on|off)\b")


def draw_corrected(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """What is meant is what was said last."""
    drawn = _slipped(home, split, rng)
    if drawn is None or home.area is not None or not isinstance(drawn.decision, Act):
        return drawn
    # Where nobody knows the speaker's room, a room that the slip names would be taken for it.
    return None if any(action.target.here for action in drawn.decision.actions) else drawn


def _slipped(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    draw = rng.random()
    if draw < 0.45:
        return _other_thing(home, split, rng)
    if draw < 0.65:
        return _other_value(home, split, rng)
    if draw < 0.8:
        return _other_way(home, split, rng)
    return _started_again(home, split, rng)


def _pattern(intents: tuple[Intent, ...], split: str, rng: random.Random) -> tuple[Intent, str] | None:
    intent = rng.choices(intents, [each.weight for each in intents])[0]
    pattern = draw_pattern(intent.templates, split, rng)
    return (intent, pattern) if pattern.count("{t}") == 1 and pattern != "{t}" else None


def _other_thing(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Turn on the lamp, no, the fan"; the right one may also come at the end."""
    chosen = _pattern(_CORRECTABLE, split, rng)
    if chosen is None:
        return None
    intent, pattern = chosen
    wrong, right = refer(home, intent.kinds, rng), refer(home, intent.kinds, rng)
    if wrong is None or right is None or right.target is None or not _differ(home, wrong, right):
        return None
    slip = rng.choice(_PHRASES["slips"])
    text = (
        f"{pattern.replace('{t}', wrong.text)} {slip} {right.text}"
        if rng.random() < 0.4
        else pattern.replace("{t}", f"{wrong.text} {slip} {right.text}")
    )
    value_text, value = draw_value(intent.value, split, rng)
    if "{v}" not in pattern and value_text:
        return None
    return Drawn(text.replace("{v}", value_text), Act((Action(intent.verb, right.target, value),)), pattern)


def _differ(home: HomeContext, wrong: Said, right: Said) -> bool:
    if wrong.target is None or right.target is None or wrong.text == right.text:
        return False
    ids = ({e.id for e in resolve(home, said.target)} for said in (wrong, right) if said.target is not None)
    return not set.intersection(*ids)


def _other_value(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Set the lamp to 30, no, 40 percent"."""
    chosen = _pattern(_VALUED, split, rng)
    if chosen is None or "{v}" not in chosen[1]:
        return None
    intent, pattern = chosen
    said = refer(home, intent.kinds, rng)
    if said is None or said.target is None:
        return None
    wrong, (value_text, value) = (draw_value(intent.value, split, rng) for _ in range(2))
    if wrong[1] == value:
        return None
    slip = rng.choice(_PHRASES["slips"])
    text = pattern.replace("{t}", said.text).replace("{v}", f"{wrong[0]} {slip} {value_text}")
    return Drawn(text, Act((Action(intent.verb, said.target, value),)), pattern)


def _other_way(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Turn the lamp on, no, off"."""
    intents = tuple(i for i in _CORRECTABLE if i.verb in ("on", "off") and "light" in i.kinds)
    chosen = _pattern(intents, split, rng)
    if chosen is None:
        return None
    intent, pattern = chosen
    found = _SWITCHED.findall(pattern)
    said = refer(home, intent.kinds, rng)
    if len(found) != 1 or found[0] != intent.verb or said is None or said.target is None:
        return None
    wrong, slip = _SWITCHES[intent.verb], rng.choice(_PHRASES["slips"])
    text = _SWITCHED.sub(f"{wrong} {slip} {intent.verb}", pattern).replace("{t}", said.text)
    return Drawn(text, Act((Action(intent.verb, said.target),)), pattern)


def _started_again(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Turn on the lamp, never mind, close the blinds"."""
    first, second = draw_action(home, split, rng), draw_action(home, split, rng)
    if first is None or second is None or not isinstance(second.decision, Act):
        return None
    if second.decision.actions[0].verb in ("list_add", "list_complete", "list_remove", "play_media"):
        return None
    if isinstance(first.decision, Act) and first.decision.actions[0].verb == "play_media":
        return None
    text = f"{first.text} {rng.choice(_PHRASES['restarts'])} {second.text}"
    return Drawn(text, second.decision, f"{first.template}+{second.template}")
