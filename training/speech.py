"""What speech and its recognition do to a sentence: politeness, fillers, lost, doubled and misheard words."""

import random

from picoqwen_core.home.decision import Act, Decision
from picoqwen_core.home.dsl import COPIED_VALUES
from training import manners
from training.phrases import load

_PHRASES = load("requests")
_ALIKE: dict[str, tuple[str, ...]] = _PHRASES["alike"]
_FILLERS = ("um", "uh", "er", "erm", "like", "you know", "uhm", "hmm", "well", "please", "i mean")
_POLITE = ("please", "thanks", "thank you")
# A recording that begins too late loses one of these; what is left is still the same command.
_CUT_OFF = frozenset(("turn", "switch", "set", "put", "make", "please", "can", "could", "would", "i"))
_DOUBLED = frozenset(
    "turn switch set put make please can you the to in on off all and it is i my of a".split()
)


def spoken(text: str, decision: Decision, rng: random.Random, *, plain: bool) -> str:
    """The sentence as speech recognition hands it over; nothing is said before and after a plain one."""
    copied = _is_copied(decision)
    if not plain:
        text = _wrapped(text, rng, copied=copied)
    if copied:
        return text
    if rng.random() < 0.12:
        text = text.replace(" the ", " ", 1)
    if rng.random() < 0.1:
        text = _stumbled(text, rng, act=isinstance(decision, Act))
    return _misheard(text, rng)


def _wrapped(text: str, rng: random.Random, *, copied: bool) -> str:
    """Politeness and reasons around a command, sometimes at length; little after words that are copied."""
    if rng.random() < 0.25:
        text = manners.asked(text, rng) or text
    if rng.random() < 0.12:
        text = f"{rng.choice(_PHRASES['before'])} {text}"
    if rng.random() < 0.15:
        text = f"{text} {_courtesy(rng, copied=copied)}"
    if rng.random() < 0.07:
        text = _with_purpose(text, rng, before=copied or rng.random() < 0.5)
    if rng.random() < 0.04:
        text = f"{manners.called(rng)} {text}"
    if rng.random() < 0.03:
        text = f"{rng.choice(_PHRASES['long_before'])} {text}"
    if not copied and rng.random() < 0.02:
        text = f"{text} {rng.choice(_PHRASES['long_after'])}"
    return text


def _courtesy(rng: random.Random, *, copied: bool) -> str:
    if copied:
        return rng.choice(_POLITE)
    return rng.choice(_PHRASES["after"]) if rng.random() < 0.4 else manners.courtesy(rng)


def _with_purpose(text: str, rng: random.Random, *, before: bool) -> str:
    """What people add that changes nothing: why, for whom, and that this is all."""
    if before:
        why = rng.choice(_PHRASES["why_before"]) if rng.random() < 0.3 else manners.reason(rng, before=True)
        return f"{why} {text}"
    why = rng.choice(_PHRASES["why_after"]) if rng.random() < 0.3 else manners.reason(rng, before=False)
    return f"{text} {why}"


def _stumbled(text: str, rng: random.Random, *, act: bool) -> str:
    """A filler, a word said twice, or a beginning that was not recorded."""
    words = text.split(" ")
    draw = rng.random()
    if draw < 0.3 and act and len(words) > 3 and words[0] in _CUT_OFF:
        return " ".join(words[1:])
    if draw < 0.65:
        again = [index for index, word in enumerate(words) if word in _DOUBLED]
        if again:
            index = rng.choice(again)
            words.insert(index, words[index])
        return " ".join(words)
    # Before an article, or behind the first word: never within a name.
    places = [index for index, word in enumerate(words) if word in ("the", "my", "to", "all")] or [1]
    words.insert(rng.choice((*places, 0)), rng.choice(_FILLERS))
    return " ".join(words)


def _misheard(text: str, rng: random.Random) -> str:
    """Words that sound alike, as speech recognition confuses them."""
    if rng.random() >= 0.07:
        return text
    words = text.split(" ")
    alike = [index for index, word in enumerate(words) if word.casefold() in _ALIKE]
    if alike:
        index = rng.choice(alike)
        words[index] = rng.choice(_ALIKE[words[index].casefold()])
    return " ".join(words)


def _is_copied(decision: Decision) -> bool:
    """Whether words of the request are to be kept as they are, as an item of a list is."""
    if not isinstance(decision, Act):
        return False
    return any(action.label or action.verb in COPIED_VALUES for action in decision.actions)
