"""Second turns that go on from the first: more, less, undone, another value, asked of something else."""

import random
from dataclasses import replace

from picoqwen_core.home.decision import Act, Action, Escalate, Query, Target, Verb
from picoqwen_core.messages import HomeContext
from training.grammar import draw_pattern
from training.phrases import joined
from training.targets import by_name, group_target, kind_entities
from training.turns import First, Turn, asked_turn, first_of, first_turn
from training.values import draw_value

_PHRASES = joined("turns", "replies")
_OPPOSITES: dict[Verb, Verb] = _PHRASES["opposites"]
_RELATIVE: tuple[Verb, ...] = (
    "brighter",
    "dimmer",
    "louder",
    "quieter",
    "warmer",
    "cooler",
    "fan_faster",
    "fan_slower",
)
_UNDONE: tuple[Verb, ...] = ("on", "off", "open", "close", "mute", "unmute")
# The verbs that take a number, and how it is drawn.
_NUMBERED: dict[Verb, str] = {
    "brightness": "percent",
    "volume": "percent",
    "position": "percent",
    "fan_speed": "percent",
    "temperature": "degrees",
    "humidity": "percent",
}
_SAID: dict[Verb, tuple[str, str]] = {
    "on": ("on", "off"),
    "off": ("off", "on"),
    "open": ("open", "close"),
    "close": ("close", "open"),
}


def draw_more(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "A bit more", "too much": the same step again, or one back."""
    first = first_of(home, _RELATIVE, split, rng)
    if first is None:
        return None
    verb = _action(first).verb
    more = rng.random() < 0.65
    pattern = draw_pattern(_PHRASES["more" if more else "back"], split, rng)
    return _turn(first, pattern, Action(verb if more else _OPPOSITES[verb], Target(first.entities)))


def draw_undone(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "Undo that": what can be turned round is turned round."""
    first = first_of(home, _UNDONE, split, rng)
    if first is None:
        return None
    pattern = draw_pattern(_PHRASES["undo"], split, rng)
    return _turn(first, pattern, Action(_OPPOSITES[_action(first).verb], Target(first.entities)))


def draw_other_verb(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "No, off!" after the wrong thing was understood."""
    first = first_of(home, tuple(_SAID), split, rng)
    if first is None:
        return None
    done = _action(first).verb
    wrong, right = _SAID[done]
    pattern = draw_pattern(_PHRASES["other_verb"], split, rng)
    words = pattern.replace("{v}", right).replace("{o}", wrong)
    return replace(_turn(first, pattern, Action(_OPPOSITES[done], Target(first.entities))), text=words)


def draw_new_value(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "No, 40": the same with another number, for the same thing or for another one."""
    first = first_of(home, tuple(_NUMBERED), split, rng)
    if first is None:
        return None
    action = _action(first)
    said, value = draw_value(_NUMBERED[action.verb], split, rng)
    if rng.random() < 0.6:
        pattern = draw_pattern(_PHRASES["new_value"], split, rng)
        turn = _turn(first, pattern, Action(action.verb, Target(first.entities), value))
        return replace(turn, text=pattern.replace("{n}", said))
    known = {e.id: e for e in home.entities}
    domain = known[first.entities[0]].domain
    others = [e for e in home.entities if e.domain == domain and e.id not in first.entities]
    other = by_name(home, rng.choice(others), rng) if others else None
    if other is None or other.target is None:
        return None
    pattern = draw_pattern(_PHRASES["other_with_value"], split, rng)
    turn = _turn(first, pattern, Action(action.verb, other.target, value))
    return replace(turn, text=pattern.replace("{t}", other.text).replace("{n}", said))


def draw_asked_again(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "And the bedroom lamp?": the same question about something else."""
    first = asked_turn(home, split, rng)
    if first is None or not isinstance(first.decision, Query) or not first.decision.target.entities:
        return None
    known = {e.id: e for e in home.entities}
    one = known[first.entities[0]]
    others = [
        e
        for e in home.entities
        if e.domain == one.domain and e.device_class == one.device_class and e.id not in first.entities
    ]
    said = by_name(home, rng.choice(others), rng) if others else None
    if said is None or said.target is None:
        return None
    pattern = draw_pattern(_PHRASES["about"], split, rng)
    decision = replace(first.decision, target=said.target)
    return Turn(pattern.replace("{t}", said.text), decision, pattern, first.history)


def draw_other_room(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "No, in the bedroom": the same, for what is there."""
    first = first_turn(home, split, rng, asked=0.0)
    if first is None or not isinstance(first.decision, Act):
        return None
    action = _action(first)
    known = {e.id: e for e in home.entities}
    touched = known[first.entities[0]]
    kind = {"light": "light", "fan": "fan", "climate": "climate"}.get(touched.domain)
    if kind is None or action.target.everywhere or action.target.floor:
        return None
    rooms = [a for a in home.areas if a.id != touched.area and kind_entities(home, kind, a.id)]
    if not rooms:
        return None
    room = rng.choice(rooms)
    pattern = draw_pattern(_PHRASES["corrected_room"], split, rng)
    turn = _turn(first, pattern, replace(action, target=group_target(kind, area=room.id)))
    return replace(turn, text=pattern.replace("{r}", room.name))


def draw_neither(first: First, split: str, rng: random.Random) -> Turn:
    """No answer to "which one?": nothing is done."""
    pattern = draw_pattern(_PHRASES["neither"], split, rng)
    return Turn(pattern, Escalate(), pattern, replace(first.history, clarifying=True))


def _action(first: First) -> Action:
    assert isinstance(first.decision, Act)
    return first.decision.actions[0]


def _turn(first: First, pattern: str, action: Action) -> Turn:
    return Turn(pattern, Act((action,)), pattern, first.history)
