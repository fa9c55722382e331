"""How people refer to devices: by name, part of a name, kind and room, floor, "here", or everything.

Each realiser returns the words and the entities or group that a listener in that home would pick, or
None when the home has nothing for it.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from picoqwen_core.home.decision import Target
from picoqwen_core.home.lexicon import GROUP_WORDS, IGNORED, KIND_WORDS
from picoqwen_core.home.targets import resolve
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext, HomeEntity
from training.pools import KINDS

# What people call devices of a kind: (singular, plural), for groups and for "the fan in the bedroom".
NOUNS = {name: kind.nouns for name, kind in KINDS.items() if kind.nouns}
# What people call the place they live in.
HOMES = ("house", "house", "flat", "apartment", "home", "whole house", "entire house", "place", "building")
# Kinds that people tell apart by their device class.
_BY_CLASS = (
    "blind",
    "curtain",
    "shutter",
    "shade",
    "garage",
    "gate",
    "tv",
    "temperature",
    "humidity",
    "battery",
    "power",
    "door",
    "window",
    "motion",
)


@dataclass(frozen=True, slots=True)
class Said:
    """A reference as words, and what it means: a target, or several entities to choose from."""

    text: str
    target: Target | None = None
    choices: tuple[str, ...] = ()
    ask_room: bool = False


def kind_entities(home: HomeContext, kind: str, area: str | None = None) -> list[HomeEntity]:
    """Entities of a kind of pools.KINDS, in one area or anywhere."""
    domain = KINDS[kind].domain
    wanted = KINDS[kind].device_class if kind in _BY_CLASS else None
    return [
        e
        for e in home.entities
        if e.domain == domain
        and (area is None or e.area == area)
        and (wanted is None or e.device_class == wanted)
    ]


def group_target(kind: str, **place: str | bool) -> Target:
    """The group of a kind in a place."""
    device_class = KINDS[kind].device_class if kind in _BY_CLASS else None
    return Target(domain=KINDS[kind].domain, device_class=device_class, **place)  # type: ignore[arg-type]


def by_name(home: HomeContext, entity: HomeEntity, rng: random.Random) -> Said | None:
    """Its whole name, with its room when the name alone would not do."""
    name = rng.choice((entity.name, *entity.aliases))
    twins = [e for e in home.entities if name.casefold() in (n.casefold() for n in (e.name, *e.aliases))]
    the = rng.choice(("the ", "the ", "my ", "")) if "'s" not in name else ""
    if len(twins) == 1:
        if _means_the_room(home, entity, name):
            return None
        said = f"{the}{name}"
        area = _area_name(home, entity)
        if area and rng.random() < 0.12 and area.casefold() not in name.casefold():
            said = rng.choice((f"{the}{name} in the {area}", f"the {area} {name}"))
        return Said(said, Target((entity.id,)))
    return _among_twins(home, entity, name, twins, rng)


def _means_the_room(home: HomeContext, entity: HomeEntity, name: str) -> bool:
    """Whether a name is but a word for a kind ("Fan"), and the room has others of it: those are meant."""
    tokens = tokenize(name)
    if home.area is None or any(t.stem not in KIND_WORDS for t in tokens):
        return False
    classed = entity.domain in ("cover", "media_player")
    beside = [
        e
        for e in home.entities
        if e.area == home.area
        and e.domain == entity.domain
        and e.id != entity.id
        and (not classed or e.device_class == entity.device_class)
    ]
    if entity.area == home.area:
        return bool(beside) and tokens[-1].stem in GROUP_WORDS
    return bool(beside)


def _among_twins(
    home: HomeContext, entity: HomeEntity, name: str, twins: list[HomeEntity], rng: random.Random
) -> Said | None:
    here = [e for e in twins if home.area is not None and e.area == home.area]
    area = _area_name(home, entity)
    if area and rng.random() < 0.6:
        same = [e.id for e in twins if e.area == entity.area]
        if len(same) != 1:
            return None
        return Said(rng.choice((f"the {name} in the {area}", f"the {area} {name}")), Target((entity.id,)))
    pool = here or twins
    if len(pool) == 1:
        return Said(f"the {name}", Target((pool[0].id,)))
    return Said(f"the {name}", choices=tuple(e.id for e in pool)) if len(pool) <= 6 else None


def by_part(
    home: HomeContext, entity: HomeEntity, rng: random.Random, kinds: Iterable[str] = ()
) -> Said | None:
    """Some telling words of its name; what shares them and is of these kinds is meant, in the room first."""
    words = [t for t in tokenize(entity.name) if t.text not in IGNORED and t.value is None]
    area_words = {t.stem for t in tokenize(_area_name(home, entity) or "")}
    telling = [t for t in words if t.stem not in area_words]
    if len(words) < 2 or not telling:
        return None
    kept = telling if len(telling) < len(words) else rng.sample(telling, len(telling) - 1)
    kept = [t for t in telling if t in kept]
    if all(t.stem in KIND_WORDS for t in kept) and kept[-1].text != "lamp":
        return None
    text = " ".join(t.text for t in kept)
    pool = [e for e in home.entities if {t.stem for t in kept} <= _stems(e)]
    if any(text == n.casefold() for e in pool for n in (e.name, *e.aliases)):
        return None
    # Nobody is asked whether "lock the back" means a lamp at the back.
    domains = {entity.domain, *(KINDS[kind].domain for kind in kinds)}
    pool = [e for e in pool if e.domain in domains]
    place = _area_name(home, entity) if rng.random() < 0.25 else None
    wanted = entity.area if place else home.area
    near = [e for e in pool if wanted is not None and e.area == wanted] or pool
    said = rng.choice((f"the {text}", f"{text}", f"the {text}"))
    said = rng.choice((f"{said} in the {place}", f"the {place} {text}")) if place else said
    if len(near) == 1:
        return Said(said, Target((near[0].id,)))
    return Said(said, choices=tuple(e.id for e in near)) if len(near) <= 6 else None


def by_room(home: HomeContext, kind: str, rng: random.Random) -> Said | None:
    """A kind in a named room: all of them, or the one there is."""
    areas = [a for a in home.areas if kind_entities(home, kind, a.id)]
    if not areas or kind not in NOUNS:
        return None
    area = rng.choice(areas)
    here = kind_entities(home, kind, area.id)
    one, many = rng.choice(NOUNS[kind])
    name = rng.choice((area.name, *area.aliases))
    target = group_target(kind, area=area.id)
    if kind == "light" or len(here) == 1:
        noun = rng.choice((one, many)) if one != "lamp" else many
        return Said(_in_room(noun, name, rng), target)
    if rng.random() < 0.7:
        return Said(_in_room(many, name, rng), target)
    return Said(f"the {one} in the {name}", choices=tuple(e.id for e in here)) if len(here) <= 4 else None


def _in_room(noun: str, room: str, rng: random.Random) -> str:
    forms = (
        f"the {room} {noun}",
        f"the {noun} in the {room}",
        f"{room} {noun}",
        f"all the {noun} in the {room}",
        f"all {room} {noun}",
        f"every {noun} in the {room}",
        f"in the {room} the {noun}",
        f"the {noun} of the {room}",
        f"the {noun} in {room}",
    )
    return rng.choice(forms)


def by_here(home: HomeContext, kind: str, rng: random.Random) -> Said | None:
    """A kind with no room said: the speaker's room, if that is known and has one."""
    if kind not in NOUNS:
        return None
    one, many = rng.choice(NOUNS[kind])
    near = kind_entities(home, kind, home.area) if home.area else []
    if called := _called(home, (one, many), near):
        return Said(f"the {called.name.casefold()}", Target((called.id,)))
    if home.area is None or not near:
        target = replace(group_target(kind), here=True)
        if home.area is not None and not resolve(home, target):
            return None
        plain = one if kind != "light" else many
        return Said(rng.choice((f"the {plain}", plain)), target)
    tail = rng.choice(("", "", "", " in here", " here", " in this room", " in the room"))
    target = group_target(kind, area=home.area)
    if kind == "light" or len(near) == 1:
        noun = rng.choice((one, many)) if one != "lamp" else many
        return Said(rng.choice((f"the {noun}", f"the {noun}", noun)) + tail, target)
    if rng.random() < 0.6:
        return Said(rng.choice((f"the {many}", f"all the {many}", many)) + tail, target)
    return Said(f"the {one}{tail}", choices=tuple(e.id for e in near)) if len(near) <= 4 else None


