"""Word pools for homes, each split into training and validation words that never meet."""

import random
from dataclasses import dataclass

from training.phrases import load
from training.sentences import alternatives

_HOMES = load("homes")
AREAS, FLOORS, OWNERS = _HOMES["areas"], _HOMES["floors"], _HOMES["owners"]
# What tells one device from another of its kind.
MODIFIERS, BRANDS = _HOMES["modifiers"], _HOMES["brands"]
COLORS: tuple[str, ...] = _HOMES["colors"]
# Words of the world at large: a listener has to take for a thing what nobody told to be one.
_WORLD: dict[str, str] = load("world")["rules"]


def _and_more(pool: dict[str, tuple[str, ...]], *rules: str) -> dict[str, tuple[str, ...]]:
    """A pool whose training words are more, without any of its validation words."""
    kept_back = {word for text in pool["validation"] for word in text.casefold().split()}
    words = (word for rule in rules for word in alternatives(_WORLD[rule]))
    more = [w for w in words if not set("{(").intersection(w) and not kept_back & set(w.casefold().split())]
    return {"train": (*pool["train"], *more), "validation": pool["validation"]}


ITEMS = _and_more(_HOMES["items"], "food")
MEDIA = _and_more(load("requests")["media"], "p", "x")
# What a humidifier can be set to.
MODES: dict[str, tuple[str, ...]] = _HOMES["modes"]
# Things that no generated home has.
UNKNOWN_DEVICES = _and_more(_HOMES["unknown_devices"], "thing", "animal")
UNKNOWN_AREAS = _and_more(_HOMES["unknown_areas"], "spot")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device: its names by split, how often a room or a home has it, and what people call it.

    in_room, in_home: (probability, most); nouns: pairs of singular and plural, for groups.
    """

    names: dict[str, tuple[str, ...]]
    domain: str
    device_class: str | None = None
    in_room: tuple[float, int] | None = None
    in_home: tuple[float, int] | None = None
    nouns: tuple[tuple[str, str], ...] = ()


def _kind(data: dict[str, object]) -> Kind:
    names = {split: data.pop(split) for split in ("train", "validation")}
    return Kind(names=names, **data)  # type: ignore[arg-type]  # the file's keys are the fields


KINDS: dict[str, Kind] = {name: _kind(dict(data)) for name, data in _HOMES["kinds"].items()}

_ONSETS = "b c d f g h j k l m n p r s t v w z br cr dr fl gr kl pl pr sk sl sn st tr sh ch th".split()
_VOWELS = "a e i o u ai ea oo ou ie".split()
_CODAS = ["", "", "", "n", "r", "l", "m", "t", "k", "sh", "x", "nd", "rk", "st", "p"]


def nonsense_word(rng: random.Random) -> str:
    """A made-up noun: what a word that nobody taught looks like."""
    syllables = rng.choice((1, 2, 2, 3))
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))
