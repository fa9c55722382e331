"""Draws requests for homes, in the mix that a household makes, with the noise of speech."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress

from picoqwen_core.home.decision import Act, Decision, Escalate, Target
from picoqwen_core.home.dsl import UndecodableError, decode, encode
from picoqwen_core.home.gloss import LANGUAGES
from picoqwen_core.home.linked import Link, Linked, LinkKind
from picoqwen_core.home.linker import link
from picoqwen_core.home.occasions import for_occasion
from picoqwen_core.home.placeless import PLACELESS
from picoqwen_core.home.render import END, render_prompt
from picoqwen_core.home.words import tokenize
from picoqwen_core.messages import HomeContext
from training.actions import Drawn, draw_action, draw_bare
from training.announcements import draw_broadcast
from training.corrections import draw_corrected
from training.dialogs import draw_follow_up, unrelated_history
from training.elsewhere import draw_aside, draw_elsewhere
from training.foreign import draw_foreign
from training.frames import framed
from training.grammar import NoWordingError
from training.homes import random_home
from training.near import draw_near
from training.occasions import draw_occasion
from training.others import (
    draw_absent,
    draw_except,
    draw_impossible,
    draw_list_default,
    draw_unknown,
    draw_whole_place,
)
from training.questions import draw_question
from training.rooms import draw_roomed
from training.several import draw_several
from training.speech import spoken
from training.timers import draw_clean_room, draw_timer
from training.tongues.household import household
from training.turns import Turn, resolve

# Category -> how often.
MIX = {
    "action": 0.30,
    "bare": 0.10,
    "roomed": 0.10,
    "place": 0.03,
    "several": 0.16,
    "corrected": 0.05,
    "question": 0.14,
    "near": 0.12,
    "follow_up": 0.17,
    "unknown": 0.07,
    "absent": 0.015,
    "occasion": 0.02,
    "impossible": 0.035,
    "list": 0.02,
    "timer": 0.05,
    "elsewhere": 0.12,
    "except": 0.05,
    "broadcast": 0.015,
    "clean_room": 0.04,
}
# Taught more often than they are measured: there is no end to what people may say that is not about the home,
# or have announced.
TAUGHT_MORE = {"elsewhere": 0.27, "broadcast": 0.04, "clean_room": 0.055, "timer": 0.065}
# How often a request to the home is taught with something told before it.
ASIDE_SHARE = 0.03
# To these nothing is added that makes a command of a question.
_PLAIN = frozenset(("question", "elsewhere", "follow_up", "near", "occasion"))
HOME_REUSE = 24
# "Good morning everyone": words of a greeting, at most.
_GREETING = 3


# Of the training requests, how many are in other languages than English.
FOREIGN_SHARE = 0.4


def mixed_draws(seed: int, split: str) -> Iterator[tuple[str, HomeContext, Turn]]:
    """English and all other languages, as training needs them."""
    rng = random.Random(f"mix-{split}-{seed}")
    english = draws(seed, split)
    others = {language: foreign_draws(seed, split, language) for language in LANGUAGES}
    while True:
        language = rng.choice(tuple(others)) if rng.random() < FOREIGN_SHARE else "en"
        category, home, turn = next(others.get(language, english))
        yield category, home, framed(turn, category, language, rng) if split == "train" else turn


def foreign_draws(seed: int, split: str, language: str) -> Iterator[tuple[str, HomeContext, Turn]]:
    """An endless, reproducible stream of (category, home, turn) in a language other than English."""
    rng = random.Random(f"{split}-{seed}-{language}")
    while True:
        of = household(language, split, rng)
        if len(of.home.entities) < 4:
            continue
        for _ in range(HOME_REUSE):
            drawn = draw_foreign(of, split, rng)
            if drawn is not None:
                category, turn = drawn
                yield category, of.home, turn


def draws(seed: int, split: str, size: int | None = None) -> Iterator[tuple[str, HomeContext, Turn]]:
    """An endless, reproducible stream of (category, home, turn); `size` is the entities of a home."""
    rng = random.Random(f"{split}-{seed}")
    mix = MIX | TAUGHT_MORE if split == "train" else MIX
    categories, weights = list(mix), list(mix.values())
    while True:
        home = random_home(rng, split, size)
        if len(home.entities) < 4:
            continue
        for _ in range(HOME_REUSE):
            category = rng.choices(categories, weights)[0]
            turn = _insisted(category, home, split, rng)
            if turn is not None:
                yield category, home, turn


def _insisted(category: str, home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    """A turn of a category: not all can be drawn in every home, and the mix shall be the same."""
    for _ in range(3 if split == "train" else 10):
        with suppress(NoWordingError):
            if (turn := _turn(category, home, split, rng)) is not None:
                return turn
    return None


def _turn(category: str, home: HomeContext, split: str, rng: random.Random) -> Turn | None:
    if category == "follow_up":
        return draw_follow_up(home, split, rng)
    drawers: dict[str, Callable[[HomeContext, str, random.Random], Drawn | None]] = {
        "action": draw_action,
        "bare": draw_bare,
        "roomed": draw_roomed,
        "place": draw_whole_place,
        "several": draw_several,
        "question": draw_question,
        "unknown": draw_unknown,
        "impossible": draw_impossible,
        "list": draw_list_default,
        "timer": draw_timer,
        "except": draw_except,
        "broadcast": draw_broadcast,
        "clean_room": draw_clean_room,
        "corrected": draw_corrected,
        "near": draw_near,
        "absent": draw_absent,
        "occasion": draw_occasion,
        "elsewhere": lambda home, s, r: draw_elsewhere(s, r, home=home),
    }
    drawn = drawers[category](home, split, rng)
    if drawn is None:
        return None
    history = unrelated_history(home, split, rng) if rng.random() < 0.25 else None
    text = drawn.text
    if split == "train" and category not in _PLAIN and rng.random() < ASIDE_SHARE:
        text = f"{draw_aside(rng)} {text}"
    return Turn(
        spoken(text, drawn.decision, rng, plain=category in _PLAIN),
        drawn.decision,
        drawn.template,
        history,
    )


def label(home: HomeContext, turn: Turn) -> tuple[Linked, str] | None:
    """The linked request and its label, or None when the link contradicts the label.

    Three ways: a needed entity is no candidate (a miss of the linker), a "group" turned out to be the
    whole name of a device, as in a home that has a lamp called "Kitchen Lights", or what is not about the
    home is all the same what a scene or script is called ("good night").
    """
    linked = link(home, turn.text, turn.history)
    try:
        output = encode(turn.decision, linked)
    except UndecodableError:
        return None
    if isinstance(turn.decision, Escalate) and _is_called(home, turn.text):
        return None
    if _names_a_device(linked, turn.decision) or not _words_are_kept(linked, output, turn.decision):
        return None
    return linked, output


def _is_called(home: HomeContext, text: str) -> bool:
    """Whether something of the home has exactly this name, or is for what this greeting tells."""
    said = text.casefold()
    words = {token.text for token in tokenize(text)}
    if len(words) <= _GREETING and for_occasion(home, words):
        return True
    return any(said == name.casefold() for entity in home.entities for name in (entity.name, *entity.aliases))


def _words_are_kept(linked: Linked, output: str, decision: Decision) -> bool:
    """Whether words can be copied from the prompt: they cannot where a part of them is taken for a name's."""
    if not isinstance(decision, Act) or not any(isinstance(a.value, str) for a in decision.actions):
        return True
    try:
        read = decode(output, linked)
    except UndecodableError:
        return False
    return not isinstance(read, Act) or _words(read) == _words(decision)


def _words(act: Act) -> list[str]:
    return [action.value.casefold() for action in act.actions if isinstance(action.value, str)]


def _names_a_device(linked: Linked, decision: Decision) -> bool:
    if not isinstance(decision, Act):
        return False
    meant = {e for action in decision.actions for e in resolve(linked.home, action.target)}
    groups = [
        a.target
        for a in decision.actions
        if a.verb not in PLACELESS and not a.target.entities and a.target != Target()
    ]
    if not groups:
        return False
    named = {
        linked.candidates[ref].entity.id
        for piece in linked.pieces
        if isinstance(piece, Link) and piece.kind is LinkKind.FULL and not piece.generic
        for ref in piece.refs
    }
    listed = {e for action in decision.actions for e in action.target.entities}
    return bool((named & meant) - listed)


def sample(home: HomeContext, turn: Turn) -> tuple[str, str] | None:
    """Prompt and output as the model sees them."""
    labelled = label(home, turn)
    if labelled is None:
        return None
    linked, output = labelled
    return render_prompt(linked), output + END
