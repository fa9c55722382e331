"""Timers, commands for later, and rooms to be vacuumed."""

import random
import re

from picoqwen_core.home.decision import Act, Action, Target, Verb
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, draw_action
from training.durations import draw_duration
from training.grammar import draw_pattern
from training.phrases import joined, load
from training.pools import nonsense_word
from training.targets import kind_entities, refer

_PHRASES = joined("requests", "timers")
_CLEAN: tuple[str, ...] = (*_PHRASES["vacuum_clean"], *load("cleaning")["clean"])
# Verbs that need a duration beside the timer.
_WITH_DURATION = ("timer_more", "timer_less")
_VERBS: tuple[Verb, ...] = ("timer_more", "timer_less", "timer_pause", "timer_resume", "timer_status")


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
    if label is None and re.search(r"\{n\}(?! timer)", pattern):
        label = _name(split, rng)  # "the pasta isn't done": only of a timer may the name be left out
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


def draw_clean_room(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A room for the vacuum: the room is what to clean, not where the vacuum is."""
    if not kind_entities(home, "vacuum"):
        return None
    pattern = draw_pattern(_CLEAN, split, rng)
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
