"""Several actions in one sentence: in a row, with a shared verb, a value each, opposites, one thing twice."""

import random
import re

from picoqwen_core.home import targets
from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, draw_action, draw_bare
from training.grammar import draw_pattern, expand
from training.phrases import load
from training.rooms import draw_roomed
from training.targets import Said, refer
from training.values import draw_value

_PHRASES = load("several")
# What is copied as it was said would take the rest of the sentence along.
_ENDLESS = ("list_add", "list_complete", "list_remove", "play_media", "humidifier_mode")
_COUNTS = (2, 2, 2, 2, 3, 3, 4)
# "Make it brighter" means the room when it stands alone, and what was named before when it does not.
_POINTING = re.compile(r"\b(it|that|them|this)\b")


def draw_several(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """Two to four actions in one sentence."""
    draw = rng.random()
    if draw < 0.26:
        return _shared_verb(home, split, rng)
    if draw < 0.36:
        return _each_its_value(home, split, rng)
    if draw < 0.45:
        return _opposites(home, split, rng)
    if draw < 0.55:
        return _one_thing_twice(home, split, rng)
    return _one_after_another(home, split, rng)


def _one_after_another(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    parts: list[Drawn] = []
    actions: tuple[Action, ...] = ()
    wanted = rng.choice(_COUNTS)
    while len(parts) < wanted:
        part = rng.choice((draw_action, draw_action, draw_action, draw_bare, draw_roomed))(home, split, rng)
        if part is None or not isinstance(part.decision, Act):
            return None
        if part.decision.actions[0].verb in _ENDLESS or (parts and _POINTING.search(part.text)):
            return None
        parts.append(part)
        actions += part.decision.actions
    return Drawn(_joined([p.text for p in parts], rng), Act(actions), "+".join(p.template for p in parts))


def _joined(texts: list[str], rng: random.Random) -> str:
    """Commas, "and" and "then" between clauses; speech recognition often leaves all of them out."""
    if len(texts) > 2 and rng.random() < 0.6:
        between = rng.choice((", ", ", ", " ", " and "))
        last = rng.choice((" and ", ", and ", " and then ", ", then ", " "))
        return between.join(texts[:-1]) + last + texts[-1]
    words = texts[0]
    for text in texts[1:]:
        joiner = expand(rng.choice(_PHRASES["joiners"]), rng) if rng.random() < 0.92 else ""
        words += f"{joiner} {text}" if joiner.startswith((",", ".")) else f" {joiner} {text}"
    return " ".join(words.split())


def _apart(home: HomeContext, kinds: tuple[str, ...], count: int, rng: random.Random) -> list[Said] | None:
    """References to things that have nothing in common."""
    found: list[Said] = []
    meant: set[str] = set()
    for _ in range(count * 2):
        said = refer(home, kinds, rng)
        if said is None or said.target is None or said.text in (each.text for each in found):
            continue
        ids = {entity.id for entity in targets.resolve(home, said.target)}
        if not ids or ids & meant:
            continue
        found.append(said)
        meant |= ids
        if len(found) == count:
            return found
    return None


def _shared_verb(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """One verb for two or three things: one action when all are named, else one for each."""
    chosen = rng.choice(_PHRASES["shared"])
    three = rng.random() < 0.25
    things = _apart(home, chosen["kinds"], 3 if three else 2, rng)
    if things is None:
        return None
    template = draw_pattern(chosen["three" if three else "templates"], split, rng)
    value_text, value = draw_value(chosen.get("value"), split, rng)
    text = _filled(template, things).replace("{v}", value_text)
    wanted = [thing.target for thing in things if thing.target is not None]
    if all(target.entities for target in wanted):
        both = Target(tuple(entity for target in wanted for entity in target.entities))
        return Drawn(text, Act((Action(chosen["verb"], both, value),)), template)
    return Drawn(text, Act(tuple(Action(chosen["verb"], target, value) for target in wanted)), template)


def _each_its_value(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Set the lamp to 20 and the spots to 40"."""
    chosen = rng.choice(_PHRASES["each"])
    things = _apart(home, chosen["kinds"], 2, rng)
    if things is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    first, second = (draw_value(chosen["value"], split, rng) for _ in range(2))
    text = _filled(template, things).replace("{v}", first[0]).replace("{w}", second[0])
    actions = tuple(
        Action(chosen["verb"], thing.target, value)
        for thing, value in zip(things, (first[1], second[1]), strict=True)
        if thing.target is not None
    )
    return Drawn(text, Act(actions), template)


def _opposites(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "The lamp on and the fan off"."""
    chosen = rng.choice(_PHRASES["opposite"])
    things = _apart(home, chosen["kinds"], 2, rng)
    if things is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    actions = tuple(
        Action(verb, thing.target)
        for verb, thing in zip(chosen["verbs"], things, strict=True)
        if thing.target is not None
    )
    return Drawn(_filled(template, things), Act(actions), template)


def _one_thing_twice(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "Turn on the lamp and make it red"."""
    chosen = rng.choice(_PHRASES["same"])
    said = refer(home, chosen["kinds"], rng)
    if said is None or said.target is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    # The first action of most pairs has no value: "turn on the lamp and set it to 30".
    last_text, last = draw_value(chosen.get("second") or chosen.get("value"), split, rng)
    first_text, first = draw_value(chosen["value"], split, rng) if "second" in chosen else (last_text, None)
    text = template.replace("{t}", said.text).replace("{v}", first_text).replace("{w}", last_text)
    actions = (Action(chosen["verbs"][0], said.target, first), Action(chosen["verbs"][1], said.target, last))
    return Drawn(text, Act(actions), template)


def _filled(template: str, things: list[Said]) -> str:
    for slot, thing in zip("abc", things, strict=False):
        template = template.replace(f"{{{slot}}}", thing.text)
    return template
