"""Sentences from Home Assistant's own intent templates: a random walk over each, recording the slots.

The templates are of the package home-assistant-intents (Apache-2.0, https://github.com/OHF-Voice/intents).
"""

import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import home_assistant_intents
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    TextChunk,
)
from hassil.intents import IntentData, Intents, RangeSlotList, TextSlotList

HELD_OUT = 0.15
# (name of the slot, name of its list) -> the words to say
Fill = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Block:
    """Templates of an intent that share their conditions."""

    intent: str
    data: IntentData


@lru_cache(maxsize=8)
def intents(language: str) -> Intents:
    """The templates of a language."""
    path = Path(home_assistant_intents.__file__).parent / "data" / f"{language}.json"
    return Intents.from_dict(json.loads(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=8)
def blocks(language: str) -> dict[str, tuple[Block, ...]]:
    """Blocks of templates by intent."""
    found = intents(language).intents
    return {name: tuple(Block(name, data) for data in intent.data) for name, intent in found.items()}


def is_held_out(template: str, index: int) -> bool:
    """Whether a template is kept for validation; the first of a block is always taught."""
    return index > 0 and zlib.crc32(template.encode()) % 1000 < HELD_OUT * 1000


def draw_template(block: Block, split: str, rng: random.Random) -> Any | None:
    """A template of the block that belongs to the split; None when it has none."""
    chosen = [
        sentence
        for index, sentence in enumerate(block.data.sentences)
        if is_held_out(str(sentence.text), index) == (split == "validation")
    ]
    return rng.choice(chosen) if chosen else None


class Walk:
    """One walk over a template. Slots of closed lists are drawn here, the others by `fill`."""

    def __init__(self, language: str, block: Block, fill: Fill, rng: random.Random) -> None:
        self._intents, self._block, self._fill, self._rng = intents(language), block, fill, rng
        self.slots: dict[str, Any] = {}
        self.failed = False

    def text(self, expression: Expression) -> str:
        """The words of an expression; `failed` is set when a slot could not be filled."""
        rng = self._rng
        match expression:
            case TextChunk():
                return expression.original_text
            case Alternative():
                return self.text(rng.choice(expression.items)) if expression.items else ""
            case Permutation():
                return " ".join(self.text(e) for e in rng.sample(expression.items, len(expression.items)))
            case Group():
                return "".join(self.text(e) for e in expression.items)
            case ListReference():
                return f"{expression.prefix or ''}{self._list(expression)}{expression.suffix or ''}"
            case RuleReference():
                rules = self._block.data.expansion_rules
                rule = rules.get(expression.rule_name) or self._intents.expansion_rules.get(
                    expression.rule_name
                )
                if rule is not None:
                    return self.text(rule.expression)
        self.failed = True
        return ""

    def _list(self, reference: ListReference) -> str:
        slot, name = reference.slot_name, reference.list_name
        filled = self._fill(slot, name)
        if filled is not None:
            self.slots[slot] = filled
            return filled
        values = self._block.data.slot_lists.get(name) or self._intents.slot_lists.get(name)
        if isinstance(values, RangeSlotList):
            number = float(self._rng.randrange(int(values.start), int(values.stop) + 1, int(values.step)))
            self.slots[slot] = number * (values.multiplier or 1)  # "down by 10" is a step of -10
            return f"{number:g}"
        if isinstance(values, TextSlotList) and values.values:
            value = self._rng.choice(values.values)
            self.slots[slot] = value.value_out
            said = value.text_in
            return self.text(said if isinstance(said, Expression) else said.expression)
        self.failed = True
        return ""
