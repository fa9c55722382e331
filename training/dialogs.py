"""Second turns: pronouns, "and the bedroom too", corrections, "the left one"; adjusting.py has the rest."""

import random
from dataclasses import replace
from typing import Any

from picoqwen_core.home.decision import Act, Action, Query, Target
from picoqwen_core.home.dsl import COPIED_VALUES
from picoqwen_core.home.history import History
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext, HomeEntity
from training import adjusting
from training.elsewhere import draw_elsewhere
from training.grammar import draw_pattern, expand
from training.phrases import joined
from training.pools import KINDS
from training.questions import draw_question
from training.targets import by_name, group_target, kind_entities, refer
from training.turns import MAX_PREVIOUS, First, Turn, first_turn, resolve
from training.values import draw_value

__all__ = ["Turn", "draw_follow_up", "unrelated_history"]
_PHRASES = joined("requests", "turns", "replies")
_PRONOUNS = _PHRASES["pronoun"]
_COLORS = ("red", "green", "blue", "purple", "yellow", "pink", "orange")


def draw_follow_up(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """A second turn that cannot be understood without the first."""
    return rng.choice(_SECOND_TURNS)(home, split, rng)


def _pronoun(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    first = first_turn(home, split, rng)
    if first is None:
        return None
    domains = {e.domain for e in home.entities if e.id in first.entities}
    fitting = [p for p in _PRONOUNS if domains <= set(p["domains"])]
    if not fitting:
        return None
    chosen = rng.choice(fitting)
    template = draw_pattern(chosen["templates"], split, rng)
    said, value = _pronoun_value(chosen, split, rng)
    decision = Act((Action(chosen["verb"], Target(first.entities), value),))
    text = template.replace("{n}", said).replace("{c}", said)
    return Turn(text, decision, template, first.history)


def _pronoun_value(chosen: dict[str, Any], split: str, rng: random.Random) -> tuple[str, float | str | None]:
    """As said and as meant; patterns without a kind of value say percent or a colour by themselves."""
    if "value" in chosen:
        return draw_value(chosen["value"], split, rng)
    if chosen["verb"] == "brightness":
        number = float(rng.randint(1, 20) * 5)
        return f"{number:g}", number
    if chosen["verb"] == "color":
        color = rng.choice(_COLORS)
        return color, color
    return "", None


def _another(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """The same thing for something else."""
    first = first_turn(home, split, rng)
    if first is None:
        return None
    decision, entities = first.decision, first.entities
    if not isinstance(decision, Act):
        return None
    action = decision.actions[0]
    if action.verb in COPIED_VALUES or action.target.everywhere:
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
    return Turn(said_text, Act((replace(action, target=target),)), template, first.history)


def _corrected(home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """ "No, I meant the floor lamp": the same thing, for what was meant."""
    first = first_turn(home, split, rng)
    if first is None:
        return None
    decision, entities = first.decision, first.entities
    if not isinstance(decision, Act):
        return None
    action = decision.actions[0]
    domain = next(e.domain for e in home.entities if e.id == entities[0])
    others = [e for e in home.entities if e.domain == domain and e.id not in entities]
    if not others or action.verb in COPIED_VALUES or action.target.everywhere:
        return None
    said = by_name(home, rng.choice(others), rng)
    if said is None or said.target is None:
        return None
    pattern = draw_pattern(_PHRASES["corrected"], split, rng)
    words = pattern.replace("{t}", said.text)
    if action.verb in ("on", "off") and rng.random() < 0.3:
        words += f" {action.verb}"
    return Turn(words, Act((replace(action, target=said.target),)), pattern, first.history)


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
    if rng.random() < 0.06:
        return adjusting.draw_neither(First(first, Act((action,)), ids), split, rng)
    if rng.random() < 0.15:
        pattern = draw_pattern(_PHRASES["both"], split, rng)
        return Turn(pattern, Act((replace(action, target=Target(ids)),)), pattern, history)
    if rng.random() < 0.15:
        return _by_order(action, options, history, split, rng)
    chosen = rng.choice(options)
    words = _distinct_words(home, chosen, options, rng)
    if words is None:
        return None
    pattern = draw_pattern(_PHRASES["choice"], split, rng)
    decision = Act((replace(action, target=Target((chosen.id,))),))
    return Turn(pattern.replace("{w}", words), decision, pattern, history)


def _by_order(
    action: Action, options: list[HomeEntity], history: History, split: str, rng: random.Random
) -> Turn:
    """ "The second one", in the order in which we asked, which is that of the home."""
    which, at = rng.choice((("first", 0), ("second", 1), ("last", len(options) - 1)))
    pattern = draw_pattern(_PHRASES[which], split, rng)
    return Turn(pattern, Act((replace(action, target=Target((options[at].id,))),)), pattern, history)


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
        first = first_turn(home, split, rng)
        return first.history if first is not None else None
    if draw < 0.75:
        return History(draw_elsewhere(split, rng).text)
    question = draw_question(home, split, rng)
    if question is None or not isinstance(question.decision, Query):
        return None
    entities = resolve(home, question.decision.target) if question.decision.target != Target() else ()
    return History(question.text, entities if len(entities) <= MAX_PREVIOUS else ())


_SECOND_TURNS = (
    _pronoun,
    _pronoun,
    _pronoun,
    _another,
    _another,
    _corrected,
    _the_other,
    _choice,
    _choice,
    _choice,
    adjusting.draw_more,
    adjusting.draw_undone,
    adjusting.draw_other_verb,
    adjusting.draw_new_value,
    adjusting.draw_asked_again,
    adjusting.draw_other_room,
)
