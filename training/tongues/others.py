"""Requests beside plain actions in other languages: whole places, exceptions, timers, rooms to be cleaned."""

import random
from dataclasses import replace

from picoqwen_core.home.decision import Act, Action, Cannot, Target, Verb
from picoqwen_core.home.targets import resolve
from training.actions import Drawn
from training.pools import KINDS, nonsense_word
from training.targets import group_target, kind_entities
from training.tongues.grammar import Forms, agreeing, draw_pattern, filled, forms, noun, pack
from training.tongues.household import Household, half, room_forms
from training.tongues.references import (
    Said,
    by_everywhere,
    by_floor,
    by_here,
    by_room,
    nouns_of,
    place_of,
    refer,
)
from training.tongues.requests import draw_request, draw_value, number, room_slots

_IMPOSSIBLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("impossible_lock", ("light", "switch", "fan", "tv", "speaker", "vacuum")),
    ("impossible_light", ("lock", "vacuum", "blind", "curtain", "todo", "climate")),
    ("impossible_sound", ("light", "lock", "blind", "switch", "todo")),
    ("impossible_heat", ("lock", "light", "blind", "tv", "fan")),
)
_TIMED: tuple[Verb, ...] = ("timer_more", "timer_less", "timer_pause", "timer_resume", "timer_status")
_UNIT_SECONDS = (60, 60, 1, 3600)


def draw_whole_place(of: Household, split: str, rng: random.Random) -> Drawn:
    """ "Everything off": every device that can be switched off, in a place."""
    verb: Verb = rng.choice(("off", "off", "on"))
    words, home = pack(of.language), of.home
    area = rng.choice(home.areas).id
    options = [(place_of(of, area, rng), Target(area=area))]
    options.append((rng.choice(("", *words["everywhere"])), Target(everywhere=True)))
    if home.area:
        options.append((rng.choice(words["here"]), Target(area=home.area)))
    if home.floors:
        floor = rng.choice(home.floors).id
        options.append((place_of(of, floor, rng), Target(floor=floor)))
    place, target = rng.choice(options)
    pattern = draw_pattern(words["other"][f"everything_{verb}"], split, rng)
    return Drawn(filled(pattern, None, of.language, p=place), Act((Action(verb, target),)), pattern)


