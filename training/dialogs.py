"""A sentence with several actions, and second turns: pronouns, "and the bedroom too", "the left one"."""

import random
from dataclasses import dataclass, replace

from picoqwen_core.home import targets
from picoqwen_core.home.decision import Act, Action, Decision, Query, Target
from picoqwen_core.home.history import History
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext, HomeEntity
from training.actions import Drawn, draw_action, draw_bare
from training.elsewhere import draw_elsewhere
from training.grammar import draw_pattern, expand
from training.phrases import load
from training.pools import KINDS
from training.questions import draw_question
from training.rooms import draw_roomed
from training.targets import by_name, group_target, kind_entities, refer

MAX_PREVIOUS = 6
_PHRASES = load("requests")


@dataclass(frozen=True, slots=True)
class Turn:
    """A request in its conversation."""

    text: str
    decision: Decision
    template: str
    history: History | None = None


def resolve(home: HomeContext, target: Target) -> tuple[str, ...]:
    """The entities that a target means in this home."""
    return tuple(entity.id for entity in targets.resolve(home, target))


def draw_several(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """Two or three actions in one sentence."""
    if rng.random() < 0.4:
        return _shared_verb(home, split, rng)
    parts: list[Drawn] = []
    actions: tuple[Action, ...] = ()
    while len(parts) < rng.choice((2, 2, 2, 3)):
        part = rng.choice((draw_action, draw_action, draw_action, draw_bare, draw_roomed))(home, split, rng)
        if part is None or not isinstance(part.decision, Act):
            return None
        if part.decision.actions[0].verb in ("list_add", "list_complete", "list_remove", "play_media"):
            return None
        parts.append(part)
        actions += part.decision.actions
    joiner = rng.choice((" and ", " and ", " then ", " and then ", ", ", " and also ", " as well as "))
    words = joiner.join(p.text for p in parts)
    if len(parts) == 3 and rng.random() < 0.6:
        last = rng.choice((" and ", ", and ", " and then "))
        words = f"{parts[0].text}{rng.choice((', ', ' '))}{parts[1].text}{last}{parts[2].text}"
    actions = tuple(a for p in parts for a in p.decision.actions)  # type: ignore[union-attr]
    return Drawn(words, Act(actions), "+".join(p.template for p in parts))


def _shared_verb(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """One verb for two things: one action when both are named, else one for each."""
    chosen = rng.choice(_PHRASES["shared"])
    verb, kinds = chosen["verb"], chosen["kinds"]
    first, second = refer(home, kinds, rng), refer(home, kinds, rng)
    if first is None or second is None or first.target is None or second.target is None:
        return None
    if first.text == second.text or set(resolve(home, first.target)) & set(resolve(home, second.target)):
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    text = template.replace("{a}", first.text).replace("{b}", second.text)
    if first.target.entities and second.target.entities:
        both = Target(first.target.entities + second.target.entities)
        return Drawn(text, Act((Action(verb, both),)), template)
    actions = (Action(verb, first.target), Action(verb, second.target))
    return Drawn(text, Act(actions), template)


def draw_follow_up(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """A second turn that cannot be understood without the first."""
    return rng.choice((_pronoun, _pronoun, _another, _corrected, _the_other, _choice, _choice))(
        home, split, rng
    )


def _first_turn(
    home: HomeContext, split: str, rng: random.Random
) -> tuple[str, Decision, tuple[str, ...]] | None:
    if rng.random() < 0.2:
        return _asked_turn(home, split, rng)
    first = draw_action(home, split, rng)
    if first is None or not isinstance(first.decision, Act):
        return None
    entities = resolve(home, first.decision.actions[0].target)
    if not entities or len(entities) > MAX_PREVIOUS:
        return None
    return first.text, first.decision, entities


def _asked_turn(
    home: HomeContext, split: str, rng: random.Random
) -> tuple[str, Decision, tuple[str, ...]] | None:
    """ "Is the lamp on?" may come before "turn it off"."""
    asked = draw_question(home, split, rng)
    if asked is None or not isinstance(asked.decision, Query) or asked.decision.target == Target():
        return None
    entities = resolve(home, asked.decision.target)
    return (asked.text, asked.decision, entities) if entities and len(entities) <= MAX_PREVIOUS else None


def _pronoun(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    first = _first_turn(home, split, rng)
    if first is None:
        return None
    text, _, entities = first
    domains = {e.domain for e in home.entities if e.id in entities}
    fitting = [p for p in _PHRASES["pronoun"] if domains <= set(p["domains"])]
    if not fitting:
        return None
    chosen = rng.choice(fitting)
    verb = chosen["verb"]
    template = draw_pattern(chosen["templates"], split, rng)
    number = float(rng.randint(1, 20) * 5)
    color = rng.choice(("red", "green", "blue", "purple", "yellow", "pink", "orange"))
    values: dict[str, float | str] = {"brightness": number, "color": color}
    value = values.get(verb)
    said = template.replace("{n}", f"{number:g}").replace("{c}", color)
    decision = Act((Action(verb, Target(entities), value),))
    return Turn(said, decision, template, History(text, entities))


def _another(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """The same thing for something else."""
    first = _first_turn(home, split, rng)
    if first is None:
        return None
    text, decision, entities = first
    if not isinstance(decision, Act):
        return None
    action = decision.actions[0]
    if action.verb in ("list_add", "list_complete") or action.target.everywhere:
        return None
    domain = next(e.domain for e in home.entities if e.id == entities[0])
    others = [e for e in home.entities if e.domain == domain and e.id not in entities]
    if not others:
        return None
    other = rng.choice(others)
    if rng.random() < 0.5:
        said = by_name(home, other, rng)
        if said is None or said.target is None:
            return None
        words, target = said.text, said.target
    else:
        area = next((a for a in home.areas if a.id == other.area), None)
        if area is None or domain not in ("light", "cover", "fan"):
            return None
        words = rng.choice((f"the {area.name}", f"in the {area.name}"))
        device_class = action.target.device_class
        group = [e for e in home.entities if e.area == area.id and e.domain == domain]
        if device_class and not any(e.device_class == device_class for e in group):
            return None
        target = Target(area=area.id, domain=domain, device_class=device_class)
    template = draw_pattern(_PHRASES["another"], split, rng)
    said_text = template.replace("{t}", words)
    return Turn(said_text, Act((replace(action, target=target),)), template, History(text, entities))


def _corrected(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "No, I meant the floor lamp": the same thing, for what was meant."""
    first = _first_turn(home, split, rng)
    if first is None:
        return None
    text, decision, entities = first
    if not isinstance(decision, Act):
        return None
    action = decision.actions[0]
    domain = next(e.domain for e in home.entities if e.id == entities[0])
    others = [e for e in home.entities if e.domain == domain and e.id not in entities]
    if not others or action.verb in ("list_add", "list_complete", "list_remove") or action.target.everywhere:
        return None
    said = by_name(home, rng.choice(others), rng)
    if said is None or said.target is None:
        return None
    pattern = draw_pattern(_PHRASES["corrected"], split, rng)
    words = pattern.replace("{t}", said.text)
    if action.verb in ("on", "off") and rng.random() < 0.3:
        words += f" {action.verb}"
    return Turn(words, Act((replace(action, target=said.target),)), pattern, History(text, entities))


def _the_other(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "And the other one": the twin in the room of what was just acted on."""
    pairs = _pairs(home)
    if not pairs:
        return None
    one, other = rng.sample(rng.choice(pairs), 2)
    asking = rng.choice(
        [a for a in _PHRASES["asking"] if any(KINDS[k].domain == one.domain for k in a["kinds"])] or [None]
    )
    said = by_name(home, one, rng)
    if asking is None or said is None or said.target is None:
        return None
    first = expand(rng.choice(asking["templates"]), rng).replace("{t}", said.text)
    pattern = draw_pattern(_PHRASES["the_other"], split, rng)
    action = Action(asking["verb"], Target((other.id,)))
    return Turn(pattern, Act((action,)), pattern, History(first, (one.id,)))


def _pairs(home: HomeContext) -> list[list[HomeEntity]]:
    """Devices that are two of their kind in a room."""
    groups: dict[tuple[str | None, str, str | None], list[HomeEntity]] = {}
    for e in home.entities:
        if e.area is not None and e.domain in ("light", "cover", "switch", "fan", "lock"):
            groups.setdefault((e.area, e.domain, e.device_class), []).append(e)
    return [group for group in groups.values() if len(group) == 2]


def _choice(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """The answer to "which one?", or to "in which room?"."""
    if home.area is None and rng.random() < 0.5:
        return _room_answer(home, split, rng)
    asked = _ask_about_twins(home, rng)
    if asked is None:
        return None
    first, action, ids = asked
    options = [e for e in home.entities if e.id in ids]
    history = History(first, ids, clarifying=True)
    if rng.random() < 0.15:
        pattern = draw_pattern(_PHRASES["both"], split, rng)
        return Turn(pattern, Act((replace(action, target=Target(ids)),)), pattern, history)
    chosen = rng.choice(options)
    words = _distinct_words(home, chosen, options, rng)
    if words is None:
        return None
    pattern = draw_pattern(_PHRASES["choice"], split, rng)
    decision = Act((replace(action, target=Target((chosen.id,))),))
    return Turn(pattern.replace("{w}", words), decision, pattern, history)


def _room_answer(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """Which room's lights, when nobody knows where the speaker is."""
    asking = rng.choice([a for a in _PHRASES["asking"] if "light" in a["kinds"]])
    areas = [a for a in home.areas if kind_entities(home, "light", a.id)]
    if not areas:
        return None
    area = rng.choice(areas)
    first = expand(rng.choice(asking["templates"]), rng).replace("{t}", rng.choice(("the lights", "lights")))
    pattern = draw_pattern(_PHRASES["room_answer"], split, rng)
    decision = Act((Action(asking["verb"], group_target("light", area=area.id)),))
    return Turn(pattern.replace("{r}", area.name), decision, pattern, History(first, (), clarifying=True))


def _ask_about_twins(home: HomeContext, rng: random.Random) -> tuple[str, Action, tuple[str, ...]] | None:
    """An ambiguous request, what it asks for, and the entities it may mean."""
    asking = rng.choice(_PHRASES["asking"])
    for _ in range(6):
        said = refer(home, asking["kinds"], rng)
        if said is not None and said.choices:
            text = expand(rng.choice(asking["templates"]), rng).replace("{t}", said.text)
            return text, Action(asking["verb"], Target()), said.choices
    return None


def _distinct_words(
    home: HomeContext, chosen: HomeEntity, options: list[HomeEntity], rng: random.Random
) -> str | None:
    """Words of the name, or the room, that only the chosen one of the options has."""
    others = {t.stem for e in options if e.id != chosen.id for t in tokenize(e.name)}
    unique = [t.text for t in tokenize(chosen.name) if t.stem not in others and t.value is None]
    area = next((a for a in home.areas if a.id == chosen.area), None)
    rooms = [e.area for e in options]
    if area is not None and rooms.count(area.id) == 1 and (not unique or rng.random() < 0.4):
        return f"one in the {area.name}" if rng.random() < 0.5 else area.name
    if unique:
        return " ".join(unique)
    return chosen.name if len({e.name for e in options}) == len(options) else None


def unrelated_history(home: HomeContext, split: str, rng: random.Random) -> History | None:
    """A turn before that has nothing to do with the present one: an action, a question, or something else."""
    draw = rng.random()
    if draw < 0.6:
        first = _first_turn(home, split, rng)
        return History(first[0], first[2]) if first is not None else None
    if draw < 0.75:
        return History(draw_elsewhere(split, rng).text)
    question = draw_question(home, split, rng)
    if question is None or not isinstance(question.decision, Query):
        return None
    entities = resolve(home, question.decision.target) if question.decision.target != Target() else ()
    return History(question.text, entities if len(entities) <= MAX_PREVIOUS else ())
