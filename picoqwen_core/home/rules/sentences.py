"""The templates of a language: those of the package home-assistant-intents, and our own beside them.

The package is Apache-2.0 (https://github.com/OHF-Voice/intents). A language is read when it is first spoken.
"""

import json
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hassil.intents import Intents

from picoqwen_core.home.rules.meaning import DOMAINS_OF_VERB, INTENTS, OWN_PREFIX
from picoqwen_core.home.rules.slim import slim

LANGUAGES = ("de", "en", "es", "fr", "it", "nl")
# A language costs 3 to 7 MB, and a household speaks one or two.
_KEPT = 3
_OWN = Path(__file__).parent / "sentences"


# Numbers and free text of our own templates.
_LISTS: dict[str, Any] = {
    "amount": {"range": {"from": 0, "to": 100, "fractions": "halves"}},
    "step": {"range": {"from": 1, "to": 100}},
    "item": {"wildcard": True},
}


@lru_cache(maxsize=_KEPT)
def templates(language: str) -> Intents:
    """All templates of a language that this server can act on. Raises FileNotFoundError for another one."""
    data = json.loads((_package_folder() / f"{language}.json").read_text(encoding="utf-8"))
    own = _read_own(language)
    intents = {name: intent for name, intent in data["intents"].items() if name in INTENTS}
    for verb, lines in own["verbs"].items():
        intents[f"{OWN_PREFIX}{verb}"] = {"data": _blocks(verb, lines)}
    words = {name: {"values": [{"in": i, "out": o} for i, o in rows]} for name, rows in own["lists"].items()}
    return slim(
        Intents.from_dict(
            {
                **data,
                "intents": intents,
                "lists": {**data["lists"], **_LISTS, **words},
                "expansion_rules": {**data["expansion_rules"], **own["rules"]},
                "responses": {},
            }
        )
    )


def _package_folder() -> Path:
    spec = find_spec("home_assistant_intents")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package home-assistant-intents is not installed")
    return Path(spec.origin).parent / "data"


def _read_own(language: str) -> dict[str, Any]:
    """Our templates: see sentences/README.md. English has none."""
    path = _OWN / f"{language}.toml"
    if not path.exists():
        return {"rules": {}, "verbs": {}, "lists": {}}
    with path.open("rb") as file:
        return tomllib.load(file)


def _blocks(verb: str, lines: Sequence[str]) -> list[dict[str, Any]]:
    """One block for templates with a name, one for those with a place, one for those that mean here."""
    named = [line for line in lines if "{name}" in line]
    placed = [line for line in lines if line not in named and ("{area}" in line or "{floor}" in line)]
    here = [line for line in lines if line not in named and line not in placed]
    blocks: list[dict[str, Any]] = []
    if named:
        blocks.append({"sentences": named, "requires_context": {"domain": list(DOMAINS_OF_VERB[verb])}})
    if placed:
        blocks.append({"sentences": placed})
    if here:
        blocks.append({"sentences": here, "requires_context": {"area": {"slot": True}}})
    return blocks
