"""A phrase grammar: alternatives in parentheses, slots in braces; templates split for validation.

"(turn|switch) on {t}[ please]" draws one alternative, and the part in brackets half of the time.
"""

import random
import re
import zlib
from functools import lru_cache
from typing import Any

# Few, since what is held out is never taught, and people do say it.
HELD_OUT_SHARE = 0.07
_WORD = re.compile(r"[a-z']+(?![a-z']*\})")


class NoWordingError(LookupError):
    """An intent has no wording for the split that was asked for."""


def expand(template: str, rng: random.Random) -> str:
    """Draw one sentence from a template; slots stay in braces."""
    text, rest = _sequence(template, 0, rng, "")
    if rest != len(template):
        raise ValueError(f"unbalanced template: {template!r}")
    return " ".join(text.split())


def _sequence(template: str, at: int, rng: random.Random, closers: str) -> tuple[str, int]:
    out: list[str] = []
    while at < len(template) and template[at] not in closers:
        char = template[at]
        if char in "([":
            chosen, at = _group(template, at + 1, rng, ")" if char == "(" else "]")
            out.append(chosen if char == "(" or rng.random() < 0.5 else "")
        else:
            out.append(char)
            at += 1
    return "".join(out), at


def _group(template: str, at: int, rng: random.Random, closer: str) -> tuple[str, int]:
    options = []
    while True:
        option, at = _sequence(template, at, rng, "|" + closer)
        options.append(option)
        if at >= len(template):
            raise ValueError(f"unbalanced template: {template!r}")
        at += 1
        if template[at - 1] == closer:
            return rng.choice(options), at


def draw_pattern(templates: tuple[str, ...], split: str, rng: random.Random) -> str:
    """A wording of one of the templates that belongs to the split, with its slots still in braces.

    Wordings are split, not templates: a few are kept for validation and never trained on. There each template
    that has such wordings counts the same, however few of its wordings they are.
    Raises NoWordingError when none turned up in a few tries.
    """
    for template in rng.sample(templates, min(len(templates), 8)):
        for _ in range(1 if split == "train" else 12):
            pattern = expand(template, rng)
            if is_held_out(pattern, template, templates) == (split == "validation"):
                return pattern
    raise NoWordingError(f"no {split} wording among {templates[:2]}...")


@lru_cache(maxsize=1 << 16)
def is_held_out(pattern: str, template: str, templates: tuple[str, ...]) -> bool:
    """Whether a wording is kept for validation.

    The plain wording of a template never is. Another is only held out when each of its words also occurs in
    another template of its intent: what is tested is a new way to say something, not an untaught word.
    """
    if pattern == plain_wording(template) or zlib.crc32(pattern.encode()) % 1000 >= HELD_OUT_SHARE * 1000:
        return False
    taught = {word for other in templates if other != template for word in _words(other)}
    return _words(pattern) <= taught | _words(plain_wording(template))


class _First(random.Random):
    """Always the first alternative, and nothing optional."""

    def choice(self, seq: Any) -> Any:
        return seq[0]

    def random(self) -> float:
        return 1.0


@lru_cache(maxsize=4096)
def plain_wording(template: str) -> str:
    """The wording that a template stands for; it is always taught."""
    return expand(template, _First())


def _words(template: str) -> set[str]:
    return set(_WORD.findall(template))
