"""Several actions in a sentence, and second turns, in other languages."""

import random
from dataclasses import replace

from picoqwen_core.home.decision import Act, Action, Decision, Query, Target, Verb
from picoqwen_core.home.history import History
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeEntity
from training.actions import Drawn
from training.grammar import expand
from training.targets import group_target, kind_entities
from training.tongues.grammar import Forms, draw_pattern, filled, forms, pack
from training.tongues.household import Household, kind_of
from training.tongues.questions import draw_asked
from training.tongues.references import by_name, nouns_of, place_of, refer
from training.tongues.requests import WAYS, draw_bare, draw_request, draw_roomed, draw_value, room_slots
from training.turns import MAX_PREVIOUS, Turn, resolve

_COPIED = ("list_add", "list_complete", "list_remove", "play_media")
_SHARED: tuple[tuple[Verb, tuple[str, ...]], ...] = (
    ("on", ("light", "light", "switch", "fan", "tv", "speaker", "climate")),
    ("off", ("light", "light", "switch", "fan", "tv", "speaker", "climate")),
    ("open", ("blind", "curtain", "shutter", "garage", "gate")),
    ("close", ("blind", "curtain", "shutter", "garage", "gate")),
    ("lock", ("lock",)),
)
# What a pronoun may stand for, by the key of its phrasings in [pronoun].
_PRONOUNS: dict[str, tuple[str, ...]] = {
    "on": ("light", "switch", "fan", "media_player", "climate", "input_boolean"),
    "off": ("light", "switch", "fan", "media_player", "climate", "input_boolean"),
    "open": ("cover", "valve"),
    "close": ("cover", "valve"),
    "lock": ("lock",),
    "unlock": ("lock",),
    "brighter": ("light",),
    "dimmer": ("light",),
    "brightness": ("light",),
    "color": ("light",),
    "stop": ("cover",),
    "louder": ("media_player",),
    "quieter": ("media_player",),
    "pause": ("media_player",),
    "warmer": ("climate",),
    "cooler": ("climate",),
    "temperature": ("climate",),
}
_ASKING: tuple[Verb, ...] = ("on", "off", "open", "close", "unlock", "dimmer", "brighter")
_First = tuple[str, Decision, tuple[str, ...]]


