"""What Home Assistant's own intent templates of other languages mean: a walk over one, and its label."""

import random
import re
from dataclasses import replace
from typing import Any

from picoqwen_core.home.decision import Act, Action, Cannot, Decision, Query, Target, Verb
from picoqwen_core.home.placeless import TIMERS
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext, HomeEntity
from training.actions import Drawn
from training.pools import nonsense_word
from training.tongues.grammar import pack
from training.tongues.household import Household, half
from training.walk import Block, Walk, blocks, draw_template

_NAMED: tuple[str, ...] = (
    "light",
    "switch",
    "fan",
    "cover",
    "lock",
    "climate",
    "media_player",
    "vacuum",
    "lawn_mower",
    "scene",
    "script",
    "todo",
    "valve",
    "sensor",
)
# Intents by how often they are drawn; on and off carry most domains.
_INTENTS = {
    "HassTurnOn": 18,
    "HassTurnOff": 18,
    "HassLightSet": 10,
    "HassGetState": 8,
    "HassClimateSetTemperature": 5,
    "HassClimateGetTemperature": 4,
    "HassSetPosition": 3,
    "HassFanSetSpeed": 2,
    "HassSetVolume": 3,
    "HassSetVolumeRelative": 4,
    "HassMediaPause": 2,
    "HassMediaUnpause": 2,
    "HassMediaNext": 2,
    "HassMediaPrevious": 2,
    "HassMediaPlayerMute": 1,
    "HassMediaPlayerUnmute": 1,
    "HassVacuumStart": 2,
    "HassVacuumReturnToBase": 2,
    "HassVacuumCleanArea": 2,
    "HassLawnMowerStartMowing": 1,
    "HassLawnMowerDock": 1,
    "HassListAddItem": 4,
    "HassListCompleteItem": 2,
    "HassListRemoveItem": 2,
    "HassStartTimer": 4,
    "HassCancelTimer": 1,
    "HassCancelAllTimers": 1,
    "HassPauseTimer": 1,
    "HassUnpauseTimer": 1,
    "HassTimerStatus": 2,
    "HassIncreaseTimer": 1,
    "HassDecreaseTimer": 1,
    "HassGetCurrentTime": 1,
    "HassGetCurrentDate": 1,
    "HassGetWeather": 2,
    "HassBroadcast": 1,
    "HassMediaSearchAndPlay": 2,
}
_DOMAINS = {"HassLightSet": "light", "HassClimate": "climate", "HassFan": "fan", "HassMedia": "media_player"}
_DOMAINS |= {
    "HassSetVolume": "media_player",
    "HassVacuum": "vacuum",
    "HassLawn": "lawn_mower",
    "HassList": "todo",
}
_PLAIN_VERBS: dict[str, Verb] = {
    "HassMediaPause": "pause",
    "HassMediaUnpause": "play",
    "HassMediaNext": "next",
    "HassMediaPrevious": "previous",
    "HassMediaPlayerMute": "mute",
    "HassMediaPlayerUnmute": "unmute",
    "HassVacuumStart": "vacuum_start",
    "HassVacuumReturnToBase": "vacuum_return",
    "HassLawnMowerStartMowing": "mower_start",
    "HassLawnMowerDock": "mower_dock",
}
_VALUED: dict[str, tuple[Verb, str]] = {
    "HassClimateSetTemperature": ("temperature", "temperature"),
    "HassFanSetSpeed": ("fan_speed", "percentage"),
    "HassSetPosition": ("position", "position"),
    "HassSetVolume": ("volume", "volume_level"),
    "HassListAddItem": ("list_add", "item"),
    "HassListCompleteItem": ("list_complete", "item"),
    "HassListRemoveItem": ("list_remove", "item"),
    "HassMediaSearchAndPlay": ("play_media", "search_query"),
    "HassBroadcast": ("broadcast", "message"),
}
# A word that a template says twice running, as where the name of a list ends with "list".
_TWICE = re.compile(r"(\w{4,})[\W_]*\1", re.IGNORECASE)
# Words that our own phrases say of something else.
_ELSE = {"HassListCompleteItem": ("streich", "tacha", "raye", "barre", "schrap", "streep", "depenna")}
# Of a vacuum these are no way to its base, and these open nothing that is switched.
_STOPS = re.compile(r"\b(?:stop|arrêt|arret|ferma|para|detén|halt)", re.IGNORECASE)
_OPENS = re.compile(r"\b(?:ouvr|abr|apr[ie]|öffn|open)", re.IGNORECASE)
_OPENED = ("cover", "lock", "valve")
# Words by which the temperature that is wanted is told from the one that is measured.
_TARGETED = re.compile(
    r"soll|eingestellt|gewünscht|ziel|consigne|réglée?|souhaitée|cible|objetivo|ajustad|consigna|deseada"
    r"|doel|ingesteld|gewenste|streef|impostat|desiderata|target",
    re.IGNORECASE,
)
_EVERYWHERE = ("lawn_mower", "vacuum", "todo", "lock")


