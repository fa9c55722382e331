"""Timers, commands for later, announcements, and rooms to be vacuumed."""

import random
import re

from picoqwen_core.home.decision import Act, Action, Target, Verb
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, draw_action
from training.grammar import draw_pattern, expand
from training.phrases import load
from training.pools import nonsense_word
from training.targets import kind_entities, refer
from training.values import in_words, spoken_number

_PHRASES = load("requests")
_UNITS = (("minute", 60), ("minute", 60), ("second", 1), ("hour", 3600))
_SPOKEN = (
    ("half an hour", 1800.0),
    ("an hour", 3600.0),
    ("an hour and a half", 5400.0),
    ("a minute", 60.0),
    ("one minute", 60.0),
    ("1 hour and 20 minutes", 4800.0),
    ("a quarter of an hour", 900.0),
    ("three quarters of an hour", 2700.0),
    ("half a minute", 30.0),
    ("a couple of minutes", 120.0),
    ("ninety seconds", 90.0),
    ("a minute and a half", 90.0),
    ("one and a half hours", 5400.0),
    ("two and a half hours", 9000.0),
    ("a couple of hours", 7200.0),
)
# Verbs that need a duration beside the timer.
_WITH_DURATION = ("timer_more", "timer_less")
_VERBS: tuple[Verb, ...] = ("timer_more", "timer_less", "timer_pause", "timer_resume", "timer_status")


def draw_duration(rng: random.Random) -> tuple[str, float]:
    """A duration as said, and in seconds."""
    draw = rng.random()
    if draw < 0.2:
        return rng.choice(_SPOKEN)
    if draw < 0.3:
        return _two_units(rng)
    unit, seconds = rng.choice(_UNITS)
    number: float = rng.choice((rng.randint(2, 59), rng.choice((5, 10, 15, 20, 30, 45))))
    if rng.random() < 0.06:
        number = rng.randint(1, 9) + 0.5
        return f"{in_words(number) if rng.random() < 0.5 else f'{number:g}'} {unit}s", number * seconds
    return f"{spoken_number(number, rng)} {unit}{rng.choice(('s', 's', 's', ''))}", float(number * seconds)


def _two_units(rng: random.Random) -> tuple[str, float]:
    """ "One hour and twenty minutes"; "and" may be left out."""
    larger, smaller, unit = rng.choice((("hour", "minute", 60), ("minute", "second", 1)))
    first, second = rng.randint(1, 12), rng.choice((5, 10, 15, 20, 25, 30, 45, rng.randint(2, 59)))
    plural = "" if first == 1 else "s"
    joiner = rng.choice((" and ", " and ", " "))
    words = f"{spoken_number(first, rng)} {larger}{plural}{joiner}{spoken_number(second, rng)} {smaller}s"
    return words, float((first * 60 + second) * unit)


