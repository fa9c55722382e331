"""Requests beside plain actions: whole places, lists, timers, and what cannot be done."""

import random

from picoqwen_core.home.decision import Act, Action, Cannot, Target, Verb
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, draw_value
from training.grammar import draw_pattern
from training.phrases import load
from training.pools import UNKNOWN_AREAS, UNKNOWN_DEVICES, nonsense_word
from training.targets import NOUNS, kind_entities, refer

_PHRASES = load("requests")


def draw_whole_place(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Everything off": every device that can be switched off, in a place."""
    word = rng.choice(("off", "off", "on"))
    template = draw_pattern(_PHRASES["everything"], split, rng)
    area = rng.choice(home.areas)
    options: list[tuple[str, Target]] = [(f"in the {area.name}", Target(area=area.id))]
    if home.area:
        options.append((rng.choice(("in here", "in this room", "here")), Target(area=home.area)))
    options.append(
        (rng.choice(("in the house", "everywhere", "at home", "in the whole house")), Target(everywhere=True))
    )
    if home.floors:
        floor = rng.choice(home.floors)
        said = floor.name if floor.name in ("Upstairs", "Downstairs") else f"on the {floor.name}"
        options.append((said, Target(floor=floor.id)))
    place, target = rng.choice(options)
    verb: Verb = "on" if word == "on" else "off"
    text = template.replace("{w}", word).replace("{p}", place)
    return Drawn(text, Act((Action(verb, target),)), template)


def draw_list_default(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """An item for "my list", whichever it is."""
    if not kind_entities(home, "todo"):
        return None
    template = draw_pattern(_PHRASES["list_default"], split, rng)
    value_text, value = draw_value("item", split, rng)
    text = template.replace("{v}", value_text)
    return Drawn(text, Act((Action("list_add", Target(everywhere=True, domain="todo"), value),)), template)


DURATIONS = (
    ("{n} minutes", 60),
    ("{n} seconds", 1),
    ("{n} hours", 3600),
    ("{n} minute", 60),
    ("{n} minutes", 60),
)


def draw_timer(_home: HomeContext, split: str, rng: random.Random) -> Drawn:
    """Start or cancel a timer."""
    if rng.random() < 0.3:
        template = draw_pattern(_PHRASES["timer_cancel"], split, rng)
        return Drawn(template, Act((Action("timer_cancel", Target(everywhere=True)),)), template)
    template = draw_pattern(_PHRASES["timer_start"], split, rng)
    form, unit = rng.choice(DURATIONS)
    number = rng.choice((rng.randint(2, 59), rng.choice((5, 10, 15, 20, 30, 45))))
    said, seconds = rng.choice(
        ((form.replace("{n}", str(number)), float(number * unit)),) * 4
        + (
            ("half an hour", 1800.0),
            ("an hour", 3600.0),
            ("an hour and a half", 5400.0),
            ("a minute", 60.0),
            ("one minute", 60.0),
            ("1 hour and 20 minutes", 4800.0),
        )
    )
    text = template.replace("{d}", said)
    return Drawn(text, Act((Action("timer_start", Target(everywhere=True), seconds),)), template)


def draw_unknown(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A device or a room that this home does not have."""
    if rng.random() < 0.6:
        template = draw_pattern(_PHRASES["unknown_device"], split, rng)
        thing = nonsense_word(rng) if rng.random() < 0.35 else rng.choice(UNKNOWN_DEVICES[split])
        if any(thing.casefold() in e.name.casefold() for e in home.entities):
            return None
    else:
        template = draw_pattern(_PHRASES["unknown_room"], split, rng)
        thing = nonsense_word(rng) if rng.random() < 0.5 else rng.choice(UNKNOWN_AREAS[split])
    kind = rng.choice(rng.choice(list(NOUNS.values())))[rng.randrange(2)]
    text = template.replace("{u}", thing).replace("{r}", thing).replace("{k}", kind)
    text = text.replace("{n}", str(rng.randint(5, 100)))
    return Drawn(text, Cannot("unknown_device"), template)


def draw_impossible(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A device that is there, asked for what it cannot do."""
    chosen = rng.choice(_PHRASES["impossible"])
    said = refer(home, chosen["kinds"], rng)
    if said is None or said.target is None or not said.target.entities:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    text = template.replace("{t}", said.text).replace("{n}", str(rng.randint(5, 100)))
    return Drawn(text, Cannot("impossible"), template)
