"""How people of other languages refer to devices: by name, part of it, kind and room, floor, here, or all.

The meaning is what training/targets.py says of the same reference in English.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from picoqwen_core.home.decision import Target
from picoqwen_core.home.lexicon import IGNORED, KIND_WORDS
from picoqwen_core.home.targets import resolve
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeEntity
from training.targets import group_target, kind_entities
from training.tongues.grammar import Forms, Noun, all_of, contracted, forms, in_place, noun, of_place, pack
from training.tongues.household import Household

_MOST_CHOICES = 6


@dataclass(frozen=True, slots=True)
class Said:
    """A reference as words, and what it means: a target, or several entities to choose from."""

    words: Forms
    target: Target | None = None
    choices: tuple[str, ...] = ()
    # The words say where it is.
    placed: bool = False


def nouns_of(of: Household, kind: str, rng: random.Random) -> tuple[Noun, Noun] | None:
    """What a kind is called, in the singular and the plural."""
    pairs = pack(of.language)["nouns"].get(kind)
    if not pairs:
        return None
    one, _, many = rng.choice(pairs).partition("/")
    return noun(one, of.language), noun(many, of.language)


def place_of(of: Household, place: str, rng: random.Random) -> str:
    """ "in der Küche", "al piano di sopra"."""
    return in_place(of.places[place], of.language, rng)


def by_name(of: Household, entity: HomeEntity, rng: random.Random) -> Said | None:
    """Its whole name, with its room when the name alone would not do."""
    own = of.nouns[entity.id]
    name = rng.choice((entity.name, entity.name, *entity.aliases))
    said = forms(replace(own, word=name), of.language, bare=rng.random() < 0.15)
    home = of.home
    twins = [e for e in home.entities if name.casefold() in (n.casefold() for n in (e.name, *e.aliases))]
    room = entity.area if entity.area in of.places else None
    if len(twins) == 1:
        told = room is not None and rng.random() < 0.12
        return Said(said.then(place_of(of, room, rng)) if told and room else said, Target((entity.id,)))
    if room is not None and rng.random() < 0.6:
        if sum(e.area == room for e in twins) != 1:
            return None
        return Said(said.then(place_of(of, room, rng)), Target((entity.id,)), placed=True)
    pool = [e for e in twins if home.area is not None and e.area == home.area] or twins
    if len(pool) == 1:
        return Said(said, Target((pool[0].id,)))
    return Said(said, choices=tuple(e.id for e in pool)) if len(pool) <= _MOST_CHOICES else None


def by_part(of: Household, entity: HomeEntity, rng: random.Random) -> Said | None:
    """Some telling words of its name; every entity that has them is meant, those in the room first."""
    words = entity.name.split(" ")
    area = next((a.name for a in of.home.areas if a.id == entity.area), "")
    of_area = _stems(area, of.language)
    telling = [
        w for w in words if len(w) > 2 and (s := _stems(w, of.language)) and not s <= (of_area | IGNORED)
    ]
    if len(words) < 2 or not telling:
        return None
    kept = telling if len(telling) < len(words) else rng.sample(telling, len(telling) - 1)
    kept = [w for w in telling if w in kept]
    stems = set().union(*(_stems(w, of.language) for w in kept)) - IGNORED
    if not stems or stems <= set(KIND_WORDS):
        return None
    pool = [e for e in of.home.entities if stems <= _names_stems(e, of.language)]
    text = " ".join(kept)
    if any(text.casefold() == n.casefold() for e in pool for n in (e.name, *e.aliases)):
        return None
    room = entity.area if entity.area in of.places and rng.random() < 0.25 else None
    wanted = room or of.home.area
    near = [e for e in pool if wanted is not None and e.area == wanted] or pool
    said = forms(
        replace(of.nouns[entity.id], word=text), of.language, bare=kept[0] != words[0] or rng.random() < 0.2
    )
    said = said.then(place_of(of, room, rng)) if room else said
    if len(near) == 1:
        return Said(said, Target((near[0].id,)))
    return Said(said, choices=tuple(e.id for e in near)) if len(near) <= _MOST_CHOICES else None


def by_room(of: Household, kind: str, rng: random.Random) -> Said | None:
    """A kind in a named room: all of them, or the one there is."""
    areas = [a for a in of.home.areas if kind_entities(of.home, kind, a.id)]
    nouns = nouns_of(of, kind, rng)
    if not areas or nouns is None:
        return None
    area = rng.choice(areas)
    here = kind_entities(of.home, kind, area.id)
    target = group_target(kind, area=area.id)
    if kind == "light" or len(here) == 1 or rng.random() < 0.7:
        single = kind == "light" or len(here) == 1
        return Said(_in_room(of, area.id, _number(of, nouns, rng, single=single), rng), target, placed=True)
    said = forms(nouns[0], of.language).then(place_of(of, area.id, rng))
    return Said(said, choices=tuple(e.id for e in here), placed=True) if len(here) <= 4 else None


def _number(
    of: Household, nouns: tuple[Noun, Noun], rng: random.Random, *, single: bool, whole: bool = True
) -> Forms:
    """ "das Licht", "die Lichter" or "alle Lichter"."""
    if single and rng.random() < 0.5:
        return forms(nouns[0], of.language, bare=rng.random() < 0.15)
    if whole and rng.random() < 0.4:
        return all_of(nouns[1], of.language, feminine=nouns[0].feminine)
    return replace(
        forms(nouns[1], of.language, bare=rng.random() < 0.15), feminine=nouns[0].feminine, plural=True
    )


def _in_room(of: Household, area: str, said: Forms, rng: random.Random) -> Forms:
    draw = rng.random()
    name = next(a.name for a in of.home.areas if a.id == area)
    if draw < 0.18:
        return said.after(place_of(of, area, rng))
    if draw < 0.4:
        return said.then(of_place(of.places[area], of.language))
    if draw < 0.5:
        return said.then(name) if of.language not in ("de", "nl") else said.after(name)
    return said.then(place_of(of, area, rng))


def by_here(of: Household, kind: str, rng: random.Random) -> Said | None:
    """A kind with no room said: the speaker's room, if that is known and has one."""
    nouns = nouns_of(of, kind, rng)
    if nouns is None:
        return None
    home = of.home
    near = kind_entities(home, kind, home.area) if home.area else []
    if home.area is None or not near:
        target = replace(group_target(kind), here=True)
        if home.area is not None and not resolve(home, target):
            return None
        chosen = nouns[rng.random() < 0.4] if kind == "light" else nouns[0]
        return Said(forms(chosen, of.language, bare=rng.random() < 0.15), target)
    tail = rng.choice(("", "", "", rng.choice(pack(of.language)["here"])))
    target = group_target(kind, area=home.area)
    if kind == "light" or len(near) == 1 or rng.random() < 0.6:
        single = kind == "light" or len(near) == 1
        # "All the lights" are those of the whole home.
        whole = kind != "light" or bool(tail)
        return Said(_number(of, nouns, rng, single=single, whole=whole).then(tail), target)
    said = forms(nouns[0], of.language).then(tail)
    return Said(said, choices=tuple(e.id for e in near)) if len(near) <= 4 else None


