"""Grammars of one model, compiled and checked before anything is generated, and kept for the next request."""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import llguidance

from picoqwen_core.errors import GrammarError, SchemaError
from picoqwen_core.grammar.matcher import MatcherConstraint, first_line
from picoqwen_core.grammar.schema import places, prepared
from picoqwen_core.grammar.vocabulary import vocabulary_of
from picoqwen_core.messages import ResponseFormat
from picoqwen_core.tokenizer import Tokenizer

# What the compiler says in words of its own options, in ours.
_WORDS = {
    "oneOf": "'oneOf' is supported only where its parts exclude each other; anyOf may say what is meant"
}
KEPT = 32
MAX_TEXT, MAX_NESTING = 100_000, 200
# Models are trained on what Python's json writes; one way of spacing leaves more that is certain, and no
# endless white space.
SPACING = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
_INLINE_SCHEMA = re.compile(r"%json\s*")
# Words in the compiler's messages that tell the keyword at fault where they do not name it.
_HINTS = {
    "oneOf": "oneOf",
    "regex": "pattern",
    "patternPropert": "patternProperties",
    "min/maxProperties": "minProperties",
    "Pointer": "$ref",
    "$ref": "$ref",
    "allOf": "allOf",
    "intersect": "allOf",
    "too large": "allOf",
}


class Grammars:
    """Makes constraints for the answers of one model; not safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """The vocabulary is read when the first constraint is asked for."""
        self.tokenizer = tokenizer
        self._kept: OrderedDict[str, llguidance.LLMatcher] = OrderedDict()

    @cached_property
    def _vocabulary(self) -> llguidance.LLTokenizer:
        return vocabulary_of(self.tokenizer)

    def constraint(self, wanted: ResponseFormat) -> MatcherConstraint:
        """The constraint that an answer's format asks for. Raises SchemaError or GrammarError."""
        if wanted.type == "json":
            return self.json(wanted.schema, wanted.source)
        if wanted.type == "choice":
            choices = " | ".join(json.dumps(choice, ensure_ascii=False) for choice in wanted.choices)
            return self._made(llguidance.LLMatcher.grammar_from_lark(f"start: {choices}"), wanted.source)
        if not wanted.text:
            raise GrammarError(f"{wanted.source}: the {wanted.type} is empty")
        if len(wanted.text) > MAX_TEXT or _nesting(wanted.text) > MAX_NESTING:
            raise GrammarError(
                f"{wanted.source}: the {wanted.type} has more than {MAX_TEXT} characters, or more than "
                f"{MAX_NESTING} brackets open at once"
            )
        if wanted.type == "regex":
            return self._made(llguidance.LLMatcher.grammar_from_regex(wanted.text), wanted.source)
        text = _checked_schemas(wanted.text, wanted.source)
        return self._made(llguidance.LLMatcher.grammar_from_lark(text), wanted.source)

    def json(self, schema: Any, field: str) -> MatcherConstraint:
        """Values of a JSON schema. SchemaError names the keyword and its path, which begins with `field`."""
        text = json_text(schema, field)
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(text)
        except ValueError as err:
            # A constant may be nested more deeply than the library reads.
            raise SchemaError(f"{field}: {err}") from err
        with blaming({field: schema}):
            return self._made(grammar, field)

    def lark(self, text: str, schemas: Mapping[str, Any]) -> Callable[[], MatcherConstraint]:
        """What makes constraints on texts of a Lark grammar of ours, on any thread.

        schemas: what it was made of, by field, for messages. Raises SchemaError.
        """
        with blaming(schemas):
            matcher = self._matcher(llguidance.LLMatcher.grammar_from_lark(text), " ".join(schemas))
        return lambda: MatcherConstraint(matcher.deep_copy(), self.tokenizer.vocab_size)

    def _made(self, grammar: str, field: str) -> MatcherConstraint:
        """A constraint at its start."""
        return MatcherConstraint(self._matcher(grammar, field).deep_copy(), self.tokenizer.vocab_size)

    def _matcher(self, grammar: str, field: str) -> llguidance.LLMatcher:
        """The matcher to copy, which is kept. GrammarError where nothing fits."""
        matcher = self._kept.get(grammar)
        if matcher is None:
            matcher = self._compiled(grammar, field)
            self._kept[grammar] = matcher
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(grammar)
        return matcher

    def _compiled(self, grammar: str, field: str) -> llguidance.LLMatcher:
        limits = llguidance.LLParserLimits(verbose_errors=False)
        matcher = llguidance.LLMatcher(self._vocabulary, grammar, log_level=0, limits=limits)
        if matcher.is_error():
            raise GrammarError(f"{field}: {first_line(matcher.get_error())}")
        trial = matcher.deep_copy()
        # As far as the first choice, which is where most of what is wrong shows.
        trial.consume_tokens(trial.compute_ff_tokens())
        stuck = not trial.is_accepting() and not any(trial.compute_bitmask())
        error = first_line(trial.get_error())
        if "NoExtension" not in error and trial.is_error():
            raise GrammarError(f"{field}: it is too complex: {error}")
        if stuck or trial.is_error():
            raise GrammarError(f"{field}: no text fits")
        return matcher


def json_text(schema: Any, field: str) -> str:
    """A schema as the compiler reads it, after it was checked. Raises SchemaError."""
    return json.dumps({"x-guidance": SPACING, **prepared(schema, field)}, ensure_ascii=False)


@contextmanager
def blaming(schemas: Mapping[str, Any]) -> Iterator[None]:
    """Turn a complaint about a grammar into one that names the keyword in these schemas, and where it is."""
    try:
        yield
    except GrammarError as err:
        message = str(err)
        keyword = next((known for hint, known in _HINTS.items() if hint in message), None)
        found = [
            f"{field}.{path}"
            for field, schema in schemas.items()
            for path in (places(schema, keyword) if keyword else ())
        ]
        where = f" (at {', '.join(found[:3])})" if found else ""
        if keyword in _WORDS:
            message = f"{' '.join(schemas)}: {_WORDS[keyword]}"
        raise SchemaError(f"{message}{where}") from err


def _checked_schemas(text: str, field: str) -> str:
    """A caller's Lark grammar whose inline JSON schemas went through the same checks as others."""
    parts, at = list[str](), 0
    while (found := _INLINE_SCHEMA.search(text, at)) is not None:
        parts.append(text[at : found.end()])
        try:
            schema, at = json.JSONDecoder().raw_decode(text, found.end())
        except (ValueError, RecursionError) as err:
            raise GrammarError(f"{field}: what follows %json is no JSON: {err}") from err
        parts.append(json_text(schema, f"{field}.%json"))
    return "".join((*parts, text[at:]))


def _nesting(text: str) -> int:
    """How many brackets are open at once, at most; escaped ones count too."""
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest
