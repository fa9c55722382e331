"""Reads the phrase files: what people say, and the words that homes are made of."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "phrases"


@lru_cache(maxsize=64)
def load(name: str) -> dict[str, Any]:
    """phrases/<name>.toml, with tuples for arrays."""
    with (_FOLDER / f"{name}.toml").open("rb") as file:
        return {key: _frozen(value) for key, value in tomllib.load(file).items()}


@lru_cache(maxsize=16)
def joined(*names: str) -> dict[str, Any]:
    """Several phrase files as one: arrays of the same name one after another, else the last file counts."""
    result: dict[str, Any] = {}
    for name in names:
        for key, value in load(name).items():
            earlier = result.get(key)
            both = isinstance(earlier, tuple) and isinstance(value, tuple)
            result[key] = (*earlier, *value) if both else value  # type: ignore[misc]  # a tuple, as was asked
    return result


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value
