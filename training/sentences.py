"""Draws sentences from rules: the notation of grammar.py with slots that are other rules, parsed only once.

"{who} (saw|met) {animal}[ again]" draws from the rules "who" and "animal". What the sentences say is
written in phrases/*.toml; what they mean is no matter of this module.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SPLIT = re.compile(r"\s*[,\n]\s*")
_TOKEN = re.compile(r"\{(\w+)\}|([(\[|)\]])|([^{(\[|)\]]+)")
_DEEPEST = 12

type _Part = str | _Slot | _Choice


@dataclass(frozen=True, slots=True)
class _Slot:
    """Stands for another rule."""

    name: str


@dataclass(frozen=True, slots=True)
class _Choice:
    """Alternatives; optional ones are left out half of the time."""

    options: tuple[tuple[_Part, ...], ...]
    optional: bool


def alternatives(text: str) -> tuple[str, ...]:
    """What a rule is written as: alternatives with commas or lines between them."""
    return tuple(part for part in _SPLIT.split(text.strip()) if part)


class Sentences:
    """Rules by name; each is a tuple of templates that are equally likely."""

    def __init__(self, rules: Mapping[str, tuple[str, ...]]) -> None:
        """Raises ValueError for a rule without alternatives."""
        if empty := [name for name, templates in rules.items() if not templates]:
            raise ValueError(f"rules without alternatives: {empty}")
        self.rules = rules
        self._parsed: dict[str, tuple[_Part, ...]] = {}

    def draw(self, rule: str, rng: random.Random, given: Mapping[str, str]) -> tuple[str, str]:
        """A sentence of a rule and the template that it came from; `given` fills slots that are no rules.

        Raises KeyError for a slot that is neither, ValueError for unbalanced or endless templates.
        """
        template = rng.choice(self.rules[rule])
        out: list[str] = []
        self._write(self._tree(template), rng, given, out, 0)
        return " ".join("".join(out).split()), template

    def _tree(self, template: str) -> tuple[_Part, ...]:
        tree = self._parsed.get(template)
        if tree is None:
            tree = self._parsed[template] = parse(template)
        return tree

    def _write(
        self,
        parts: tuple[_Part, ...],
        rng: random.Random,
        given: Mapping[str, str],
        out: list[str],
        depth: int,
    ) -> None:
        if depth > _DEEPEST:
            raise ValueError(f"rules that never end, after {''.join(out)!r}")
        for part in parts:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, _Choice):
                if not part.optional or rng.random() < 0.5:
                    self._write(rng.choice(part.options), rng, given, out, depth)
            elif part.name == "n":
                out.append(str(rng.randint(2, 199)))
            elif part.name in given:
                out.append(given[part.name])
            else:
                self._write(self._tree(rng.choice(self.rules[part.name])), rng, given, out, depth + 1)


def parse(template: str) -> tuple[_Part, ...]:
    """The tree of a template. Raises ValueError when brackets do not match."""
    tokens = list(_TOKEN.finditer(template))
    if sum(len(token[0]) for token in tokens) != len(template):
        raise ValueError(f"not a template: {template!r}")
    options, at = _options(tokens, 0, template, "")
    if at != len(tokens) or len(options) != 1:
        raise ValueError(f"unbalanced template: {template!r}")
    return options[0]


def _options(
    tokens: list[re.Match[str]], at: int, template: str, closer: str
) -> tuple[tuple[tuple[_Part, ...], ...], int]:
    options: list[tuple[_Part, ...]] = []
    parts: list[_Part] = []
    while at < len(tokens):
        slot, mark, words = tokens[at].groups()
        at += 1
        if slot:
            parts.append(_Slot(slot))
        elif words:
            parts.append(words)
        elif mark == "|":
            options.append(tuple(parts))
            parts = []
        elif mark in "([":
            inner, at = _options(tokens, at, template, ")" if mark == "(" else "]")
            parts.append(_Choice(inner, optional=mark == "["))
        elif mark == closer:
            return (*options, tuple(parts)), at
        else:
            raise ValueError(f"unbalanced template: {template!r}")
    if closer:
        raise ValueError(f"unbalanced template: {template!r}")
    return (*options, tuple(parts)), at