def by_floor(of: Household, kind: str, rng: random.Random) -> Said | None:
    """A kind on a named floor."""
    nouns = nouns_of(of, kind, rng)
    if not of.home.floors or nouns is None:
        return None
    floor = rng.choice(of.home.floors).id
    on_floor = {a.id for a in of.home.areas if a.floor == floor}
    if not any(e.area in on_floor for e in kind_entities(of.home, kind)):
        return None
    said = _number(of, nouns, rng, single=False).then(place_of(of, floor, rng))
    return Said(said, group_target(kind, floor=floor), placed=True)


def by_everywhere(of: Household, kind: str, rng: random.Random) -> Said | None:
    """A kind in the whole home; only when that is said."""
    nouns = nouns_of(of, kind, rng)
    if nouns is None or len(kind_entities(of.home, kind)) < 2:
        return None
    said = all_of(nouns[1], of.language, feminine=nouns[0].feminine)
    said = replace(said, feminine=nouns[0].feminine, plural=True)
    if (of.home.area is not None and kind != "light") or rng.random() < 0.4:
        said = said.then(rng.choice(pack(of.language)["everywhere"]))
    return Said(said, group_target(kind, everywhere=True))


_Realiser = Callable[[Household, str, random.Random], Said | None]
_GROUPS: tuple[_Realiser, ...] = (by_room, by_here, by_floor, by_everywhere)
_WEIGHTS = (0.4, 0.35, 0.12, 0.13)


def refer(of: Household, kinds: Iterable[str], rng: random.Random) -> Said | None:
    """Refer to something of one of these kinds, in one of the ways people do."""
    present = [k for k in kinds if kind_entities(of.home, k)]
    if not present:
        return None
    kind = rng.choice(present)
    draw = rng.random()
    if draw < 0.4 or kind not in pack(of.language)["nouns"]:
        return by_name(of, rng.choice(kind_entities(of.home, kind)), rng)
    if draw < 0.56:
        return by_part(of, rng.choice(kind_entities(of.home, kind)), rng)
    return rng.choices(_GROUPS, _WEIGHTS)[0](of, kind, rng)


def place_text(of: Household, text: str) -> str:
    """Words with the contractions of the language."""
    return contracted(text, of.language)


def _stems(text: str, language: str) -> set[str]:
    return {t.stem for t in tokenize(text, language)}


def _names_stems(entity: HomeEntity, language: str) -> set[str]:
    return {s for name in (entity.name, *entity.aliases) for s in _stems(name, language)}
