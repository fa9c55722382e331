"""Requests beside plain actions: whole places, groups with exceptions, lists, and what cannot be done."""

import random
import re
from dataclasses import replace

from picoqwen_core.home.decision import Act, Action, Cannot, Target, Verb
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext
from training.actions import INTENTS, Drawn, Intent
from training.grammar import draw_pattern
from training.phrases import load
from training.pools import KINDS, MODES, OWNERS, UNKNOWN_AREAS, UNKNOWN_DEVICES, nonsense_word
from training.rooms import ROOMED, Roomed
from training.targets import (
    HOMES,
    NOUNS,
    Said,
    by_everywhere,
    by_floor,
    by_here,
    by_room,
    group_target,
    kind_entities,
    refer,
)
from training.values import draw_value

_PHRASES = load("requests")
# Verbs of things that may be anywhere; an unknown list, scene or title is another matter.
_OF_WORDS = ("list_add", "list_complete", "list_remove", "play_media", "humidifier_mode")
_NAMING = tuple(i for i in INTENTS if i.verb not in _OF_WORDS and not {"scene", "script"} & set(i.kinds))
# What tells that something is to be done: "i need the piano" does not.
_COMMANDS = re.compile(
    r"^(turn|switch|set|shut|close|open|lock|unlock|start|stop|dim|brighten|raise|lower|increase|decrease|mute|pause"
    r"|activate|disable|power|heat|cool|warm|light)\b|\b(on|off|up|down|warmer|cooler|louder|brighter|darker)\b"
)
# What is opened, closed and locked all but one.
_COVERS = ("blind", "blind", "curtain", "shutter", "shade", "lock")


