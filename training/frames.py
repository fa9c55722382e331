"""What people say around a request without changing it: calls, names, ways of asking, reasons and thanks.

Their words are in phrases/frames.toml. They are drawn from rules, since lists of whole phrases teach those
phrases and not that what stands around a command is to be passed over. What a request means is no matter of
this module, but that its words are copied may be: nothing is said behind those.
"""

import random
from dataclasses import replace
from functools import lru_cache

from picoqwen_core.home.decision import Act, Decision
from training.phrases import load
from training.sentences import Sentences, alternatives
from training.turns import Turn
from training.verbs import forms

SHARE = 0.25
# What is no command gets a call before and thanks behind it, or only a call.
_THANKED = frozenset(("elsewhere",))
_CALLED = frozenset(("question", "follow_up", "near", "occasion"))
_DOUBLED = frozenset("set put get let cut shut hit dim run stop pop flip drop skip nod".split())
_COPIED_LAST = 3


def framed(turn: Turn, category: str, language: str, rng: random.Random) -> Turn:
    """The turn with words around its text, or, three times of four, as it is."""
    if rng.random() >= SHARE:
        return turn
    rules, text, behind = _rules(language), turn.text, True
    if category in _CALLED:
        text, behind = _called(text, rules, rng), False
    elif rng.random() < 0.75:
        text = _asked(text, language, rules, rng)
    if behind and not _ends_in_copied_words(turn.decision, turn.text):
        text = _thanked(text, rules, rng, reasoned=category not in _THANKED)
    return replace(turn, text=text)


def _called(text: str, rules: Sentences, rng: random.Random) -> str:
    parts = [
        _draw(rules, rule, rng) for rule, share in (("open", 0.6), ("name", 0.4)) if rng.random() < share
    ]
    return " ".join((*parts, _lowered(text))) if parts else text


def _asked(text: str, language: str, rules: Sentences, rng: random.Random) -> str:
    """The request after a call, a reason or a way of asking for it."""
    if rng.random() < 0.22:
        text = f"{_draw(rules, 'lead', rng)} {_lowered(text)}"
    elif rng.random() < 0.75:
        text = _wished(text, language, rules, rng)
    return _called(text, rules, rng) if rng.random() < 0.55 else text


def _thanked(text: str, rules: Sentences, rng: random.Random, *, reasoned: bool) -> str:
    parts = [text]
    if reasoned and rng.random() < 0.3:
        parts.append(_draw(rules, "why", rng))
    if rng.random() < 0.3:
        parts.append(_draw(rules, "thanks", rng))
    if rng.random() < 0.2:
        parts.append(_draw(rules, "name", rng))
    return " ".join(parts)


def _wished(text: str, language: str, rules: Sentences, rng: random.Random) -> str:
    """A way of asking, with the verb in the form that belongs to it; a text without a known verb is left."""
    first, _, rest = text.partition(" ")
    if language == "en":
        return _wished_in_english(first.casefold(), rest, text, rules, rng)
    if language in load("frames")["parting"]:
        return _wished_with_particles(text, language, rules, rng)
    verb = _verbs(language).get(first.casefold())
    if verb is None or not rest:
        return text
    draw = rng.random()
    if draw < 0.25:
        return f"{_draw(rules, 'ask', rng)} {_lowered(text)}"
    rule, form = ("ask_inf", verb[0]) if draw < 0.8 else ("ask_that", verb[1])
    return f"{_draw(rules, rule, rng)} {form} {rest}"


def _wished_in_english(first: str, rest: str, text: str, rules: Sentences, rng: random.Random) -> str:
    if first not in _commands("en") or not rest:
        return text
    if rng.random() < 0.12:
        return f"{_draw(rules, 'ask_ing', rng)} {_gerund(first)} {rest}"
    return f"{_draw(rules, 'ask', rng)} {_lowered(text)}"


def _wished_with_particles(text: str, language: str, rules: Sentences, rng: random.Random) -> str:
    """ "mach das Licht an" as "kannst du das Licht anmachen", and what ends in an infinitive as it is."""
    words = text.split(" ")
    endings, particles = _parting(language)
    ending = endings.get(words[0].casefold())
    if len(words) > 2 and ending and words[-1].casefold() in particles:
        if rng.random() < 0.35:
            return f"{_draw(rules, 'ask', rng)} {_lowered(text)}"
        return _with_infinitive(" ".join(words[1:-1]), words[-1].casefold() + ending, rules, rng)
    if len(words) > 1 and words[-1].casefold().endswith(tuple(endings.values())):
        return _with_infinitive(" ".join(words[:-1]), words[-1], rules, rng)
    return text


def _with_infinitive(what: str, infinitive: str, rules: Sentences, rng: random.Random) -> str:
    if "ask_if" in rules.rules and rng.random() < 0.2:
        return f"{_draw(rules, 'ask_if', rng)} {what} {infinitive} {_draw(rules, 'ask_if_end', rng)}"
    return f"{_draw(rules, 'ask_inf', rng)} {what} {infinitive}"


def _draw(rules: Sentences, rule: str, rng: random.Random) -> str:
    return rules.draw(rule, rng, {})[0]


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _gerund(verb: str) -> str:
    return f"{verb}{verb[-1]}ing" if verb in _DOUBLED else forms(verb)[4]


def _ends_in_copied_words(decision: Decision, text: str) -> bool:
    """Whether words to be copied, as the item of a list, stand so far behind that more would join them."""
    if not isinstance(decision, Act):
        return False
    end = " ".join(text.split(" ")[-_COPIED_LAST:]).casefold()
    said = (word for action in decision.actions for word in (action.value, action.label))
    return any(isinstance(word, str) and word and word.split()[-1].casefold() in end for word in said)


@lru_cache(maxsize=8)
def _rules(language: str) -> Sentences:
    return Sentences({name: alternatives(text) for name, text in load("frames")[language].items()})


@lru_cache(maxsize=8)
def _commands(language: str) -> frozenset[str]:
    return frozenset(alternatives(load("frames")["commands"][language]))


@lru_cache(maxsize=8)
def _verbs(language: str) -> dict[str, tuple[str, str]]:
    """Imperative -> infinitive and subjunctive."""
    rows = (row.split() for row in alternatives(load("frames")["verbs"][language]))
    return {imperative: (infinitive, that.replace("+", " ")) for imperative, infinitive, that in rows}


@lru_cache(maxsize=8)
def _parting(language: str) -> tuple[dict[str, str], frozenset[str]]:
    rows = (row.split() for row in alternatives(load("frames")["parting"][language]))
    return dict(rows), frozenset(alternatives(load("frames")["particles"][language]))
