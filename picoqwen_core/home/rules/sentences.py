"""The templates of a language: those of the package home-assistant-intents, and our own beside them.

The package is Apache-2.0 (https://github.com/OHF-Voice/intents). A language is read when it is first spoken.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hassil.intents import IntentData, Intents

from picoqwen_core.home.rules.meaning import DOMAINS_OF_VERB, INTENTS, OWN_PREFIX

LANGUAGES = ("de", "en", "es", "fr", "it", "nl")
# A language costs some 8 MB, and a household speaks one or two.
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
    return Intents.from_dict(
        {
            **data,
            "intents": intents,
            "lists": {**data["lists"], **_LISTS, **words},
            "expansion_rules": {**data["expansion_rules"], **own["rules"]},
            "responses": {},
        }
    )


@lru_cache(maxsize=_KEPT)
def unknown_templates(language: str) -> Intents:
    """Of these, the ones that tell a named thing to do something: with any words in the name's place."""
    known = templates(language)
    intents = {
        name: replace(intent, data=[_open(block, known) for block in intent.data if _takes_any_name(block)])
        for name, intent in known.intents.items()
        if name in _OF_THINGS
    }
    return replace(known, intents=intents)


_OF_THINGS = ("HassTurnOn", "HassTurnOff", "HassLightSet", "HassSetPosition", "HassClimateSetTemperature")


def _takes_any_name(block: IntentData) -> bool:
    """Scenes and scripts are run by hardly more than their name, so any sentence would be one."""
    domains = (block.requires_context or {}).get("domain") or ()
    return bool(domains) and not {"scene", "script", "button"} & set(domains)


def _open(block: IntentData, known: Intents) -> IntentData:
    """The block for a thing of any kind; templates that need no word but the name are left out."""
    rules = {**known.expansion_rules, **block.expansion_rules}
    kept = [str(each.text) for each in block.sentences if each.get_required_clauses(rules)]
    return replace(block, sentence_texts=kept, requires_context={})


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
