"""The files of tests/home_requests as data. What they may say is in tests/home_requests/README.md."""

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from ..paths import ROOT

FOLDER = ROOT / "tests" / "home_requests"
Wanted = Literal["change", "answer", "unclear", "cannot", "elsewhere"]
_OUTCOMES: tuple[Wanted, ...] = ("unclear", "cannot", "elsewhere")
_OUTCOME_KEYS = {"after", "may", "hear", *_OUTCOMES}
_TURN_KEYS = {"say", "in", "or", *_OUTCOME_KEYS}
Half = Literal["dev", "blind"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A sentence and all that must come of it.

    after: entity -> state, or attributes, that it must have. may: entities that may change besides.
    others: other outcomes that are as right.
    """

    say: str
    room: str | None
    wanted: Wanted
    after: Mapping[str, Any] = field(default_factory=dict)
    may: tuple[str, ...] = ()
    hear: tuple[str, ...] = ()
    others: tuple["Turn", ...] = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """One request: a sentence, or a conversation that is right when every turn is."""

    category: str
    turns: tuple[Turn, ...]
    before: Mapping[str, Mapping[str, Any]]

    @property
    def wanted(self) -> Wanted:
        """What the last turn must come to."""
        return self.turns[-1].wanted

    @property
    def half(self) -> Half:
        """By its sentences alone, whether its failures may be read while the home code is mended."""
        return "blind" if hashlib.sha256(str(self).encode()).digest()[0] % 2 else "dev"

    def __str__(self) -> str:
        """Its sentences."""
        return " / ".join(turn.say for turn in self.turns)


@dataclass(frozen=True, slots=True)
class SpokenHome:
    """A home and what is said in it."""

    name: str
    house: Path
    language: str
    requests: tuple[Spoken, ...]


def read_all(folder: Path = FOLDER) -> list[SpokenHome]:
    """Every home. Raises ValueError naming the file and the sentence that is not as it must be."""
    return [read_home(path) for path in sorted(folder.glob("*.yaml"))]


def read_home(path: Path) -> SpokenHome:
    """One file."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    requests = tuple(_spoken(path, category, row) for category, row in _rows(data))
    house = FOLDER / "homes" / f"{data['home']}.yaml"
    return SpokenHome(data["home"], house, data["language"], requests)


def only(home: SpokenHome, half: Half) -> SpokenHome:
    """The requests of one half."""
    return replace(home, requests=tuple(each for each in home.requests if each.half == half))


def _rows(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for category, rows in data["requests"].items():
        yield from ((category, row) for row in rows)


def _spoken(path: Path, category: str, row: Mapping[str, Any]) -> Spoken:
    turns = row["turns"] if "turns" in row else [{k: v for k, v in row.items() if k != "before"}]
    return Spoken(category, tuple(_turn(path, turn) for turn in turns), row.get("before", {}))


def _turn(path: Path, row: Mapping[str, Any]) -> Turn:
    outcome = _outcome(path, row, _TURN_KEYS)
    others = (
        _outcome(path, {**other, "say": row["say"]}, {"say", *_OUTCOME_KEYS}) for other in row.get("or", ())
    )
    return replace(outcome, others=tuple(others))


def _outcome(path: Path, row: Mapping[str, Any], keys: Set[str]) -> Turn:
    if unknown := row.keys() - keys:
        raise ValueError(f"{path.name}: {row.get('say')!r} has unknown keys {sorted(unknown)}")
    hear = row.get("hear", ())
    outcome: Wanted | None = next((key for key in _OUTCOMES if row.get(key)), None)
    if outcome is None and "after" not in row and not hear:
        raise ValueError(f"{path.name}: {row['say']!r} does not say what must come of it")
    return Turn(
        say=row["say"],
        room=row.get("in"),
        wanted=outcome or ("change" if row.get("after") or row.get("may") else "answer"),
        after=row.get("after", {}),
        may=tuple(row.get("may", ())),
        hear=(hear,) if isinstance(hear, str) else tuple(hear),
    )
