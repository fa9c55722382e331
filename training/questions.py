"""Questions about the home: they are answered from states and never act."""

import random

from picoqwen_core.home.decision import Clarify, Query, QueryKind, Target
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, here
from training.grammar import draw_pattern
from training.phrases import joined, load
from training.pools import KINDS
from training.targets import HOMES, NOUNS, group_target, kind_entities, refer

_PHRASES = joined("questions", "asking")
_REQUESTS = load("requests")
# Group questions leave out what there is only one of.
_GROUP_STATES = _PHRASES["states"][:4]


def draw_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """A question about a state, a value, a group, or the clock."""
    draw = rng.random()
    if draw < 0.42:
        return _is_question(home, split, rng)
    if draw < 0.62:
        return _value_question(home, split, rng)
    if draw < 0.74:
        return _place_question(home, split, rng)
    if draw < 0.775:
        return _motion_question(home, split, rng)
    if draw < 0.88:
        return _group_question(home, split, rng)
    if draw < 0.94:
        return _schedule_question(home, split, rng)
    if draw < 0.965:
        return _here_question(home, split, rng)
    kind: QueryKind = rng.choice(("time", "date"))
    template = draw_pattern(_PHRASES[kind], split, rng)
    return Drawn(template, Query(kind), template)


_DAYS = (
    "",
    "",
    "today",
    "tomorrow",
    "this week",
    "this afternoon",
    "tonight",
    "on monday",
    "this weekend",
    "right now",
)


def _schedule_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """The weather or a calendar; which one is told by the tool's or the entity's name, not by the model."""
    kind: QueryKind = rng.choice(("weather", "weather", "calendar"))
    template = draw_pattern(_REQUESTS[kind], split, rng)
    day = rng.choice(_DAYS)
    text = template.replace("{d}", day)
    target = Target()
    if "{t}" in text:
        said = refer(home, ("calendar",), rng)
        if said is None or said.target is None:
            return None
        text, target = text.replace("{t}", said.text), said.target
    return Drawn(
        " ".join(text.split()), Query(kind, target, day if "{d}" in template and day else None), template
    )


def _is_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    chosen = rng.choice(_PHRASES["states"])
    kinds, states = chosen["kinds"], chosen["words"]
    said = refer(home, kinds, rng)
    if said is None:
        return None
    if rng.random() < 0.15:
        template = draw_pattern(_PHRASES["state_of"], split, rng)
        text = template.replace("{t}", said.text)
        decision = Clarify(said.choices) if said.target is None else Query("value", said.target, "state")
        return Drawn(text, decision, template)
    state = rng.choice(states)
    template = draw_pattern(_PHRASES["is"], split, rng)
    text = template.replace("{t}", said.text).replace("{s}", state)
    return Drawn(
        text, Clarify(said.choices) if said.target is None else Query("is", said.target, state), template
    )


def _value_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    chosen = rng.choice(_PHRASES["values"])
    said = refer(home, chosen["kinds"], rng)
    if said is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    text = template.replace("{t}", said.text)
    decision = Clarify(said.choices) if said.target is None else Query("value", said.target, chosen["asked"])
    return Drawn(text, decision, template)


def _place_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """How warm or humid it is somewhere."""
    chosen = rng.choice(_PHRASES["places"])
    template = draw_pattern(chosen["templates"], split, rng)
    area = rng.choice(home.areas)
    place, target = f"in the {area.name}", Target(area=area.id)
    if rng.random() < 0.35:
        if home.area is None:
            place, target = rng.choice(("", "inside", "at home")), Target(everywhere=True)
        else:
            place, target = rng.choice(("", "in here", "in this room", "here")), Target(area=home.area)
    text = template.replace("{p}", place)
    return Drawn(" ".join(text.split()), Query("value", target, chosen["asked"]), template)


def _here_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """ "What song is this": of what plays where the speaker is."""
    chosen = rng.choice(_PHRASES["here"])
    target = here(home, KINDS[chosen["kind"]].domain)
    if target is None:
        return None
    template = draw_pattern(chosen["templates"], split, rng)
    return Drawn(template, Query("value", target, chosen["asked"]), template)


def _motion_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    """Whether anybody is somewhere, as a motion sensor tells it."""
    areas = [a for a in home.areas if kind_entities(home, "motion", a.id)]
    if not areas:
        return None
    area = rng.choice(areas)
    template = draw_pattern(_PHRASES["motion"], split, rng)
    text = template.replace("{p}", f"in the {area.name}").replace("{r}", area.name)
    return Drawn(text, Query("is", _target("motion", area=area.id), "on"), template)


def _group_question(home: HomeContext, split: str, rng: random.Random) -> Drawn | None:
    chosen = rng.choice(_GROUP_STATES)
    kinds, states = chosen["kinds"], chosen["words"]
    present = [k for k in kinds if kind_entities(home, k) and (k in NOUNS or k in ("door", "window"))]
    if not present:
        return None
    kind = rng.choice(present)
    one, many = rng.choice(NOUNS.get(kind, [(kind, kind + "s")]))
    place, target = _question_place(home, kind, rng)
    state = rng.choice(states)
    query: QueryKind = "count" if rng.random() < 0.3 else "which"
    template = draw_pattern(_PHRASES[query], split, rng)
    text = template.replace("{k}", many).replace("{o}", one)
    text = " ".join(text.replace("{s}", state).replace("{p}", place).split())
    return Drawn(text, Query(query, target, state), template)


def _question_place(home: HomeContext, kind: str, rng: random.Random) -> tuple[str, Target]:
    """A place of a group question; with none said the whole home is meant."""
    draw = rng.random()
    if draw < 0.4:
        area = rng.choice(home.areas)
        return f"in the {area.name}", _target(kind, area=area.id)
    if draw < 0.55 and home.floors:
        floor = rng.choice(home.floors)
        said = floor.name if floor.name in ("Upstairs", "Downstairs") else f"on the {floor.name}"
        return said, _target(kind, floor=floor.id)
    if draw < 0.65 and home.area and kind_entities(home, kind, home.area):
        return rng.choice(("in here", "in this room", "here")), _target(kind, area=home.area)
    return rng.choice(("", "", f"in the {rng.choice(HOMES)}", "at home", "right now")), _target(
        kind, everywhere=True
    )


def _target(kind: str, **place: str | bool) -> Target:
    if kind in ("door", "window", "motion"):
        return Target(domain="binary_sensor", device_class=kind, **place)  # type: ignore[arg-type]
    return group_target(kind, **place)
