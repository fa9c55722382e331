"""Makes the templates of a language small: what is the same in many of them is kept once.

hassil parses each template into a tree of its own, and most branches of German's trees are alike. The matcher
changes none of them, so that they can be shared. What a template means and how it is matched is hassil's.
"""

import sys
from collections.abc import Hashable, Mapping
from typing import Any

from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    RuleReference,
    Sentence,
    Sequence,
    TextChunk,
)
from hassil.intents import Intents, SlotList, TextSlotList

from picoqwen_core.memory import trim


def slim(intents: Intents) -> Intents:
    """The same templates, parsed, in less than half of the memory."""
    kept = _Kept()
    for sentence in intents.expansion_rules.values():
        kept.sentence(sentence)
    kept.lists(intents.slot_lists)
    for intent in intents.intents.values():
        for data in intent.data:
            rules = {**intents.expansion_rules, **data.expansion_rules}
            kept.lists(data.slot_lists)
            for sentence in (*data.expansion_rules.values(), *data.sentences):
                kept.sentence(sentence)
            for sentence in data.sentences:
                sentence.required_clauses = kept.clauses(sentence.get_required_clauses(rules))
            # Parsed by now, and asked for by nobody.
            data.sentence_texts.clear()
    trim()
    return intents


class _Kept:
    """One of each expression and of each set of words that a sentence must have."""

    def __init__(self) -> None:
        self._expressions: dict[Hashable, Expression] = {}
        self._sets: dict[frozenset[Any], frozenset[Any]] = {}

    def sentence(self, sentence: Sentence) -> None:
        sentence.expression = self._one(sentence.expression)
        sentence.text = None

    def lists(self, lists: Mapping[str, SlotList]) -> None:
        for each in lists.values():
            if isinstance(each, TextSlotList):
                for value in each.values:
                    value.text_in = self._one(value.text_in)

    def clauses(self, clauses: frozenset[frozenset[str]]) -> frozenset[frozenset[str]]:
        """Sets of words, each word and each set once."""
        return self._set(frozenset(self._set(frozenset(map(sys.intern, each))) for each in clauses))

    def _set(self, words: frozenset[Any]) -> frozenset[Any]:
        return self._sets.setdefault(words, words)

    def _one(self, expression: Expression) -> Expression:
        """The expression that is like this one, with its parts shared too."""
        if isinstance(expression, Group):
            # A copy has no room for items that never come.
            expression.items = [self._one(item) for item in expression.items]
            if isinstance(expression, Alternative):
                expression.items = [_bare(item) for item in expression.items]
        return self._expressions.setdefault(_key(expression), expression)


def _bare(expression: Expression) -> Expression:
    """A sequence of one thing is matched as the thing is."""
    if type(expression) is Sequence and len(expression.items) == 1:
        return expression.items[0]
    return expression


def _key(expression: Expression) -> Hashable:
    """What makes an expression different from others; those below it are shared, and known by their ids."""
    match expression:
        case TextChunk():
            # Read by nobody who matches. The parent would be a cycle, which waits for the collector.
            expression.parent, expression.original_text = None, expression.text
            return expression.text
        case RuleReference(rule_name=name):
            return RuleReference, name
        case ListReference():
            return ListReference, *vars(expression).values()
        case Group(items=items):
            return type(expression), getattr(expression, "is_optional", None), *map(id, items)
    return id(expression)
