"""What the built-in model decides about a request, free of prompt ids, tools and wording.

The generator in training/ writes decisions as labels, dsl.py turns them into the model's output
tokens and back, and tools.py turns them into the caller's tool calls.
"""

from dataclasses import dataclass
from typing import Literal

Verb = Literal[
    "on",
    "off",
    "toggle",
    "open",
    "close",
    "lock",
    "unlock",
    "stop",
    "brightness",
    "brighter",
    "dimmer",
    "color",
    "color_temperature",
    "temperature",
    "warmer",
    "cooler",
    "fan_speed",
    "position",
    "play",
    "pause",
    "next",
    "previous",
    "volume",
    "louder",
    "quieter",
    "mute",
    "unmute",
    "vacuum_start",
    "vacuum_return",
    "list_add",
    "list_complete",
    "timer_start",
    "timer_cancel",
    "timer_cancel_all",
    "timer_more",
    "timer_less",
    "timer_pause",
    "timer_resume",
    "timer_status",
    "delayed",
    "broadcast",
    "play_media",
    "list_remove",
    "humidity",
    "fan_faster",
    "fan_slower",
    "vacuum_clean",
    "vacuum_stop",
    "mower_start",
    "mower_dock",
    "mower_stop",
    "humidifier_mode",
]
QueryKind = Literal["is", "value", "which", "count", "time", "date", "weather", "calendar"]
Reason = Literal["unknown_device", "impossible"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is meant: named entities, or every entity that passes the filters.

    With no entities and no place, `everywhere` must be true: the whole home; or `here`: no place was said, so
    the speaker's room is meant, or the only such thing of the home.
    """

    entities: tuple[str, ...] = ()
    area: str | None = None
    floor: str | None = None
    everywhere: bool = False
    domain: str | None = None
    device_class: str | None = None
    here: bool = False
    excluding: "Target | None" = None


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `value` is a percentage, degrees, kelvin, a colour, a mode, a list item, or seconds.

    "max", "min", "half", "lot" and "double" are kept as words for the code that knows the range
    and the present value. `label` is the name of a timer, or the command that is to be run later.
    """

    verb: Verb
    target: Target
    value: float | str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Do these actions, in this order."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """Answer a question about the home from its states; `asked` is the state word or the quantity."""

    kind: QueryKind
    target: Target = Target()
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Clarify:
    """Ask which of these entities is meant."""

    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cannot:
    """Say that it cannot be done, and act on nothing."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Escalate:
    """Not about the home: for a larger model."""


Decision = Act | Query | Clarify | Cannot | Escalate