def draw_whole_place(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Everything off": every device that can be switched off, in a place."""
    word = rng.choice(("off", "off", "on"))
    template = draw_pattern(_PHRASES["everything"], split, rng)
    area = rng.choice(home.areas)
    options: list[tuple[str, Target]] = [(f"in the {area.name}", Target(area=area.id))]
    if home.area:
        options.append((rng.choice(("in here", "in this room", "here")), Target(area=home.area)))
    options.append(
        (rng.choice((f"in the {rng.choice(HOMES)}", "everywhere", "at home", "")), Target(everywhere=True))
    )
    if home.floors:
        floor = rng.choice(home.floors)
        said = floor.name if floor.name in ("Upstairs", "Downstairs") else f"on the {floor.name}"
        options.append((said, Target(floor=floor.id)))
    place, target = rng.choice(options)
    verb: Verb = "on" if word == "on" else "off"
    text = " ".join(template.replace("{w}", word).replace("{p}", place).split())
    return Drawn(text, Act((Action(verb, target),)), template)


def draw_list_default(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """An item for "my list", whichever it is."""
    if not kind_entities(home, "todo"):
        return None
    template = draw_pattern(_PHRASES["list_default"], split, rng)
    value_text, value = draw_value("item", split, rng)
    text = template.replace("{v}", value_text)
    return Drawn(text, Act((Action("list_add", Target(everywhere=True, domain="todo"), value),)), template)


def draw_except(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "All the lights except the kitchen": a group less a device, a room, or a kind."""
    draw = rng.random()
    if draw < 0.35:
        word = rng.choice(("off", "off", "on"))
        return _less(home, "everything_except", word, None, split, rng)
    if draw < 0.85:
        kind = rng.choice(("light", "light", "light", "light", "light", "fan", "switch", "speaker"))
        return _less(home, "group_except", rng.choice(("off", "off", "on")), kind, split, rng)
    kind = rng.choice(_COVERS)
    word = "lock" if kind == "lock" else rng.choice(("open", "close", "close"))
    return _less(home, "cover_except", word, kind, split, rng)


def _less(
    home: HomeContext, phrases: str, word: str, kind: str | None, split: str, rng: random.Random
) -> Drawn | None:
    """A group of a kind, or everything, less what is excluded; the word is that of the verb."""
    group = None
    if kind is not None:
        group = rng.choice((by_everywhere, by_everywhere, by_floor, by_room, by_here))(home, kind, rng)
        if group is None or group.target is None:
            return None
    target = Target(everywhere=True) if group is None or group.target is None else group.target
    meant = {e.id for e in resolve(home, target)}
    said = _excluded(home, kind, rng)
    if said is None or said.target is None or not {e.id for e in resolve(home, said.target)} & meant:
        return None
    if not meant - {e.id for e in resolve(home, said.target)}:
        return None
    template = draw_pattern(_PHRASES[phrases], split, rng)
    text = template.replace("{w}", word).replace("{o}", word).replace("{x}", said.text)
    text = text.replace("{g}", group.text if group else "")
    text = " ".join(text.replace("{p}", rng.choice(("", "", "in the house", "at home"))).split())
    verb: Verb = word  # type: ignore[assignment]  # these words are the verbs
    return Drawn(text, Act((Action(verb, replace(target, excluding=said.target)),)), template)


def _excluded(home: HomeContext, kind: str | None, rng: random.Random) -> Said | None:
    draw = rng.random()
    whole = kind is None
    kinds = (kind,) if kind is not None else ("light", "tv", "speaker", "switch", "fan")
    if draw < 0.4:
        area = rng.choice(home.areas)
        the = "" if "'s" in area.name else "the "
        words = rng.choice(
            (f"{the}{area.name}", f"in {the}{area.name}", area.name, f"the ones in {the}{area.name}")
        )
        if kind is not None and rng.random() < 0.3:
            words = f"{the}{area.name} {rng.choice((*NOUNS[kind][0], 'one', 'ones'))}"
        target = Target(area=area.id) if kind is None else group_target(kind, area=area.id)
        return Said(words, target)
    if draw < 0.55 and whole:
        kind = rng.choice(kinds)
        return (
            Said(f"the {rng.choice(NOUNS[kind])[1]}", group_target(kind, everywhere=True))
            if kind in NOUNS
            else None
        )
    said = refer(home, kinds, rng)
    if said is None or said.target is None or said.target.entities:
        return said
    # "Everything but the lamps" means the lamps of all rooms, wherever it is said.
    named = said.target.floor or any(a.name in said.text for a in home.areas) or not said.target.here
    return said if named and said.target.area != home.area else None


def draw_unknown(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A device or a room that this home does not have."""
    if rng.random() < 0.4:
        return _unknown_in_a_command(home, split, rng)
    if rng.random() < 0.6:
        template = draw_pattern(_PHRASES["unknown_device"], split, rng)
        thing = nonsense_word(rng) if rng.random() < 0.35 else rng.choice(UNKNOWN_DEVICES[split])
        if any(thing.casefold() in e.name.casefold() for e in home.entities):
            return None
    else:
        template = draw_pattern(_PHRASES["unknown_room"], split, rng)
        thing = nonsense_word(rng) if rng.random() < 0.5 else rng.choice(UNKNOWN_AREAS[split])
        if any(thing.casefold() in name.casefold() for a in home.areas for name in (a.name, *a.aliases)):
            return None
    kind = rng.choice(rng.choice(list(NOUNS.values())))[rng.randrange(2)]
    text = template.replace("{u}", thing).replace("{r}", thing).replace("{k}", kind)
    text = text.replace("{n}", str(rng.randint(5, 100))).replace("{p}", rng.choice(home.areas).name)
    text = text.replace("{w}", rng.choice(OWNERS[split]))
    return Drawn(text, Cannot("unknown_device"), template)


def _unknown_in_a_command(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """Said as of a device or a room that is there, of one that is not."""
    named = rng.random() < 0.6
    slot, pool = ("{t}", UNKNOWN_DEVICES) if named else ("{r}", UNKNOWN_AREAS)
    wanted: Intent | Roomed = rng.choice(_NAMING) if named else rng.choice(ROOMED)
    template = draw_pattern(wanted.templates, split, rng)
    thing = nonsense_word(rng) if rng.random() < 0.4 else rng.choice(pool[split])
    known = [e.name for e in home.entities] + [name for a in home.areas for name in (a.name, *a.aliases)]
    if any(thing.casefold() in name.casefold() for name in known) or not _COMMANDS.search(template):
        return None
    text = template.replace("{p}", "in the {r}").replace("{v}", draw_value(wanted.value, split, rng)[0])
    if slot not in text:
        return None
    the = rng.choice(("the ", "the ", "the ", "my ")) if named else ""
    return Drawn(text.replace(slot, the + thing), Cannot("unknown_device"), template)


def draw_absent(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "The fan in the kitchen", which has none: the group is empty, and nothing happens elsewhere."""
    kind = rng.choice(("light", "fan", "tv", "speaker", "switch", "climate"))
    domain = KINDS[kind].domain
    without = [a for a in home.areas if not any(e.area == a.id and e.domain == domain for e in home.entities)]
    if not without:
        return None
    area = rng.choice(without)
    template = draw_pattern(_PHRASES["absent"], split, rng)
    noun = rng.choice(NOUNS[kind])[rng.randrange(2)]
    verb: Verb = "on" if " on" in template else "off"
    text = template.replace("{k}", noun).replace("{r}", area.name)
    return Drawn(text, Act((Action(verb, group_target(kind, area=area.id)),)), template)


def draw_impossible(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A device that is there, asked for what it cannot do."""
    chosen = rng.choice(_PHRASES["impossible"])
    said = refer(home, chosen["kinds"], rng)
    if said is None or said.target is None or not said.target.entities:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    text = template.replace("{t}", said.text).replace("{n}", str(rng.randint(5, 100)))
    mode = rng.choice(MODES[split]).replace("_", " ").casefold()
    return Drawn(text.replace("{m}", mode), Cannot("impossible"), template)