def draw_except(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "All the lights except the kitchen": a group less a device, a room, or a kind."""
    verb: Verb = rng.choice(("off", "off", "on"))
    whole = rng.random() < 0.4
    group: Said | None = None
    if not whole:
        realiser = rng.choice((by_everywhere, by_everywhere, by_floor, by_room, by_here))
        group = realiser(of, "light", rng)
        if group is None or group.target is None:
            return None
    target = Target(everywhere=True) if group is None or group.target is None else group.target
    meant = {e.id for e in resolve(of.home, target)}
    said = _excluded(of, whole=whole, rng=rng)
    if said is None or said.target is None:
        return None
    excluded = {e.id for e in resolve(of.home, said.target)}
    if not excluded & meant or not meant - excluded:
        return None
    words = pack(of.language)
    whole_words = forms(noun(words["everything"], of.language), of.language)
    pattern = draw_pattern(words["other"][f"except_{verb}"], split, rng)
    text = pattern.replace("{x}", said.words.object)
    text = filled(text, group.words if group else whole_words, of.language)
    return Drawn(text, Act((Action(verb, replace(target, excluding=said.target)),)), pattern)


def _excluded(of: Household, *, whole: bool, rng: random.Random) -> Said | None:
    draw = rng.random()
    if draw < 0.4:
        area = rng.choice(of.home.areas).id
        text = rng.choice((place_of(of, area, rng), place_of(of, area, rng), room_forms(of, area)))
        return Said(Forms(text, text, text), Target(area=area, domain=None if whole else "light"))
    kinds = ("light", "tv", "speaker", "switch", "fan") if whole else ("light",)
    if draw < 0.55 and whole:
        kind = rng.choice(kinds)
        nouns = nouns_of(of, kind, rng)
        target = group_target(kind, everywhere=True)
        return Said(forms(nouns[1], of.language), target) if nouns else None
    said = refer(of, kinds, rng)
    if said is None or said.target is None or said.target.entities:
        return said
    # "Everything but the lamps" means the lamps of all rooms, wherever it is said.
    return said if (said.placed or not said.target.here) and said.target.area != of.home.area else None


def draw_unknown(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """A device or a room that this home does not have."""
    words, language = pack(of.language), of.language
    if rng.random() < 0.6:
        thing = noun(rng.choice(half(words["unknown_devices"], split)), language)
        if rng.random() < 0.35:
            thing = replace(thing, word=nonsense_word(rng))
        known = (e.name.casefold() for e in of.home.entities)
        if any(thing.word.casefold() in name or name in thing.word.casefold() for name in known):
            return None
        pattern = draw_pattern(words["other"]["unknown_device"], split, rng)
        text = filled(pattern, forms(thing, language), language, n=str(rng.randint(5, 100)))
        return Drawn(_with_state(text, forms(thing, language), language), Cannot("unknown_device"), pattern)
    room = noun(rng.choice(half(words["unknown_areas"], split)), language)
    if rng.random() < 0.4:
        room = replace(room, word=nonsense_word(rng))
    if any(a.name.casefold() == room.word.casefold() for a in of.home.areas):
        return None
    nouns = nouns_of(of, rng.choice(("light", "light", "blind", "fan", "climate", "tv", "speaker")), rng)
    if nouns is None:
        return None
    device = forms(nouns[rng.randrange(2)], language)
    place = filled(f"{words['in']} {forms(room, language).dative}", None, language)
    pattern = draw_pattern(words["other"]["unknown_room"], split, rng)
    text = filled(pattern, device, language, p=place, n=str(rng.randint(5, 100)))
    return Drawn(_with_state(text, device, language), Cannot("unknown_device"), pattern)


def _with_state(text: str, said: Forms, language: str) -> str:
    return text.replace("{q}", agreeing(pack(language)["states"]["on"][0], said))


def draw_absent(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "The fan in the kitchen", which has none: the group is empty, and nothing happens elsewhere."""
    kind = rng.choice(("light", "fan", "tv", "speaker", "switch", "climate"))
    filled_areas = {e.area for e in of.home.entities if e.domain == KINDS[kind].domain}
    without = [a.id for a in of.home.areas if a.id not in filled_areas]
    nouns = nouns_of(of, kind, rng)
    if not without or nouns is None:
        return None
    verb: Verb = rng.choice(("on", "off"))
    area = rng.choice(without)
    said = forms(nouns[rng.randrange(2)], of.language).then(place_of(of, area, rng))
    plain = tuple(p for p in pack(of.language)["say"][verb] if "{q}" not in p)
    pattern = draw_pattern(plain, split, rng)
    action = Action(verb, group_target(kind, area=area))
    return Drawn(filled(pattern, said, of.language), Act((action,)), pattern)


def draw_impossible(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """A device that is there, asked for what it cannot do."""
    key, kinds = rng.choice(_IMPOSSIBLE)
    said = refer(of, kinds, rng)
    if said is None or said.target is None or not said.target.entities:
        return None
    pattern = draw_pattern(pack(of.language)["other"][key], split, rng)
    value = number(rng.randint(5, 100), of.language, rng)
    color = rng.choice(pack(of.language)["colors"]).partition("=")[0]
    return Drawn(filled(pattern, said.words, of.language, n=value, c=color), Cannot("impossible"), pattern)


def draw_list_default(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """An item for "my list", whichever it is."""
    if not kind_entities(of.home, "todo"):
        return None
    pattern = draw_pattern(pack(of.language)["other"]["list_default"], split, rng)
    said, value = draw_value("item", of.language, split, rng)
    action = Action("list_add", Target(everywhere=True, domain="todo"), value)
    return Drawn(filled(pattern, None, of.language, v=said), Act((action,)), pattern)


def draw_clean_room(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """A room for the vacuum: the room is what to clean, not where the vacuum is."""
    if not kind_entities(of.home, "vacuum"):
        return None
    pattern = draw_pattern(pack(of.language)["other"]["clean_room"], split, rng)
    named = any(slot in pattern for slot in ("{s}", "{t}", "{d}"))
    said = refer(of, ("vacuum",), rng) if named else None
    if named and (said is None or said.target is None or said.target.area or said.target.floor):
        return None
    area = rng.choice(of.home.areas).id
    words = said.words if said else None
    text = filled(pattern, words, of.language, **room_slots(of, area, rng))
    return Drawn(text, Act((Action("vacuum_clean", Target(area=area)),)), pattern)


def draw_broadcast(of: Household, split: str, rng: random.Random) -> Drawn:
    """Something to be said on all speakers."""
    words = pack(of.language)
    pattern = draw_pattern(words["other"]["broadcast"], split, rng)
    message = rng.choice(half(words["messages"], split))
    action = Action("broadcast", Target(everywhere=True), message)
    return Drawn(pattern.replace("{m}", message), Act((action,)), pattern)


def draw_timer(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """One of the seven things that are done with timers, or a command for later."""
    draw, timers = rng.random(), pack(of.language)["timers"]
    if draw < 0.2:
        return _delayed(of, split, rng)
    said, seconds = draw_duration(of.language, rng)
    if draw < 0.5:
        key, verb = rng.choice(("start", "start_named")), "timer_start"
    elif draw < 0.57:
        key = verb = "timer_cancel_all"
    elif draw < 0.7:
        key, verb = rng.choice(("timer_cancel", "timer_cancel_one")), "timer_cancel"
    else:
        key = verb = rng.choice(_TIMED)
    pattern = draw_pattern(timers[key], split, rng)
    label = rng.choice(half(timers["names"], split)) if rng.random() < 0.6 else nonsense_word(rng)
    text = filled(pattern, None, of.language, dur=said, n=label)
    action = Action(
        verb,  # type: ignore[arg-type]  # the keys of [timers] are verbs
        Target(everywhere=True),
        seconds if "{dur}" in pattern else None,
        label if "{n}" in pattern else None,
    )
    return Drawn(text, Act((action,)), pattern)


def draw_duration(language: str, rng: random.Random) -> tuple[str, float]:
    """A duration as said, and in seconds."""
    timers = pack(language)["timers"]
    if rng.random() < 0.2:
        said, _, seconds = rng.choice(timers["spoken"]).partition("=")
        return said, float(seconds)
    unit = rng.choice(_UNIT_SECONDS)
    count = rng.choice((rng.randint(2, 59), rng.choice((5, 10, 15, 20, 30, 45))))
    return f"{number(count, language, rng)} {timers['units'][str(unit)]}", float(count * unit)


def _delayed(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "Turn off the fan in ten minutes": the command is kept as it was said."""
    command = draw_request(of, split, rng)
    if command is None or not isinstance(command.decision, Act) or any(c.isdigit() for c in command.text):
        return None
    if command.decision.actions[0].value is not None:
        return None
    said, seconds = draw_duration(of.language, rng)
    pattern = draw_pattern(pack(of.language)["timers"]["delayed"], split, rng)
    text = pattern.replace("{c}", command.text).replace("{dur}", said)
    action = Action("delayed", Target(everywhere=True), seconds)
    return Drawn(text, Act((action,)), f"{pattern}+{command.template}")
