"""Random homes: rooms on floors, devices with human names, states that fit them."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity, HomeFloor
from training.pools import AREAS, BRANDS, FLOORS, KINDS, MODES, MODIFIERS, OWNERS


def random_home(rng: random.Random, split: str, size: int | None = None) -> HomeContext:
    """A home of 3 to 14 rooms; `split` is "train" or "validation" and picks the word pools.

    size: so many entities, in as many rooms as it takes; rooms of one name are then numbered.
    """
    names = rng.sample(AREAS[split], rng.randint(3, 14)) if size is None else _rooms(rng, split, size)
    floor_names = rng.choice(FLOORS[split]) if rng.random() < 0.6 else ()
    floors = tuple(HomeFloor(f"f{i}", name) for i, name in enumerate(floor_names))
    areas = tuple(
        HomeArea(f"area_{i}", name, (), rng.choice(floors).id if floors else None)
        for i, name in enumerate(names)
    )
    entities = tuple(islice(_entities(rng, split, areas), size))
    here = rng.choice(areas).id if rng.random() < 0.75 else None
    return HomeContext(entities=entities, areas=areas, floors=floors, area=here)


def _rooms(rng: random.Random, split: str, size: int) -> list[str]:
    """Names of more rooms than `size` entities need, at three or more to a room."""
    pool, wanted = AREAS[split], max(3, size // 3)
    names = [
        f"{name} {number}".removesuffix(" 1") for number in range(1, wanted // len(pool) + 2) for name in pool
    ]
    return rng.sample(names, min(len(names), wanted))


def _entities(rng: random.Random, split: str, areas: tuple[HomeArea, ...]) -> Iterator[HomeEntity]:
    """Devices of every room, then those of the home as a whole; ids are unique."""
    style = rng.choice(("room_first", "short", "mixed", "mixed"))
    density = rng.uniform(0.5, 1.1)
    serial = 0
    for area in areas:
        for kind, (odds, most) in ((k, v.in_room) for k, v in KINDS.items() if v.in_room):
            if rng.random() < odds * density:
                for name in _names(rng, split, kind, area.name, style, rng.randint(1, most)):
                    serial += 1
                    yield _entity(rng, split, kind, name, area, serial)
    for kind, (odds, most) in ((k, v.in_home) for k, v in KINDS.items() if v.in_home):
        if rng.random() < odds:
            placeless = kind in ("script", "scene", "todo", "input_boolean", "power", "battery")
            place = None if placeless else rng.choice(areas)
            for name in _names(rng, split, kind, "", "short", rng.randint(1, most)):
                serial += 1
                yield _entity(rng, split, kind, name, place, serial)


def _names(rng: random.Random, split: str, kind: str, area: str, style: str, count: int) -> list[str]:
    """Names for `count` devices of one kind in one room, told apart as people do it."""
    nouns = KINDS[kind].names[split]
    names: dict[str, None] = {}
    numbered = count > 1 and rng.random() < 0.2
    noun = rng.choice(nouns)
    for index in range(count):
        here = area and (style == "room_first" or (style == "mixed" and rng.random() < 0.5))
        parts = [area] if here else []
        if kind not in ("script", "scene", "todo", "input_boolean"):
            if rng.random() < 0.08:
                parts = [rng.choice(OWNERS[split]) + "'s"]
            if (count > 1 and not numbered) or rng.random() < 0.3:
                parts.append(rng.choice(MODIFIERS[split]))
            if rng.random() < 0.08:
                parts.append(rng.choice(BRANDS[split]))
            if not numbered and rng.random() < 0.5:
                noun = rng.choice(nouns)
        else:
            noun = rng.choice(nouns)
        parts.append(noun)
        if numbered:
            parts.append(str(index + 1))
        name = " ".join(parts)
        names[name.lower() if rng.random() < 0.1 else name] = None
    return list(names)


def _entity(
    rng: random.Random, split: str, kind: str, name: str, area: HomeArea | None, serial: int
) -> HomeEntity:
    domain, device_class = KINDS[kind].domain, KINDS[kind].device_class
    if device_class is not None and domain in ("cover", "media_player") and rng.random() < 0.15:
        device_class = None
    state, attributes, unit = _state(rng, kind, domain, split)
    aliases: tuple[str, ...] = ()
    if rng.random() < 0.06:
        aliases = (f"{rng.choice(MODIFIERS[split])} {rng.choice(KINDS[kind].names[split])}",)
    return HomeEntity(
        id=f"{domain}.e{serial}",
        name=name,
        state=state,
        domain=domain,
        aliases=aliases,
        area=area.id if area else None,
        device_class=device_class,
        unit=unit,
        attributes=attributes,
    )


def _state(rng: random.Random, kind: str, domain: str, split: str) -> tuple[str, dict[str, Any], str | None]:
    """State, attributes and unit as Home Assistant would report them."""
    attributes: dict[str, Any]
    on = rng.random() < 0.4
    match domain:
        case "light":
            return ("on", {"brightness": rng.randint(5, 100)}, None) if on else ("off", {}, None)
        case "cover" | "valve":
            position = rng.choice((0, 0, 50, 100))
            return ("open" if position else "closed", {"current_position": position}, None)
        case "lock":
            return (rng.choice(("locked", "unlocked")), {}, None)
        case "climate":
            attributes = {"temperature": rng.randint(16, 24), "current_temperature": rng.randint(15, 26)}
            return (rng.choice(("heat", "off", "auto")), attributes, None)
        case "fan":
            return ("on", {"percentage": rng.choice((33, 50, 66, 100))}, None) if on else ("off", {}, None)
        case "media_player":
            state = rng.choice(("playing", "paused", "idle", "off"))
            return (state, {"volume_level": rng.randint(5, 80)}, None)
        case "humidifier":
            attributes = {"humidity": rng.randint(6, 14) * 5}
            if rng.random() < 0.7:
                attributes["available_modes"] = rng.sample(MODES[split], rng.randint(2, 5))
            return ("on" if on else "off", attributes, None)
        case "vacuum":
            return (rng.choice(("docked", "cleaning", "idle")), {}, None)
        case "sensor":
            value = {
                "temperature": rng.uniform(15, 27),
                "humidity": rng.randint(30, 70),
                "battery": rng.randint(3, 100),
            }
            unit = {"temperature": "°C", "humidity": "%", "battery": "%"}.get(kind, "W")
            return (f"{value.get(kind, rng.randint(5, 3000)):.1f}", {}, unit)
        case "scene" | "script" | "todo":
            return ({"scene": "unknown", "script": "off", "todo": str(rng.randint(0, 9))}[domain], {}, None)
        case _:
            return ("on" if on else "off", {}, None)