def _called(home: HomeContext, nouns: Iterable[str], near: list[HomeEntity]) -> HomeEntity | None:
    """The one device that is called by nothing but a noun, unless the room has others or many are meant."""
    named = [e for e in home.entities if e.name.casefold() in nouns]
    if len(named) != 1 or (near and named[0] not in near):
        return None
    of_all = len(near) > 1 and tokenize(named[0].name)[-1].stem in GROUP_WORDS
    return None if of_all else named[0]


def by_floor(home: HomeContext, kind: str, rng: random.Random) -> Said | None:
    """A kind on a named floor."""
    if not home.floors or kind not in NOUNS:
        return None
    floor = rng.choice(home.floors)
    on_floor = {a.id for a in home.areas if a.floor == floor.id}
    if not any(e.area in on_floor for e in kind_entities(home, kind)):
        return None
    many = rng.choice(NOUNS[kind])[1]
    name = floor.name
    said = f"the {many} {name}" if name in ("Upstairs", "Downstairs") else f"the {many} on the {name}"
    said = rng.choice((said, said.replace("the ", "all the ", 1), said.replace("the ", "all ", 1)))
    return Said(said, group_target(kind, floor=floor.id))


def by_everywhere(home: HomeContext, kind: str, rng: random.Random) -> Said | None:
    """A kind in the whole home; only when that is said."""
    if kind not in NOUNS or len(kind_entities(home, kind)) < 2:
        return None
    one, many = rng.choice(NOUNS[kind])
    forms = (
        f"all the {many}",
        f"all {many}",
        f"every {one}",
        f"every single {one}",
        f"all the {many} in the {rng.choice(HOMES)}",
        f"all of the {many}",
        f"every {one} in the {rng.choice(HOMES)}",
        f"the {many} of the {rng.choice(HOMES)}",
        f"the {many} everywhere",
        f"the {many} in the whole house",
    )
    said = rng.choice(forms)
    if (
        home.area is not None
        and " in the " not in said
        and " of the " not in said
        and "every" not in said
        and kind != "light"
    ):
        said += rng.choice((f" in the {rng.choice(HOMES)}", " everywhere", " at home"))
    return Said(said, group_target(kind, everywhere=True))


Realiser = Callable[[HomeContext, str, random.Random], Said | None]
GROUPS: tuple[tuple[float, Realiser], ...] = (
    (0.4, by_room),
    (0.35, by_here),
    (0.12, by_floor),
    (0.13, by_everywhere),
)


def refer(home: HomeContext, kinds: Iterable[str], rng: random.Random) -> Said | None:
    """Refer to something of one of these kinds, in one of the ways people do."""
    present = [k for k in kinds if kind_entities(home, k)]
    if not present:
        return None
    kind = rng.choice(present)
    draw = rng.random()
    if draw < 0.38 or kind not in NOUNS:
        return by_name(home, rng.choice(kind_entities(home, kind)), rng)
    if draw < 0.56:
        return by_part(home, rng.choice(kind_entities(home, kind)), rng, kinds)
    realiser = rng.choices([g[1] for g in GROUPS], [g[0] for g in GROUPS])[0]
    return realiser(home, kind, rng)


def _stems(entity: HomeEntity) -> set[str]:
    return {t.stem for name in (entity.name, *entity.aliases) for t in tokenize(name)}


def _area_name(home: HomeContext, entity: HomeEntity) -> str | None:
    return next((a.name for a in home.areas if a.id == entity.area), None)