def draw_template_request(of: Household, split: str, rng: random.Random) -> tuple[str, Drawn] | None:
    """A category and a request in the words of a template."""
    intent = rng.choices(list(_INTENTS), list(_INTENTS.values()))[0]
    choices = blocks(of.language).get(intent)
    if not choices:
        return None
    block = rng.choice(choices)
    template = draw_template(block, split, rng)
    return _Request(of.home, block, split, rng).drawn(template) if template is not None else None


class _Request:
    """One walk and its meaning."""

    def __init__(self, home: HomeContext, block: Block, split: str, rng: random.Random) -> None:
        self.home, self.block, self.split, self.rng = home, block, split, rng
        self.pack = pack(home.language)
        self.entity = self._pick()
        areas = [a for a in home.areas if self.entity is None or a.id == self.entity.area]
        self.area = rng.choice(areas) if areas else None
        self.unknown = rng.random() < 0.05
        self.text = ""

    def _pick(self) -> HomeEntity | None:
        """An entity that the block's conditions allow."""
        data, intent = self.block.data, self.block.intent
        wanted = data.requires_context.get("domain") if data.requires_context else None
        wanted = wanted or (data.slots or {}).get("domain")
        if isinstance(wanted, dict):
            wanted = wanted.get("value")
        default = next((d for prefix, d in _DOMAINS.items() if intent.startswith(prefix)), None)
        domains = (
            [wanted] if isinstance(wanted, str) else wanted or ([default] if default else list(_NAMED[:8]))
        )
        if intent == "HassSetPosition" and not wanted:
            domains = ["cover"]
        fitting = [
            e for e in self.home.entities if e.domain in domains and (e.area or e.domain in _EVERYWHERE)
        ]
        fitting = fitting or [e for e in self.home.entities if e.domain in domains]
        return self.rng.choice(fitting) if fitting else None

    def fill(self, slot: str, name: str) -> str | None:
        """Words for a slot that stands for something of this home or for free text."""
        match slot:
            case "name" if name == "name" or name.startswith("todo"):
                if self.entity is None:
                    return None
                return nonsense_word(self.rng) if self.unknown else self.entity.name
            case "area":
                return self.area.name if self.area else None
            case "floor":
                floor = next((f for f in self.home.floors if self.area and f.id == self.area.floor), None)
                return floor.name if floor else None
            case "item":
                return self.rng.choice(half(self.pack["items"], self.split))
            case "search_query":
                return self.rng.choice(half(self.pack["media"], self.split))
            case "message":
                return self.rng.choice(half(self.pack["messages"], self.split))
        return None

    def drawn(self, template: Any) -> tuple[str, Drawn] | None:
        """The request, or None when it cannot be filled or its meaning has no words here."""
        walk = Walk(self.home.language, self.block, self.fill, self.rng)
        text = " ".join(walk.text(template.expression).split())
        if walk.failed or not text or not self._is_sayable(text, walk.slots):
            return None
        slots = {**{k: _plain(v) for k, v in (self.block.data.slots or {}).items()}, **walk.slots}
        if self.unknown and "name" in walk.slots and self.entity is not None:
            asks = self.block.intent.startswith("HassGet") or self.entity.domain == "todo"
            return None if asks else ("unknown", Drawn(text, Cannot("unknown_device"), str(template.text)))
        self.text = text
        decision = self._decision(slots)
        if decision is None:
            return None
        category = "question" if isinstance(decision, Query) else "action"
        if self.block.intent in TIMERS:
            category = "timer"
        return category, Drawn(text, decision, str(template.text))

    def _is_sayable(self, text: str, slots: dict[str, Any]) -> bool:
        """Nobody says "Erste StockGeschoss": names must not run into words of the template."""
        if _TWICE.search(text) or any(word in text for word in _ELSE.get(self.block.intent, ())):
            return False
        domain, intent = self.entity.domain if self.entity else "", self.block.intent
        if domain == "vacuum" and intent == "HassTurnOff" and _STOPS.search(text):
            return False
        if domain not in _OPENED and intent == "HassTurnOn" and _OPENS.search(text):
            return False
        names = [slots[slot] for slot in ("name", "area", "floor") if isinstance(slots.get(slot), str)]
        return all(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names)

    def _decision(self, slots: dict[str, Any]) -> Decision | None:
        intent = self.block.intent
        if intent in ("HassGetCurrentTime", "HassGetCurrentDate"):
            return Query("time" if intent.endswith("Time") else "date")
        if intent == "HassGetWeather":
            return Query("weather") if "name" not in slots else None
        if intent in TIMERS:
            return _timer(TIMERS[intent], slots)
        if intent == "HassVacuumCleanArea":
            return self._clean(slots)
        if intent == "HassBroadcast":
            return Act((Action("broadcast", Target(everywhere=True), slots.get("message")),))
        target = self._target(slots)
        if target is None:
            return None
        if intent == "HassGetState":
            return _state(self.block, target, slots)
        if intent == "HassClimateGetTemperature":
            asked = "set_temperature" if _TARGETED.search(self.text) else "temperature"
            return Query("value", target if target.entities else replace(target, domain=None), asked)
        action = self._action(intent, target, slots)
        return Act((action,)) if action else None

    def _clean(self, slots: dict[str, Any]) -> Decision | None:
        area = self.area.id if "area" in slots and self.area else self.home.area
        if area is None or "name" in slots:
            return None
        return Act((Action("vacuum_clean", Target(area=area)),))

    def _target(self, slots: dict[str, Any]) -> Target | None:
        if self.entity is None:
            return None
        domain, device_class = self.entity.domain, slots.get("device_class")
        if isinstance(device_class, list | tuple):
            return None
        if "name" in slots:
            return self._named(slots)
        if device_class not in (None, "blind", "curtain", "shutter", "shade", "awning", "garage", "gate"):
            return None
        if "area" in slots and self.area:
            target = Target(area=self.area.id, domain=domain, device_class=device_class)
        elif "floor" in slots and self.area and self.area.floor:
            target = Target(floor=self.area.floor, domain=domain, device_class=device_class)
        elif (self.block.data.requires_context or {}).get("area") or domain not in _EVERYWHERE:
            context = (self.block.data.requires_context or {}).get("area")
            place: dict[str, Any] = {"here": True} if context or domain != "light" else {"everywhere": True}
            target = Target(domain=domain, device_class=device_class, **place)
        else:
            target = Target(everywhere=True, domain=domain)
        return target if resolve(self.home, target) or (target.here and self.home.area is None) else None

    def _named(self, slots: dict[str, Any]) -> Target | None:
        """The entity that a name means; none when several bear it."""
        assert self.entity is not None
        twins = [e for e in self.home.entities if e.name == self.entity.name]
        if "area" in slots:
            twins = [e for e in twins if e.area == self.entity.area]
        return Target((self.entity.id,)) if len(twins) == 1 else None

    def _action(self, intent: str, target: Target, slots: dict[str, Any]) -> Action | None:
        domain = self.entity.domain if self.entity else ""
        if intent in ("HassTurnOn", "HassTurnOff"):
            on: dict[str, tuple[Verb, Verb]] = {"cover": ("open", "close"), "valve": ("open", "close")}
            on |= {"lock": ("lock", "unlock"), "vacuum": ("vacuum_start", "vacuum_return")}
            return Action(on.get(domain, ("on", "off"))[intent == "HassTurnOff"], target)
        if intent in _PLAIN_VERBS:
            return Action(_PLAIN_VERBS[intent], target)
        if intent == "HassSetVolumeRelative":
            step = slots.get("volume_step")
            by = abs(float(step)) if isinstance(step, int | float) else None
            down = (
                step == "down" or (isinstance(step, int | float) and step < 0) or "volume_step_down" in slots
            )
            return Action("quieter" if down else "louder", target, by)
        if intent in _VALUED:
            verb, slot = _VALUED[intent]
            value = _value(slots.get(slot))
            return Action(verb, target, value) if value is not None else None
        if "color" in slots:
            return Action("color", target, str(slots["color"]))
        if "brightness" in slots and (value := _value(slots["brightness"])) is not None:
            return Action("brightness", target, value)
        if isinstance(slots.get("temperature"), float):
            return Action("color_temperature", target, slots["temperature"])
        return None


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and "value" in value else value


