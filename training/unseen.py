"""The sentences of tests/home_requests/fresh, which therefore are never taught.

They are drawn now and then by chance, since people and the generator both say "licht aus".
"""

import re
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "home_requests" / "fresh"
_SPACE = re.compile(r"[\W_]+")


def is_examined(text: str) -> bool:
    """Whether somebody says this there, in whatever case and punctuation."""
    return _plain(text) in _examined()


@cache
def _examined() -> frozenset[str]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))]
    rows = [row for file in files for rows in file["requests"].values() for row in rows]
    return frozenset(_plain(turn["say"]) for row in rows for turn in row.get("turns", [row]))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.casefold()).strip()