def draw_several(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """Two or three actions in one sentence."""
    if rng.random() < 0.4:
        return _shared_verb(of, split, rng)
    parts: list[Drawn] = []
    actions: tuple[Action, ...] = ()
    for _ in range(rng.choice((2, 2, 2, 3))):
        part = rng.choice((draw_request, draw_request, draw_request, draw_bare, draw_roomed))(of, split, rng)
        if part is None or not isinstance(part.decision, Act) or part.decision.actions[0].verb in _COPIED:
            return None
        parts.append(part)
        actions += part.decision.actions
    joiners = pack(of.language)["joiners"]
    words = f"{rng.choice(joiners)}".join(p.text for p in parts[-2:])
    if len(parts) == 3:
        words = f"{parts[0].text}{rng.choice((', ', ', ', ' '))}{words}"
    return Drawn(words, Act(actions), "+".join(p.template for p in parts))


def _shared_verb(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """One verb for two things: one action when both are named, else one for each."""
    verb, kinds = rng.choice(_SHARED)
    first, second = refer(of, kinds, rng), refer(of, kinds, rng)
    if first is None or second is None or first.target is None or second.target is None:
        return None
    if set(resolve(of.home, first.target)) & set(resolve(of.home, second.target)):
        return None
    if first.words.subject == second.words.subject:
        return None
    joined = first.words.joined(pack(of.language)["and"], second.words)
    pattern = draw_pattern(_first_asked(of, verb), split, rng)
    text = filled(pattern, joined, of.language)
    if first.target.entities and second.target.entities:
        both = Target(first.target.entities + second.target.entities)
        return Drawn(text, Act((Action(verb, both),)), pattern)
    return Drawn(text, Act((Action(verb, first.target), Action(verb, second.target))), pattern)


def draw_follow_up(of: Household, split: str, rng: random.Random) -> Turn | None:
    """A second turn that cannot be understood without the first."""
    ways = (_pronoun, _pronoun, _another, _corrected, _the_other, _choice, _choice)
    return rng.choice(ways)(of, split, rng)


def first_turn(of: Household, split: str, rng: random.Random) -> _First | None:
    """An action or a question, and the few entities that it is about."""
    drawn = draw_asked(of, split, rng) if rng.random() < 0.2 else draw_request(of, split, rng)
    if drawn is None or not isinstance(drawn.decision, Act | Query):
        return None
    decision = drawn.decision
    target = decision.actions[0].target if isinstance(decision, Act) else decision.target
    entities = resolve(of.home, target) if target != Target() else ()
    return (drawn.text, decision, entities) if 0 < len(entities) <= MAX_PREVIOUS else None


def _pronoun(of: Household, split: str, rng: random.Random) -> Turn | None:
    first = first_turn(of, split, rng)
    if first is None:
        return None
    text, _, entities = first
    domains = {e.domain for e in of.home.entities if e.id in entities}
    fitting = [key for key, allowed in _PRONOUNS.items() if domains <= set(allowed)]
    if not fitting:
        return None
    key = rng.choice(fitting)
    pattern = draw_pattern(pack(of.language)["pronoun"][key], split, rng)
    value_text, value = draw_value(WAYS[key].value, of.language, split, rng)
    said = filled(pattern, None, of.language, v=value_text)
    decision = Act((Action(WAYS[key].verb, Target(entities), value),))
    return Turn(said, decision, pattern, History(text, entities))


def _acted(of: Household, split: str, rng: random.Random) -> tuple[str, Action, tuple[str, ...]] | None:
    first = first_turn(of, split, rng)
    if first is None or not isinstance(first[1], Act):
        return None
    action = first[1].actions[0]
    return None if action.verb in _COPIED or action.target.everywhere else (first[0], action, first[2])


def _others(of: Household, entities: tuple[str, ...]) -> list[HomeEntity]:
    """What else the home has of a kind."""
    domain = next(e.domain for e in of.home.entities if e.id == entities[0])
    return [e for e in of.home.entities if e.domain == domain and e.id not in entities]


def _another(of: Household, split: str, rng: random.Random) -> Turn | None:
    """The same thing for something else."""
    first = _acted(of, split, rng)
    others = _others(of, first[2]) if first else []
    if first is None or not others:
        return None
    text, action, entities = first
    other = rng.choice(others)
    if rng.random() < 0.5:
        said = by_name(of, other, rng)
        if said is None or said.target is None:
            return None
        words, target = said.words, said.target
    else:
        if other.area not in of.places or other.domain not in ("light", "cover", "fan"):
            return None
        device_class = action.target.device_class
        group = [e for e in of.home.entities if e.area == other.area and e.domain == other.domain]
        if device_class and not any(e.device_class == device_class for e in group):
            return None
        room = room_slots(of, other.area, rng)
        place = rng.choice((room["p"], room["ra"]))
        words = Forms(place, place, place)
        target = Target(area=other.area, domain=other.domain, device_class=device_class)
    pattern = draw_pattern(pack(of.language)["other"]["another"], split, rng)
    decision = Act((replace(action, target=target),))
    return Turn(filled(pattern, words, of.language), decision, pattern, History(text, entities))


def _corrected(of: Household, split: str, rng: random.Random) -> Turn | None:
    """ "No, I meant the floor lamp": the same thing, for what was meant."""
    first = _acted(of, split, rng)
    others = _others(of, first[2]) if first else []
    said = by_name(of, rng.choice(others), rng) if others else None
    if first is None or said is None or said.target is None:
        return None
    text, action, entities = first
    pattern = draw_pattern(pack(of.language)["other"]["corrected"], split, rng)
    decision = Act((replace(action, target=said.target),))
    return Turn(filled(pattern, said.words, of.language), decision, pattern, History(text, entities))


def _asking(of: Household, verb: Verb, said: Forms, rng: random.Random) -> str:
    return filled(expand(rng.choice(_first_asked(of, verb)), rng), said, of.language)


def _first_asked(of: Household, verb: Verb) -> tuple[str, ...]:
    """Phrasings of a verb that name no state, which would have to agree."""
    return tuple(p for p in pack(of.language)["say"][verb] if "{q}" not in p)


def _the_other(of: Household, split: str, rng: random.Random) -> Turn | None:
    """ "And the other one": the twin in the room of what was just acted on."""
    groups: dict[tuple[str | None, str, str | None], list[HomeEntity]] = {}
    for e in of.home.entities:
        if e.area is not None and e.domain in ("light", "cover", "switch", "fan", "lock"):
            groups.setdefault((e.area, e.domain, e.device_class), []).append(e)
    pairs = [group for group in groups.values() if len(group) == 2]
    if not pairs:
        return None
    one, other = rng.sample(rng.choice(pairs), 2)
    fitting = [verb for verb in _ASKING if kind_of(one) in WAYS[verb].kinds]
    said = by_name(of, one, rng)
    if not fitting or said is None or said.target is None:
        return None
    verb = rng.choice(fitting)
    pattern = draw_pattern(pack(of.language)["other"]["the_other"], split, rng)
    history = History(_asking(of, verb, said.words, rng), (one.id,))
    return Turn(pattern, Act((Action(verb, Target((other.id,))),)), pattern, history)


def _choice(of: Household, split: str, rng: random.Random) -> Turn | None:
    """The answer to "which one?", or to "in which room?"."""
    if of.home.area is None and rng.random() < 0.5:
        return _room_answer(of, split, rng)
    verb = rng.choice(_ASKING)
    said = next(
        (s for _ in range(6) if (s := refer(of, WAYS[verb].kinds, rng)) is not None and s.choices), None
    )
    if said is None:
        return None
    history = History(_asking(of, verb, said.words, rng), said.choices, clarifying=True)
    other = pack(of.language)["other"]
    if rng.random() < 0.15:
        pattern = draw_pattern(other["both"], split, rng)
        return Turn(pattern, Act((Action(verb, Target(said.choices)),)), pattern, history)
    options = [e for e in of.home.entities if e.id in said.choices]
    chosen = rng.choice(options)
    words = _distinct_words(of, chosen, options, rng)
    if words is None:
        return None
    pattern = draw_pattern(other["choice"], split, rng)
    decision = Act((Action(verb, Target((chosen.id,))),))
    return Turn(filled(pattern, None, of.language, w=words), decision, pattern, history)


def _room_answer(of: Household, split: str, rng: random.Random) -> Turn | None:
    """Which room's lights, when nobody knows where the speaker is."""
    areas = [a for a in of.home.areas if kind_entities(of.home, "light", a.id)]
    nouns = nouns_of(of, "light", rng)
    if not areas or nouns is None:
        return None
    area = rng.choice(areas).id
    verb: Verb = rng.choice(("on", "off", "dimmer", "brighter"))
    first = _asking(of, verb, forms(rng.choice(nouns), of.language), rng)
    pattern = draw_pattern(pack(of.language)["other"]["room_answer"], split, rng)
    text = filled(pattern, None, of.language, **room_slots(of, area, rng))
    decision = Act((Action(verb, group_target("light", area=area)),))
    return Turn(text, decision, pattern, History(first, (), clarifying=True))


def _distinct_words(
    of: Household, chosen: HomeEntity, options: list[HomeEntity], rng: random.Random
) -> str | None:
    """Words of the name, or the room, that only the chosen one of the options has."""

    def stems(text: str) -> set[str]:
        return {t.stem for t in tokenize(text, of.language)}

    others = set().union(*(stems(e.name) for e in options if e.id != chosen.id))
    unique = [w for w in chosen.name.split(" ") if len(w) > 2 and not stems(w) & others]
    alone = chosen.area in of.places and sum(e.area == chosen.area for e in options) == 1
    if alone and chosen.area and (not unique or rng.random() < 0.4):
        return place_of(of, chosen.area, rng)
    if unique:
        return " ".join(unique)
    return chosen.name if len({e.name for e in options}) == len(options) else None


def unrelated_history(of: Household, split: str, rng: random.Random) -> History | None:
    """A turn before that has nothing to do with the present one."""
    first = first_turn(of, split, rng)
    return History(first[0], first[2]) if first is not None else None