def _value(value: Any) -> float | str | None:
    """A number that was said, a text, or the word that a fixed value stands for."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {100: "max", 1: "min", 50: "half"}.get(value)
    return value if isinstance(value, float | str) else None


def _timer(verb: Verb, slots: dict[str, Any]) -> Decision | None:
    if any(key in slots for key in ("name", "area", "conversation_command")):
        return None
    units = {"hours": 3600, "minutes": 60, "seconds": 1}
    starts = {k: v for k, v in slots.items() if k.startswith("start_")}
    plain = {k: v for k, v in slots.items() if k in units}
    if (starts and plain) or not all(isinstance(v, float) for v in (*starts.values(), *plain.values())):
        return None
    seconds = sum(units[k.removeprefix("start_")] * v for k, v in (plain or starts).items())
    needs = verb in ("timer_start", "timer_more", "timer_less")
    if needs and not plain:
        return None
    return Act((Action(verb, Target(everywhere=True), float(seconds) if seconds else None),))


def _state(block: Block, target: Target, slots: dict[str, Any]) -> Decision | None:
    state, response = slots.get("state"), str(block.data.response or "")
    if response == "one" and target.entities and state is None:
        return Query("value", target, "state")
    if state not in ("on", "off", "open", "closed", "locked", "unlocked"):
        return None
    kinds = {"one_yesno": "is", "which": "which", "how_many": "count", "any": "which"}
    kind = kinds.get(response)
    if target.here:
        target = replace(target, here=False, everywhere=True)
    return Query(kind, target, state) if kind else None  # type: ignore[arg-type]
