"""Requests in the five languages beside English, in the mix that a household makes, with the noise of speech.

Most are of our own phrases (tongues/), the rest of Home Assistant's intent templates.
"""

import random
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress

from picoqwen_core.home.decision import Act, Decision
from training.actions import Drawn
from training.elsewhere import draw_elsewhere
from training.grammar import NoWordingError
from training.tongues.corrections import draw_corrected
from training.tongues.dialogs import draw_follow_up, draw_several, unrelated_history
from training.tongues.grammar import pack
from training.tongues.household import Household
from training.tongues.near import draw_near
from training.tongues.others import (
    draw_absent,
    draw_broadcast,
    draw_clean_room,
    draw_except,
    draw_impossible,
    draw_list_default,
    draw_timer,
    draw_unknown,
    draw_whole_place,
)
from training.tongues.questions import draw_asked
from training.tongues.requests import draw_bare, draw_request, draw_roomed
from training.tongues.templates import draw_template_request
from training.turns import Turn

# Category -> how often; "template" draws a category of its own.
MIX = {
    "template": 0.16,
    "action": 0.36,
    "bare": 0.12,
    "roomed": 0.1,
    "place": 0.02,
    "several": 0.12,
    "corrected": 0.08,
    "near": 0.1,
    "question": 0.13,
    "follow_up": 0.09,
    "unknown": 0.05,
    "absent": 0.012,
    "impossible": 0.02,
    "list": 0.025,
    "timer": 0.05,
    "elsewhere": 0.09,
    "except": 0.03,
    "broadcast": 0.02,
    "clean_room": 0.025,
}
# Taught more often than it is measured: there is no end to what people may say that is not about the home.
TAUGHT_MORE = {"elsewhere": 0.2}
_DRAWERS: dict[str, Callable[[Household, str, random.Random], Drawn | None]] = {
    "action": draw_request,
    "bare": draw_bare,
    "roomed": draw_roomed,
    "place": draw_whole_place,
    "several": draw_several,
    "corrected": draw_corrected,
    "near": draw_near,
    "question": draw_asked,
    "unknown": draw_unknown,
    "absent": draw_absent,
    "impossible": draw_impossible,
    "list": draw_list_default,
    "timer": draw_timer,
    "except": draw_except,
    "broadcast": draw_broadcast,
    "clean_room": draw_clean_room,
    "elsewhere": lambda of, split, rng: draw_elsewhere(split, rng, of.language, of.home),
}
# Questions and second turns are said plainly.
_PLAIN = frozenset(("question", "follow_up", "elsewhere", "near"))
_HISTORY_SHARE = 0.2
# How often something is told before or after a request to the home, which stays one.
_TOLD = frozenset(("action", "bare", "roomed", "place", "several", "corrected", "except"))
_TOLD_SHARE, _BECAUSE_SHARE = 0.04, 0.03
_OTHERWISE_SHARE = 0.06


def draw_foreign(of: Household, split: str, rng: random.Random) -> tuple[str, Turn] | None:
    """A category and a request in the home's language; None when the home has nothing for it."""
    mix = MIX | TAUGHT_MORE if split == "train" else MIX
    category = rng.choices(list(mix), list(mix.values()))[0]
    for _ in range(1 if split == "train" else 10):
        with suppress(NoWordingError):
            if (drawn := _drawn(category, of, split, rng)) is not None:
                return drawn
    return None


def _drawn(category: str, of: Household, split: str, rng: random.Random) -> tuple[str, Turn] | None:
    if category == "follow_up":
        turn = draw_follow_up(of, split, rng)
        return (category, turn) if turn is not None else None
    if category == "template":
        walked = draw_template_request(of, split, rng)
        if walked is None:
            return None
        category, drawn = walked
    else:
        made = _DRAWERS[category](of, split, rng)
        if made is None:
            return None
        drawn = made
    history = unrelated_history(of, split, rng) if rng.random() < _HISTORY_SHARE else None
    text = _spoken(drawn, category, of.language, rng)
    return category, Turn(text, drawn.decision, drawn.template, history)


def _spoken(drawn: Drawn, category: str, language: str, rng: random.Random) -> str:
    """Politeness and fillers, lost articles and accents, no capitals: what speech recognition hands over."""
    noise, text = pack(language)["noise"], drawn.text
    copied = _is_copied(drawn.decision, text)
    if category not in _PLAIN:
        if rng.random() < 0.18:
            text = f"{rng.choice(noise['before'])} {text}"
        if rng.random() < 0.15 and category != "broadcast":
            text = f"{text} {rng.choice(noise['after'])}"
    if category in _TOLD and not copied:
        if rng.random() < _TOLD_SHARE:
            text = f"{rng.choice(noise['told'])} {text}"
        elif rng.random() < _BECAUSE_SHARE:
            text = f"{text} {rng.choice(noise['because'])}"
    if not copied:
        if rng.random() < 0.1:
            text = _without_article(text, noise["articles"], rng)
        if rng.random() < _OTHERWISE_SHARE:
            text = _said_otherwise(text, noise["otherwise"], rng)
        if rng.random() < 0.07:
            text = plain_letters(text)
    if rng.random() < 0.1:
        text += "?" if category == "question" else rng.choice((".", "!", "."))
    return text.casefold() if rng.random() < 0.5 else text[:1].upper() + text[1:]


def _without_article(text: str, articles: tuple[str, ...], rng: random.Random) -> str:
    words = text.split(" ")
    found = [index for index, word in enumerate(words) if word in articles]
    if found:
        del words[rng.choice(found)]
    return " ".join(words)


def _said_otherwise(text: str, slips: tuple[str, ...], rng: random.Random) -> str:
    """A word as it is slurred, misheard or misspelt; entries are "nicht=nich|net"."""
    for entry in rng.sample(slips, len(slips)):
        word, _, others = entry.partition("=")
        said = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", rng.choice(others.split("|")), text, count=1)
        if said != text:
            return said
    return text


def plain_letters(text: str) -> str:
    """Text as it is typed without accents."""
    decomposed = unicodedata.normalize("NFD", text.replace("ß", "ss"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _is_copied(decision: Decision, text: str) -> bool:
    """Whether words of the request are to be kept as they are, as an item of a list is."""
    if not isinstance(decision, Act):
        return False
    said = (word for action in decision.actions for word in (action.value, action.label))
    return any(isinstance(word, str) and word in text for word in said)
