"""Whether what happened after a sentence is what must happen, and nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..changes import Change
from .requests import Turn

# What the stand-in for a larger model says, so that it can be told who answered.
LARGER_MODEL_SAYS = "The larger model answers this."
_COLORS = {"red": 0, "orange": 35, "yellow": 60, "green": 120, "blue": 240, "purple": 285, "pink": 330}
_HUE_TOLERANCE, _STEP_TOLERANCE = 25, 1.01
# How a refusal begins or goes on, in the six languages.
_REFUSED = re.compile(
    r"can't|cannot|couldn't|can not|not able|unable|no such|don't (know|have|see)|isn't|doesn't|there is no"
    r"|kann .*nicht|kann ich nicht|nicht (finden|gefunden|möglich)|kein|gibt es nicht"
    r"|ne (peux|trouve|sais|connais)|pas (possible|trouvé)|n'y a pas|aucun"
    r"|no (puedo|encuentro|hay|es posible|tengo)|ningún"
    r"|kan .*niet|niet (vinden|gevonden|mogelijk)|geen"
    r"|non (posso|trovo|riesco|c'è|è possibile)|nessun",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` is empty where all is right; `wrong_action` where something else was changed."""

    problem: str = ""
    wrong_action: bool = False

    @property
    def right(self) -> bool:
        """Whether it came out as it must."""
        return not self.problem


def judge(
    turn: Turn, changes: Sequence[Change], after: Mapping[str, Any], text: str, now: datetime
) -> Verdict:
    """Compare one turn with the states of the whole home afterwards and with what was said.

    Right is what any of its outcomes asks for; else the first of them tells the problem.
    """
    verdicts = [_judge(outcome, changes, after, text, now) for outcome in (turn, *turn.others)]
    right = next((verdict for verdict in verdicts if verdict.right), None)
    wrong_action = all(verdict.wrong_action for verdict in verdicts)
    return right or Verdict(verdicts[0].problem, wrong_action=wrong_action)


def _judge(
    turn: Turn, changes: Sequence[Change], after: Mapping[str, Any], text: str, now: datetime
) -> Verdict:
    foreign = [str(c) for c in changes if c.entity_id not in turn.after and c.entity_id not in turn.may]
    if foreign:
        return Verdict(f"changed besides: {'; '.join(foreign)}", wrong_action=True)
    changed = {change.entity_id for change in changes}
    for entity_id, wanted in turn.after.items():
        if entity_id not in after:
            return Verdict(f"there is no {entity_id}")
        if entity_id.startswith(("scene.", "script.")):
            if entity_id not in changed:
                return Verdict(f"{entity_id} did not run")
        elif wrong := mismatch(after[entity_id], wanted):
            return Verdict(f"{entity_id}: {wrong}", wrong_action=entity_id in changed)
    return Verdict(_said_wrong(turn, text, now))


def mismatch(state: Mapping[str, Any], wanted: Any) -> str:
    """How a state is not as wanted; empty where it is."""
    if not isinstance(wanted, Mapping):
        wanted = {"state": wanted}
    told = _told(state)
    for name, value in wanted.items():
        if not _fits(name, told.get(name), value):
            return f"{name} is {told.get(name)!r}, not {value!r}"
    return ""


def _told(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state in the words of the files: percentages, hue and kelvin."""
    attributes = state["attributes"]
    told: dict[str, Any] = {**attributes, "state": state["state"]}
    brightness, volume = attributes.get("brightness"), attributes.get("volume_level")
    hue = attributes.get("hs_color")
    kelvin = attributes.get("color_mode") == "color_temp"
    told["brightness"] = None if brightness is None else brightness * 100 / 255
    told["volume"] = None if volume is None else volume * 100
    told["color"] = None if hue is None or kelvin else hue
    told["kelvin"] = attributes.get("color_temp_kelvin")
    told["position"] = attributes.get("current_position")
    told["speed"] = attributes.get("percentage")
    told["muted"] = attributes.get("is_volume_muted")
    told["items"] = attributes.get("open_items")
    return told


def _fits(name: str, is_: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) and name == "state":
        wanted = "on" if wanted else "off"
    if name == "items":
        listed = is_ or ()
        return len(listed) == len(wanted) and all(map(_is_item, listed, wanted))
    if isinstance(wanted, list):
        return any(_fits(name, is_, each) for each in wanted)
    if name == "color":
        return is_ is not None and abs((is_[0] - _COLORS[wanted] + 180) % 360 - 180) <= _HUE_TOLERANCE
    if isinstance(wanted, str) and wanted[:1] in "<>~" and is_ is not None:
        if wanted[0] == "~":
            return re.search(wanted[1:], str(is_), re.IGNORECASE) is not None
        return float(is_) < float(wanted[1:]) if wanted[0] == "<" else float(is_) > float(wanted[1:])
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and isinstance(is_, int | float):
        step = _STEP_TOLERANCE if name in ("brightness", "volume", "speed", "position") else 0.01
        return abs(is_ - wanted) <= step
    return bool(is_ == wanted)


def _is_item(is_: Any, wanted: Any) -> bool:
    """Whether an item of a list is the wanted one; "~beurre" also takes "du beurre"."""
    said, meant = str(is_).casefold(), str(wanted).casefold()
    return re.search(meant[1:], said) is not None if meant.startswith("~") else said == meant


def _said_wrong(turn: Turn, text: str, now: datetime) -> str:
    """What is wrong with the words; empty where they will do."""
    if not text.strip():
        return "nothing was said"
    escalated = LARGER_MODEL_SAYS in text
    if escalated != (turn.wanted == "elsewhere"):
        return "left to the larger model" if escalated else f"not left to the larger model: {text!r}"
    if turn.wanted == "unclear" and not text.rstrip().endswith("?"):
        return f"not asked which one: {text!r}"
    if turn.wanted == "cannot" and not _REFUSED.search(text):
        return f"not declined: {text!r}"
    for pattern in turn.hear:
        filled = pattern.replace("{time}", rf"0?{now.hour}[:.h]|{now.hour % 12 or 12}[:.]")
        filled = filled.replace("{weekday}", f"{now:%A}").replace("{day}", rf"\b{now.day}")
        if not re.search(filled, text, re.IGNORECASE):
            return f"{pattern!r} was not heard in {text!r}"
    return ""
