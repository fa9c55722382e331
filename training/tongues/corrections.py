"""Slips of the tongue in other languages, put right in the same breath: what was said last is meant."""

import random

from picoqwen_core.home.decision import Act, Action, Verb
from picoqwen_core.home.targets import resolve
from training.actions import Drawn
from training.tongues.grammar import draw_pattern, filled, pack
from training.tongues.household import Household
from training.tongues.references import Said, refer
from training.tongues.requests import WAYS, draw_request, draw_value

# Copied words would take the slip along.
COPIED = ("list_add", "list_complete", "list_remove", "play_media")
_CORRECTABLE = tuple(
    key for key, way in WAYS.items() if way.verb not in COPIED and key not in ("run", "scene")
)
_VALUED = ("brightness", "temperature", "color", "volume", "position", "fan_speed", "warmer_by", "dimmer_by")
_SWITCHED = ("light", "light", "switch", "fan", "tv", "speaker", "climate")


def draw_corrected(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """Another thing, another value, the other way round, or begun anew."""
    ways = (_other_thing, _other_thing, _other_value, _other_way, _started_again)
    return rng.choice(ways)(of, split, rng)


def _pattern(of: Household, keys: tuple[str, ...], split: str, rng: random.Random) -> tuple[str, str] | None:
    """A key and a phrasing of it that names what is meant once, and nothing that has to agree with it."""
    key = rng.choices(keys, [WAYS[key].weight for key in keys])[0]
    pattern = draw_pattern(pack(of.language)["say"][key], split, rng)
    once = sum(pattern.count(slot) for slot in ("{s}", "{t}", "{d}")) == 1
    return (key, pattern) if once and "{q}" not in pattern and "{be}" not in pattern else None


def _other_thing(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "Mach die Lampe, nein, den Ventilator an"; the right one may also come at the end."""
    chosen = _pattern(of, _CORRECTABLE, split, rng)
    if chosen is None:
        return None
    key, pattern = chosen
    way = WAYS[key]
    wrong, right = refer(of, way.kinds, rng), refer(of, way.kinds, rng)
    if wrong is None or right is None or right.target is None or not _differ(of, wrong, right):
        return None
    # Without a place of its own the right one would be looked for in that of the wrong one.
    if (right.target.everywhere and way.verb == "unlock") or right.target.here:
        return None
    value_text, value = draw_value(way.value, of.language, split, rng)
    slip = rng.choice(pack(of.language)["corrected"]["slips"])
    if rng.random() < 0.5:
        text = f"{filled(pattern, wrong.words, of.language, v=value_text)} {slip} {right.words.object}"
    else:
        text = filled(pattern, wrong.words.joined(slip, right.words), of.language, v=value_text)
    return Drawn(text, Act((Action(way.verb, right.target, value),)), pattern)


def _differ(of: Household, wrong: Said, right: Said) -> bool:
    if wrong.target is None or right.target is None or wrong.words.object == right.words.object:
        return False
    meant = [{e.id for e in resolve(of.home, said.target)} for said in (wrong, right) if said.target]
    return not set.intersection(*meant)


def _other_value(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "Auf 30, nein, 40 Prozent"."""
    chosen = _pattern(of, _VALUED, split, rng)
    if chosen is None or "{v}" not in chosen[1]:
        return None
    way, pattern = WAYS[chosen[0]], chosen[1]
    said = refer(of, way.kinds, rng)
    if said is None or said.target is None:
        return None
    wrong, (value_text, value) = (draw_value(way.value, of.language, split, rng) for _ in range(2))
    if wrong[1] == value:
        return None
    slip = rng.choice(pack(of.language)["corrected"]["slips"])
    text = filled(pattern, said.words, of.language, v=f"{wrong[0]} {slip} {value_text}")
    return Drawn(text, Act((Action(way.verb, said.target, value),)), pattern)


def _other_way(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "Mach das Licht an, nein, aus"."""
    verb: Verb = rng.choice(("on", "off"))
    words = pack(of.language)["corrected"]
    said = refer(of, _SWITCHED, rng)
    if said is None or said.target is None:
        return None
    pattern = draw_pattern(words[f"to_{verb}"], split, rng)
    text = filled(pattern, said.words, of.language, x=rng.choice(words["slips"]))
    return Drawn(text, Act((Action(verb, said.target),)), pattern)


def _started_again(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """ "Mach das Licht an, ach nein, fahr die Rollläden hoch"."""
    first, second = draw_request(of, split, rng), draw_request(of, split, rng)
    if first is None or second is None or not isinstance(second.decision, Act):
        return None
    commands = [drawn.decision for drawn in (first, second) if isinstance(drawn.decision, Act)]
    if any(action.verb in COPIED for command in commands for action in command.actions):
        return None
    if "{be}" in first.template + second.template or any(a.target.here for a in second.decision.actions):
        return None
    restart = rng.choice(pack(of.language)["corrected"]["restarts"])
    return Drawn(
        f"{first.text} {restart} {second.text}", second.decision, f"{first.template}+{second.template}"
    )
