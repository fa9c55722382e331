"""Questions about a home in other languages: they are answered from states and never act."""

import random
from dataclasses import replace
from typing import Any

from picoqwen_core.home.decision import Clarify, Query, QueryKind, Target
from training.actions import Drawn
from training.targets import group_target, kind_entities
from training.tongues.grammar import agreeing, draw_pattern, filled, forms, pack
from training.tongues.household import Household
from training.tongues.references import Said, nouns_of, place_of, refer
from training.tongues.requests import room_slots

_SWITCHED = (("light", "light", "switch", "fan", "tv", "speaker", "climate"), ("on", "off"))
_MOVED = (("blind", "curtain", "shutter", "garage", "gate", "valve"), ("open", "closed"))
_LOCKED = (("lock", "lock"), ("locked", "unlocked"))
_SENSED = (("door", "window", "window"), ("open", "closed"))
_STATES = (_SWITCHED, _SWITCHED, _MOVED, _LOCKED, _SENSED)
# What is asked of a device, by the key of its phrasings in [ask].
_VALUES: dict[str, tuple[str, ...]] = {
    "temperature": ("temperature", "climate"),
    "set_temperature": ("climate",),
    "humidity": ("humidity",),
    "battery": ("battery",),
    "brightness": ("light",),
    "position": ("blind", "curtain", "shutter", "garage", "gate"),
    "volume": ("tv", "speaker"),
    "media_title": ("tv", "speaker"),
    "items": ("todo",),
}
_CLOCKS: tuple[QueryKind, ...] = ("time", "date", "weather", "weather", "weather", "calendar", "calendar")


def draw_asked(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """A question about a state, a value, a group, or the clock."""
    draw = rng.random()
    if draw < 0.42:
        return _is(of, split, rng)
    if draw < 0.6:
        return _value(of, split, rng)
    if draw < 0.74:
        return _in_place(of, split, rng)
    if draw < 0.77:
        return _motion(of, split, rng)
    if draw < 0.9:
        return _group(of, split, rng)
    kind = rng.choice(_CLOCKS)
    pattern = draw_pattern(_asks(of)[kind], split, rng)
    text = pattern.replace("{day}", rng.choice(pack(of.language)["days"]))
    return Drawn(filled(text, None, of.language), Query(kind), pattern)


def _asks(of: Household) -> dict[str, tuple[str, ...]]:
    asks: dict[str, tuple[str, ...]] = pack(of.language)["ask"]
    return asks


def _asked(said: Said, kind: QueryKind, asked: str) -> Query | Clarify:
    return Clarify(said.choices) if said.target is None else Query(kind, said.target, asked)


def _is(of: Household, split: str, rng: random.Random) -> Drawn | None:
    kinds, states = rng.choice(_STATES)
    said = refer(of, kinds, rng)
    if said is None:
        return None
    if rng.random() < 0.12:
        pattern = draw_pattern(_asks(of)["state_of"], split, rng)
        return Drawn(filled(pattern, said.words, of.language), _asked(said, "value", "state"), pattern)
    state = rng.choice(states)
    pattern = draw_pattern(_asks(of)["is"], split, rng)
    word = agreeing(rng.choice(pack(of.language)["states"][state]), said.words)
    return Drawn(filled(pattern, said.words, of.language, q=word), _asked(said, "is", state), pattern)


def _value(of: Household, split: str, rng: random.Random) -> Drawn | None:
    asked = rng.choice(list(_VALUES))
    said = refer(of, _VALUES[asked], rng)
    if said is None:
        return None
    pattern = draw_pattern(_asks(of)[asked], split, rng)
    return Drawn(filled(pattern, said.words, of.language), _asked(said, "value", asked), pattern)


def _in_place(of: Household, split: str, rng: random.Random) -> Drawn:
    """How warm or humid it is somewhere."""
    key = rng.choice(("place_temperature", "place_temperature", "place_humidity"))
    pattern = draw_pattern(_asks(of)[key], split, rng)
    home = of.home
    area = rng.choice(home.areas).id
    said, target = place_of(of, area, rng), Target(area=area)
    if rng.random() < 0.35:
        words = pack(of.language)
        said = rng.choice(("", *(words["inside"] if home.area is None else words["here"])))
        target = Target(everywhere=True) if home.area is None else Target(area=home.area)
    text = filled(pattern, None, of.language, p=said)
    return Drawn(text, Query("value", target, key.removeprefix("place_")), pattern)


def _motion(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """Whether anybody is somewhere, as a motion sensor tells it."""
    areas = [a for a in of.home.areas if kind_entities(of.home, "motion", a.id)]
    if not areas:
        return None
    area = rng.choice(areas).id
    pattern = draw_pattern(_asks(of)["motion"], split, rng)
    text = filled(pattern, None, of.language, **room_slots(of, area, rng))
    return Drawn(text, Query("is", _sensors("motion", area=area), "on"), pattern)


def _sensors(kind: str, **place: Any) -> Target:
    """Doors, windows and motion are told by sensors."""
    if kind in ("door", "window", "motion"):
        return Target(domain="binary_sensor", device_class=kind, **place)
    return group_target(kind, **place)


def _group(of: Household, split: str, rng: random.Random) -> Drawn | None:
    kinds, states = rng.choice(_STATES)
    nouns = pack(of.language)["nouns"]
    present = [k for k in kinds if kind_entities(of.home, k) and k in nouns]
    if not present:
        return None
    kind = rng.choice(present)
    named = nouns_of(of, kind, rng)
    if named is None:
        return None
    place, target = _group_place(of, kind, rng)
    state = rng.choice(states)
    query: QueryKind = "count" if rng.random() < 0.3 else "which"
    many = replace(forms(named[1], of.language, bare=True), feminine=named[0].feminine, plural=True)
    feminine = "_f" if named[0].feminine and f"{query}_f" in _asks(of) else ""
    pattern = draw_pattern(_asks(of)[f"{query}{feminine}"], split, rng)
    word = agreeing(rng.choice(pack(of.language)["states"][state]), many)
    text = filled(pattern, None, of.language, k=many.subject, q=word, p=place)
    return Drawn(text, Query(query, target, state), pattern)


def _group_place(of: Household, kind: str, rng: random.Random) -> tuple[str, Target]:
    """A place of a group question; with none said the whole home is meant."""
    draw, home = rng.random(), of.home
    if draw < 0.4:
        area = rng.choice(home.areas).id
        return place_of(of, area, rng), _sensors(kind, area=area)
    if draw < 0.55 and home.floors:
        floor = rng.choice(home.floors).id
        return place_of(of, floor, rng), _sensors(kind, floor=floor)
    if draw < 0.65 and home.area and kind_entities(home, kind, home.area):
        return rng.choice(pack(of.language)["here"]), _sensors(kind, area=home.area)
    return rng.choice(("", "", *pack(of.language)["everywhere"])), _sensors(kind, everywhere=True)
