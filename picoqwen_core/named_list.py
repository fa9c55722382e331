"""Settings that are lists of objects with names: how they are read, and what is said of a wrong one."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from picoqwen_core.errors import ConfigError

_NEEDED = {float: "a number", bool: "true or false", str: "text"}


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """No other of the list has it."""


def parse_list[T: Named](option: str, value: Any, make: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    """A list of objects, or that as JSON text; each object is made without its empty fields.

    Raises ConfigError for names that come twice, ValueError for what is no list.
    """
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise ValueError(option)
    found = tuple(
        make({key: item for key, item in each.items() if item is not None and item != ""}) for each in value
    )
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{option}: {name!r} is there twice; each needs a name of its own")
    return found


def require_known(option: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises ConfigError for a field that is not known."""
    names = list(known)
    for key in given:
        if key not in names:
            raise wrong(option, who(given), f"unknown field {key!r}; known: {', '.join(names)}")


def require_type(option: str, given: Mapping[str, Any], key: str, wanted: type) -> None:
    """Raises ConfigError for a field that is not of float (whole numbers too), bool or str; hides keys."""
    item = given[key]
    number = wanted is float and isinstance(item, int | float) and not isinstance(item, bool)
    if not number and not isinstance(item, wanted):
        shown = "(hidden)" if key == "api_key" else repr(item)
        raise wrong(option, who(given), f"{key} is {shown}; allowed: {_NEEDED[wanted]}")


def who(given: Mapping[str, Any]) -> str:
    """What an object of the list is called in an error."""
    return str(given.get("name", "(without a name)"))


def wrong(option: str, name: str, reason: str) -> ConfigError:
    """The error of an object of the list."""
    return ConfigError(f"{option}: {name!r}: {reason}")
