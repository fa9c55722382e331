"""Small pieces of English that answers and replies are made of."""

from collections.abc import Sequence

from picoqwen_core.home.decision import Target
from picoqwen_core.messages import HomeContext, HomeEntity

_PLURALS = {
    "light": "lights",
    "switch": "switches",
    "cover": "covers",
    "lock": "locks",
    "climate": "thermostats",
    "fan": "fans",
    "media_player": "players",
    "vacuum": "vacuums",
    "valve": "valves",
    "sensor": "sensors",
    "todo": "lists",
}
_CLASS_PLURALS = {
    "blind": "blinds",
    "curtain": "curtains",
    "shutter": "shutters",
    "shade": "shades",
    "garage": "garage doors",
    "gate": "gates",
    "window": "windows",
    "door": "doors",
    "tv": "TVs",
    "speaker": "speakers",
    "motion": "motion sensors",
}


def and_list(items: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def with_article(name: str, *, capital: bool = False) -> str:
    """A name in a sentence: "the kitchen lamp", but "Dad's lamp" and "My list" as they are."""
    first = name.split(maxsplit=1)[0].casefold() if name.strip() else ""
    if first in ("the", "my", "our") or first.endswith(("'s", "’s")):
        return name
    return f"{'The' if capital else 'the'} {name}"


def is_plural(name: str) -> bool:
    """Whether a name is one of several things: "curtains", and neither "glass" nor "cactus"."""
    last = name.rsplit(maxsplit=1)[-1].casefold() if name.split() else ""
    return last.endswith("s") and not last.endswith(("ss", "us"))


def definite(entity: HomeEntity, *, capital: bool = False) -> str:
    """An entity in a sentence."""
    return with_article(entity.name, capital=capital)


def plural_kind(entities: Sequence[HomeEntity]) -> str:
    """What a group consists of, in the plural."""
    classes = {entity.device_class for entity in entities}
    domains = {entity.domain for entity in entities}
    if len(classes) == 1 and (word := _CLASS_PLURALS.get(classes.pop() or "")):
        return word
    return _PLURALS.get(domains.pop(), "devices") if len(domains) == 1 else "devices"


def plural_domain(domain: str, device_class: str | None) -> str:
    """The plural of a domain or, where it is known, of its device class."""
    return _CLASS_PLURALS.get(device_class or "") or _PLURALS.get(domain, "devices")


def place_phrase(target: Target, home: HomeContext) -> str:
    """ " in the Kitchen", " on the Ground Floor", or nothing."""
    area = next((area.name for area in home.areas if area.id == target.area), None)
    if area is not None:
        return f" in {with_article(area)}"
    floor = next((floor.name for floor in home.floors if floor.id == target.floor), None)
    return f" on {with_article(floor)}" if floor is not None else ""
