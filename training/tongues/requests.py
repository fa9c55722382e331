"""What people of other languages ask a home to do: the verbs, the kinds they fit, and their values."""

import random
from dataclasses import dataclass
from typing import Any

from picoqwen_core.home.decision import Act, Action, Clarify, Decision, Target, Verb
from training.actions import Drawn, here
from training.pools import KINDS, nonsense_word
from training.targets import group_target, kind_entities
from training.tongues.grammar import Forms, agreeing, draw_pattern, filled, forms, of_place, pack
from training.tongues.household import Household, half, room_name
from training.tongues.numerals import in_words
from training.tongues.references import Said, place_of, refer

_SWITCHED: tuple[str, ...] = (
    *("light", "light", "light", "switch", "fan", "tv", "speaker", "climate"),
    *("input_boolean", "humidifier"),
)
_COVERS = ("blind", "blind", "curtain", "shutter", "garage", "gate")
_HEARD = ("tv", "speaker")


@dataclass(frozen=True, slots=True)
class Way:
    """A verb that a set of phrasings asks for, the kinds it fits and what its value is."""

    verb: Verb
    kinds: tuple[str, ...]
    value: str | None = None
    weight: float = 1.0
    everywhere: bool = False  # with no device named, the whole home is meant


# By the key of its phrasings in [say] and, with no device named, in [bare] and [roomed].
WAYS: dict[str, Way] = {
    "on": Way("on", _SWITCHED, weight=3),
    "off": Way("off", _SWITCHED, weight=3),
    "run": Way("on", ("script",), weight=0.5),
    "scene": Way("on", ("scene",), weight=0.6),
    "open": Way("open", _COVERS, weight=1.2),
    "close": Way("close", _COVERS, weight=1.2),
    "stop": Way("stop", _COVERS, weight=0.4),
    "valve_open": Way("open", ("valve",), weight=0.3, everywhere=True),
    "valve_close": Way("close", ("valve",), weight=0.3, everywhere=True),
    "lock": Way("lock", ("lock",), weight=0.9, everywhere=True),
    "unlock": Way("unlock", ("lock",), weight=0.9),
    "brightness": Way("brightness", ("light",), "percent", 1.8),
    "brightness_max": Way("brightness", ("light",), "max", 0.4),
    "brightness_min": Way("brightness", ("light",), "min", 0.3),
    "brightness_half": Way("brightness", ("light",), "half", 0.3),
    "brighter": Way("brighter", ("light",), weight=0.8),
    "dimmer": Way("dimmer", ("light",), weight=0.8),
    "brighter_by": Way("brighter", ("light",), "percent_step", 0.3),
    "dimmer_by": Way("dimmer", ("light",), "percent_step", 0.3),
    "color": Way("color", ("light",), "color", 1.2),
    "white": Way("color_temperature", ("light",), "white", 0.5),
    "temperature": Way("temperature", ("climate",), "degrees", 1.2),
    "warmer": Way("warmer", ("climate",), weight=0.6),
    "cooler": Way("cooler", ("climate",), weight=0.6),
    "warmer_by": Way("warmer", ("climate",), "degrees_step", 0.4),
    "cooler_by": Way("cooler", ("climate",), "degrees_step", 0.4),
    "fan_speed": Way("fan_speed", ("fan",), "percent", 0.6),
    "fan_max": Way("fan_speed", ("fan",), "max", 0.2),
    "fan_min": Way("fan_speed", ("fan",), "min", 0.2),
    "fan_faster": Way("fan_faster", ("fan",), weight=0.3),
    "fan_slower": Way("fan_slower", ("fan",), weight=0.3),
    "position": Way("position", _COVERS, "percent", 0.9),
    "position_half": Way("position", _COVERS, "half", 0.4),
    "pause": Way("pause", _HEARD, weight=0.6),
    "play": Way("play", _HEARD, weight=0.5),
    "next": Way("next", _HEARD, weight=0.4),
    "previous": Way("previous", _HEARD, weight=0.4),
    "volume": Way("volume", _HEARD, "percent", 0.9),
    "louder": Way("louder", _HEARD, weight=0.6),
    "quieter": Way("quieter", _HEARD, weight=0.6),
    "louder_by": Way("louder", _HEARD, "percent_step", 0.4),
    "quieter_by": Way("quieter", _HEARD, "percent_step", 0.4),
    "mute": Way("mute", _HEARD, weight=0.4),
    "unmute": Way("unmute", _HEARD, weight=0.3),
    "play_media": Way("play_media", _HEARD, "media", 0.9),
    "vacuum_start": Way("vacuum_start", ("vacuum",), weight=0.7, everywhere=True),
    "vacuum_return": Way("vacuum_return", ("vacuum",), weight=0.6, everywhere=True),
    "vacuum_stop": Way("vacuum_stop", ("vacuum",), weight=0.3),
    "mower_start": Way("mower_start", ("lawn_mower",), weight=0.5, everywhere=True),
    "mower_dock": Way("mower_dock", ("lawn_mower",), weight=0.4, everywhere=True),
    "mower_stop": Way("mower_stop", ("lawn_mower",), weight=0.2),
    "humidity": Way("humidity", ("humidifier",), "percent", 0.5),
    "list_add": Way("list_add", ("todo",), "item", 1.6),
    "list_complete": Way("list_complete", ("todo",), "item", 0.7),
    "list_remove": Way("list_remove", ("todo",), "item", 0.7),
}
# The state that a verb brings about, for "je voudrais la lampe allumée".
_ENDS_IN = {"off": "off", "open": "open", "close": "closed", "lock": "locked", "unlock": "unlocked"}
# "Mach es lauter in der Küche" is about whatever plays there, speaker or not.
_MUSIC = "media_player"


