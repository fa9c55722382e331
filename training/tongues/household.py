"""Homes whose rooms and devices have names of a language, in many styles; some names stay English."""

import random
from dataclasses import dataclass, replace

from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity
from training.homes import random_home
from training.pools import KINDS, nonsense_word
from training.tongues.grammar import Noun, forms, noun, of_place, pack

_BY_CLASS = {(kind.domain, kind.device_class): name for name, kind in KINDS.items()}
# Kinds whose names are unlike those of rooms and have none of their own.
_PLACELESS = ("script", "scene", "todo", "input_boolean", "calendar", "weather", "lawn_mower", "vacuum")


@dataclass(frozen=True, slots=True)
class Household:
    """A home, and how its people speak of what it has: nouns by id, rooms as in the phrase file."""

    home: HomeContext
    language: str
    nouns: dict[str, Noun]
    places: dict[str, str]  # of rooms and floors, by id


def half(values: tuple[str, ...], split: str) -> tuple[str, ...]:
    """The half of a list that belongs to a split; what has but one entry is in both."""
    middle = (len(values) + 1) // 2
    return values[:middle] if split == "train" else values[middle:] or values


def household(language: str, split: str, rng: random.Random) -> Household:
    """A random home of a language."""
    home = random_home(rng, split)
    words = pack(language)
    rooms = _rooms(home, words["areas"], split, rng)
    floors = half(words["floors"], split)
    chosen = rng.sample(floors, min(len(home.floors), len(floors)))
    places = rooms | {f.id: text for f, text in zip(home.floors, chosen, strict=False)}
    kept = tuple(replace(f, name=_title(places[f.id], language)) for f in home.floors if f.id in places)
    known = {f.id for f in kept}
    areas = tuple(
        replace(a, name=_title(rooms[a.id], language), floor=a.floor if a.floor in known else None)
        for a in home.areas
        if a.id in rooms
    )
    style = rng.choice(("short", "after", "before", "mixed", "mixed"))
    english = rng.choice((0.0, 0.0, 0.05, 0.3))
    nouns: dict[str, Noun] = {}
    for e in home.entities:
        if (e.area is None or e.area in rooms) and (own := _own(e, language, split, rng)):
            keeps = rng.random() < english
            area = rooms[e.area] if e.area is not None else None
            nouns[e.id] = Noun("", e.name) if keeps else _styled(own, area, language, style, split, rng)
    entities = tuple(
        replace(e, name=nouns[e.id].word, aliases=_aliases(e, language, split, rng))
        for e in home.entities
        if e.id in nouns
    )
    here = home.area if home.area in rooms else None
    return Household(HomeContext(entities, areas, kept, here, language), language, nouns, places)


def _rooms(home: HomeContext, pool: tuple[str, ...], split: str, rng: random.Random) -> dict[str, str]:
    """Rooms as the phrase file has them, by id; now and then one has its English name."""
    names = half(pool, split)
    areas: list[HomeArea] = rng.sample(home.areas, min(len(home.areas), len(names)))
    chosen = rng.sample(names, len(areas))
    return {
        a.id: f"- {a.name}" if rng.random() < 0.03 else text for a, text in zip(areas, chosen, strict=True)
    }


def _title(place: str, language: str) -> str:
    word = noun(place.partition("|")[0], language).word
    return word[:1].upper() + word[1:]


def kind_of(e: HomeEntity) -> str | None:
    """The kind of pools.KINDS that an entity is of."""
    known = _BY_CLASS.get((e.domain, e.device_class))
    return known or {"cover": "blind", "media_player": "speaker"}.get(e.domain)


def _own(e: HomeEntity, language: str, split: str, rng: random.Random) -> Noun | None:
    names = pack(language)["names"].get(kind_of(e))
    return noun(rng.choice(half(names, split)), language) if names else None


def _aliases(e: HomeEntity, language: str, split: str, rng: random.Random) -> tuple[str, ...]:
    if not e.aliases:
        return ()
    own = _own(e, language, split, rng)
    return (f"{own.word} {rng.choice(half(pack(language)['owners'], split))}",) if own else ()


def _styled(own: Noun, area: str | None, language: str, style: str, split: str, rng: random.Random) -> Noun:
    """ "Stehlampe", "Stehlampe Küche", "Lampe de la cuisine", "Lampe 2", "Lampe links"."""
    word = own.word
    kind = style if style != "mixed" else rng.choice(("short", "short", "after", "before"))
    if rng.random() < 0.12:
        word = f"{word} {rng.choice((*half(pack(language)['modifiers'], split), '1', '2', '3'))}"
    elif rng.random() < 0.04:
        word = f"{nonsense_word(rng).capitalize()} {word}"
    if area is not None and kind != "short":
        room = _title(area, language)
        joined = _compound(word, room, language)
        if joined and rng.random() < 0.4:
            word = joined
        elif kind == "before" and language in ("de", "nl"):
            word = f"{room} {word}"
        elif kind == "before" and language in ("fr", "es", "it"):
            word = f"{word} {of_place(area, language)}"
        else:
            word = f"{word} {room}"
    word = word[:1].upper() + word[1:]
    if rng.random() < 0.08:
        word = word.lower()
    return Noun(own.article, word, own.plural, own.feminine)


def _compound(word: str, room: str, language: str) -> str | None:
    """ "Küchenlampe"; None where the language joins no words or nobody would join these."""
    stem: str | None = pack(language).get("compounds", {}).get(room)
    return f"{stem}{word.lower()}" if stem and " " not in word else None


def room_name(of: Household, area: str) -> Noun:
    """A room with its article."""
    return noun(of.places[area].partition("|")[0], of.language)


def room_forms(of: Household, area: str) -> str:
    """A room as a subject, with its article."""
    return forms(room_name(of, area), of.language).subject
