"""Requests to a room rather than to a device: "make it warmer in the bedroom", "kitchen to 21"."""

import random
from dataclasses import dataclass
from typing import Any

from picoqwen_core.home.decision import Act, Action, Target, Verb
from picoqwen_core.messages import HomeContext
from training.actions import Drawn
from training.grammar import draw_pattern
from training.phrases import load
from training.pools import KINDS
from training.targets import group_target, kind_entities
from training.values import draw_value

_MUSIC = "media_player"


@dataclass(frozen=True, slots=True)
class Roomed:
    """A verb with its phrasings; {p} is the place with its preposition, {r} the room's name."""

    verb: Verb
    kind: str
    templates: tuple[str, ...]
    value: str | None = None
    weight: float = 1.0


def _roomed(data: dict[str, Any]) -> Roomed:
    return Roomed(**data)


ROOMED = tuple(_roomed(data) for file in ("everyday", "spoken", "wishes") for data in load(file)["roomed"])


def draw_roomed(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """Something asked of a named room, or of a floor where the wording allows it."""
    chosen = rng.choices(ROOMED, [r.weight for r in ROOMED])[0]
    pattern = draw_pattern(chosen.templates, split, rng)
    place = _floor(home, chosen, rng) if "{r}" not in pattern and rng.random() < 0.15 else None
    place = place or _room(home, chosen, rng)
    if place is None:
        return None
    said, name, target = place
    value_text, value = draw_value(chosen.value, split, rng)
    text = pattern.replace("{p}", said).replace("{r}", name).replace("{v}", value_text)
    return Drawn(text, Act((Action(chosen.verb, target, value),)), pattern)


def _target(kind: str, **place: str) -> Target:
    """The kind in a place; "turn it down in the den" means whatever plays there, speaker or not."""
    if KINDS[kind].domain == _MUSIC:
        return Target(domain=_MUSIC, **place)  # type: ignore[arg-type]
    return group_target(kind, **place)


def _room(home: HomeContext, chosen: Roomed, rng: random.Random) -> tuple[str, str, Target] | None:
    areas = [a for a in home.areas if kind_entities(home, chosen.kind, a.id)]
    if not areas:
        return None
    area = rng.choice(areas)
    name = rng.choice((area.name, *area.aliases))
    said = rng.choice((f"in the {name}", f"in the {name}", f"in {name}"))
    return said, name, _target(chosen.kind, area=area.id)


def _floor(home: HomeContext, chosen: Roomed, rng: random.Random) -> tuple[str, str, Target] | None:
    if not home.floors:
        return None
    floor = rng.choice(home.floors)
    rooms = {a.id for a in home.areas if a.floor == floor.id}
    if not any(e.area in rooms for e in kind_entities(home, chosen.kind)):
        return None
    said = floor.name if floor.name in ("Upstairs", "Downstairs") else f"on the {floor.name}"
    return said, floor.name, _target(chosen.kind, floor=floor.id)