def draw_request(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """One thing to do, to something this home has."""
    key = _key("say", of.language, rng)
    way = WAYS[key]
    said = refer(of, way.kinds, rng)
    if said is None or (said.target is not None and said.target.everywhere and way.verb == "unlock"):
        return None
    pattern = draw_pattern(pack(of.language)["say"][key], split, rng)
    value_text, value = draw_value(way.value, of.language, split, rng)
    state = agreeing(pack(of.language)["states"][_ENDS_IN.get(key, "on")][0], said.words)
    text = filled(pattern, said.words, of.language, v=value_text, q=state)
    return Drawn(text, decide(way.verb, said, value), pattern)


def _key(part: str, language: str, rng: random.Random) -> str:
    keys, weights = _weights(part, language)
    return rng.choices(keys, weights)[0]


def _weights(part: str, language: str) -> tuple[list[str], list[float]]:
    keys = list(pack(language)[part])
    return keys, [WAYS[key].weight for key in keys]


def decide(verb: Verb, said: Said, value: float | str | None) -> Decision:
    """Act when it is clear what is meant, else ask."""
    return Act((Action(verb, said.target, value),)) if said.target is not None else Clarify(said.choices)


def draw_bare(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """A request that names no device: the speaker's room decides, and nobody knows when there is none."""
    key = _key("bare", of.language, rng)
    way = WAYS[key]
    pattern = draw_pattern(pack(of.language)["bare"][key], split, rng)
    domain = KINDS[way.kinds[0]].domain
    target = Target(everywhere=True, domain=domain) if way.everywhere else here(of.home, domain)
    if target is None:
        return None
    value_text, value = draw_value(way.value, of.language, split, rng)
    text = filled(pattern, None, of.language, v=value_text)
    return Drawn(text, Act((Action(way.verb, target, value),)), pattern)


def draw_roomed(of: Household, split: str, rng: random.Random) -> Drawn | None:
    """Something asked of a named room, or of a floor: {p} is "in der Küche", {r} and {ra} the room."""
    key = _key("roomed", of.language, rng)
    way = WAYS[key]
    kind = "speaker" if way.kinds == _HEARD else way.kinds[0]
    pattern = draw_pattern(pack(of.language)["roomed"][key], split, rng)
    floors = of.home.floors if "{r" not in pattern and rng.random() < 0.15 else ()
    place = rng.choice([each.id for each in (floors or of.home.areas)])
    within = {a.id for a in of.home.areas if place in (a.id, a.floor)}
    if not any(e.area in within for e in kind_entities(of.home, kind)):
        return None
    group: dict[str, Any] = {"floor": place} if floors else {"area": place}
    music = KINDS[kind].domain == _MUSIC
    target = Target(domain=_MUSIC, **group) if music else group_target(kind, **group)
    value_text, value = draw_value(way.value, of.language, split, rng)
    text = filled(pattern, None, of.language, v=value_text, **room_slots(of, place, rng))
    return Drawn(text, Act((Action(way.verb, target, value),)), pattern)


def room_slots(of: Household, place: str, rng: random.Random) -> dict[str, str]:
    """A place as {p} "in der Küche", {po} "der Küche", and as {r} subject, {ra} object and {rn} bare name."""
    room: Forms = forms(room_name(of, place), of.language)
    name = room_name(of, place).word
    of_it = of_place(of.places[place], of.language)
    return {"p": place_of(of, place, rng), "po": of_it, "r": room.subject, "ra": room.object, "rn": name}


def draw_value(
    kind: str | None, language: str, split: str, rng: random.Random
) -> tuple[str, float | str | None]:
    """A value as said, and as meant."""
    words = pack(language)
    match kind:
        case "percent":
            return _percent(rng.choice((*range(5, 101, 5), rng.randint(1, 100))), language, rng)
        case "percent_step":
            return _percent(rng.choice((5, 10, 15, 20, 25, 30, 40, 50)), language, rng)
        case "degrees" | "degrees_step":
            return _degrees(kind, language, rng)
        case "media":
            title = rng.choice(half(words["media"], split)) if rng.random() < 0.6 else _made_up(rng)
            return title, title
        case "color":
            said, _, meant = rng.choice(words["colors"]).partition("=")
            return said, meant or said
        case "white":
            return _white(language, rng)
        case "item":
            item = rng.choice(half(words["items"], split)) if rng.random() < 0.65 else _made_up(rng)
            if rng.random() < 0.12:
                item += f" {words['and']} {rng.choice(half(words['items'], split))}"
            return item, item
    return "", kind


def _made_up(rng: random.Random) -> str:
    return " ".join(nonsense_word(rng) for _ in range(rng.randint(1, 3)))


def number(value: int, language: str, rng: random.Random) -> str:
    """A number in digits, or in words."""
    words = in_words(value, language) if rng.random() < 0.3 else None
    return words or str(value)


def _percent(value: int, language: str, rng: random.Random) -> tuple[str, float]:
    unit = rng.choice((f" {pack(language)['percent']}", f" {pack(language)['percent']}", "%", " %", ""))
    digits = number(value, language, rng) if not unit.endswith("%") else str(value)
    return f"{digits}{unit}", float(value)


def _degrees(kind: str, language: str, rng: random.Random) -> tuple[str, float]:
    degree, degrees = pack(language)["degrees"]
    if kind == "degrees_step":
        step = rng.choice((1, 2, 3, 4, 5, 0.5, 1.5))
        whole = number(int(step), language, rng) if step in (2, 3, 4, 5) else f"{step:g}".replace(".", ",")
        return f"{whole} {degree if step == 1 else degrees}", float(step)
    value = rng.randint(15, 27)
    if rng.random() < 0.2:
        return f"{value},5 {degrees}", value + 0.5
    return f"{number(value, language, rng)}{rng.choice((f' {degrees}', f' {degrees}', '°', ''))}", float(
        value
    )


def _white(language: str, rng: random.Random) -> tuple[str, float | str]:
    if rng.random() < 0.3:
        kelvin = rng.choice((2200, 2700, 3000, 3500, 4000, 5000, 6000, 6500))
        return f"{kelvin} kelvin", float(kelvin)
    said, _, meant = rng.choice(pack(language)["whites"]).partition("=")
    return said, meant
