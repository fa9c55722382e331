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


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value
