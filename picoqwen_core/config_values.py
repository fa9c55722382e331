"""Single values of settings: from text or a file's value to the type that the setting has."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_KEY = re.compile(r"[\w.-]{1,40}:(?:[0-9a-f]{64})\Z")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value.strip()


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(type(value).__name__)
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(type(value).__name__)
    return float(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).casefold()
    if word not in (*_TRUE, *_FALSE):
        raise ValueError(word)
    return word in _TRUE


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


def _texts(value: Any) -> tuple[str, ...]:
    """A list, or text with commas as the environment has it."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise TypeError(type(value).__name__)
    return tuple(_text(item) for item in items if item != "")


def _keys(value: Any) -> tuple[str, ...]:
    found = _texts(value)
    if not all(_KEY.match(each) for each in found):
        raise ValueError("key")
    return found


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is read, and what to say where that fails."""

    parse: Callable[[Any], Any]
    needed: str


TEXT = Kind(_text, "text that is not empty")
WHOLE_NUMBER = Kind(_whole_number, "a whole number")
SECONDS = Kind(_number, "a number of seconds")
NUMBER = Kind(_number, "a number")
TRUTH = Kind(_truth, "true or false")
PATH = Kind(_path, "a path")
TEXTS = Kind(_texts, "a list of texts, or text with commas between them")
KEYS = Kind(_keys, "a list of NAME:SHA256, as `picoqwen key` prints them")