def draw_timer(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """One of the seven things that are done with timers, or a command for later."""
    draw = rng.random()
    if draw < 0.22:
        return _delayed(home, split, rng)
    if draw < 0.5:
        return _start(split, rng)
    if draw < 0.56:
        return _timer("timer_cancel_all", _PHRASES["timer_cancel_all"], split, rng)
    if draw < 0.7:
        plain = rng.random() < 0.5
        return _timer("timer_cancel", _PHRASES["timer_cancel" if plain else "timer_cancel_one"], split, rng)
    verb = rng.choice(_VERBS)
    return _timer(verb, _PHRASES[verb], split, rng)


def _start(split: str, rng: random.Random) -> Drawn:
    said, seconds = draw_duration(rng)
    named = rng.random() < 0.45
    pattern = draw_pattern(_PHRASES["timer_start_named" if named else "timer_start"], split, rng)
    label = _name(split, rng) if named else None
    text = pattern.replace("{d}", said).replace("{n}", label or "")
    return Drawn(text, Act((Action("timer_start", Target(everywhere=True), seconds, label),)), pattern)


def _name(split: str, rng: random.Random) -> str:
    """What a timer is for, or a word that nobody taught: names are to be copied."""
    if rng.random() < 0.35:
        return " ".join(nonsense_word(rng) for _ in range(rng.choice((1, 1, 2))))
    name: str = rng.choice(_PHRASES["timer_names"][split])
    return name


def _timer(verb: Verb, patterns: tuple[str, ...], split: str, rng: random.Random) -> Drawn:
    pattern = draw_pattern(patterns, split, rng)
    said, seconds = draw_duration(rng)
    label = _name(split, rng) if rng.random() < 0.5 else None
    if label is None and re.search(r"for (the )?\{n\}", pattern):
        pattern = re.sub(r" for (the )?\{n\}", "", pattern)
    value = seconds if verb in _WITH_DURATION else None
    label = label if "{n}" in pattern else None
    if label is None and verb not in _WITH_DURATION and verb != "timer_cancel_all" and rng.random() < 0.15:
        value, pattern = seconds, pattern.replace("{n}", "{d}")  # "the 5 minute timer"
    text = " ".join(pattern.replace("{d}", said).replace("{n}", label or "").split())
    value = value if said in text else None
    return Drawn(text, Act((Action(verb, Target(everywhere=True), value, label),)), pattern)


def _delayed(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Turn off the fan in ten minutes": the command is kept as it was said."""
    command = draw_action(home, split, rng)
    if command is None or not isinstance(command.decision, Act) or re.search(r"\bin$|\d", command.text):
        return None  # what ends in "in" or says a number is not told apart from the delay
    said, seconds = draw_duration(rng)
    pattern = draw_pattern(_PHRASES["delayed"], split, rng)
    text = pattern.replace("{c}", command.text).replace("{d}", said)
    action = Action("delayed", Target(everywhere=True), seconds)
    return Drawn(text, Act((action,)), f"{pattern}+{command.template}")


def draw_broadcast(_home: HomeContext, split: str, rng: random.Random) -> Drawn:
    """Something to be said on all speakers."""
    pattern = draw_pattern(_PHRASES["broadcast"], split, rng)
    message = expand(rng.choice(_PHRASES["messages"][split]), rng).replace("{d}", draw_duration(rng)[0])
    action = Action("broadcast", Target(everywhere=True), message)
    return Drawn(pattern.replace("{m}", message), Act((action,)), pattern)


def draw_clean_room(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A room for the vacuum: the room is what to clean, not where the vacuum is."""
    if not kind_entities(home, "vacuum"):
        return None
    pattern = draw_pattern(_PHRASES["vacuum_clean"], split, rng)
    said = refer(home, ("vacuum",), rng) if "{t}" in pattern else None
    if "{t}" in pattern and (said is None or said.target is None or said.target.area or said.target.floor):
        return None
    place, rooms = _rooms_to_clean(home, pattern, rng)
    text = pattern.replace("{p}", place).replace("{t}", said.text if said else "")
    return Drawn(text, Act(tuple(Action("vacuum_clean", Target(area=room)) for room in rooms)), pattern)


def _rooms_to_clean(home: HomeContext, pattern: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """One room, the speaker's, or two or three of them: as said, and their ids."""
    if home.area and rng.random() < 0.15:
        # "In here" fits only where the room stands right behind its verb.
        alone = re.search(r"\b(vacuum|clean|hoover|sweep|mop)( up)? \{p\}$", pattern)
        return rng.choice(("in here", "here", "this room") if alone else ("this room",)), (home.area,)
    count = rng.choice((1, 1, 1, 1, 1, 2, 2, 3))
    areas = rng.sample(home.areas, min(count, len(home.areas)))
    names = [a.name if "'s" in a.name or rng.random() < 0.1 else f"the {a.name}" for a in areas]
    joiner = rng.choice((" and ", " and ", " then ", ", ", " and then "))
    return joiner.join(names), tuple(a.id for a in areas)
