"""Who decides about a request: the model, and rules where it leaves the request or is not sure of it.

What is put right in the same breath is put right before. Where all leave a request, the model looks at it
again without its manners and with its names as they were probably said; then only what it is sure of counts.

Which goes first, and the thresholds, are measured (docs/adr/0014).
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from picoqwen_core.home.asked import settle
from picoqwen_core.home.courtesy import plainly
from picoqwen_core.home.decision import Act, Cannot, Clarify, Decision, Escalate
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.gloss import LANGUAGES, known_language
from picoqwen_core.home.hearing import heard
from picoqwen_core.home.history import History
from picoqwen_core.home.linked import Link, Linked, LinkKind
from picoqwen_core.home.linker import link
from picoqwen_core.home.render import render_prompt
from picoqwen_core.home.repaired import repaired
from picoqwen_core.home.shopping import what_to_buy
from picoqwen_core.home.targets import resolve
from picoqwen_core.messages import HomeContext

# Below the first probability of its output a rule is believed rather than the model; below the second one an
# action of the model is left to a larger model. The third one is for actions on what is called only by its
# kind ("Blind"): there the probability is halved between outputs that mean the same, the name and the kind.
SURE, SURE_ENOUGH, SURE_ENOUGH_OF_KIND = 0.95, 0.6, 0.45
_OPPOSITES = ({"on", "off"}, {"brighter", "off"}, {"open", "close"}, {"lock", "unlock"})
# A prompt in; the model's raw output text and its probability out.
Complete = Callable[[str], tuple[str, float]]
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and how sure it is; `rule` says which rule made it, and is empty where the model did.

    by_kind: it acts on nothing but things that were named whole, by names that say only their kind.
    """

    decision: Decision
    rule: str = ""
    probability: float = 1.0
    by_kind: bool = False


def is_spoken(language: str) -> bool:
    """Whether the model understands a language, such as "de-AT", at all."""
    return language.replace("_", "-").partition("-")[0].casefold() in ("en", *LANGUAGES)


def decide(
    text: str, home: HomeContext, history: History | None, complete: Complete, *, rules: bool = True
) -> Decided | None:
    """What is decided about a sentence; None where nobody here understands it."""
    if not is_spoken(home.language):
        return None
    text = repaired(text, home)
    decided = _at_first(text, home, history, complete, rules=rules)
    if decided is not None and not _leaves(decided.decision):
        return decided
    unknown = decided is not None and decided.decision == Cannot("unknown_device")
    again = _at_second(text, home, history, complete, unknown=unknown)
    if again is None and (listed := what_to_buy(text, home)) is not None:
        return Decided(listed, "it asks what is to be bought")
    return again or decided


def _at_first(
    text: str, home: HomeContext, history: History | None, complete: Complete, *, rules: bool
) -> Decided | None:
    decided = by_model(text, home, history, complete)
    trust = _trust(decided, text, home)
    if trust >= SURE:
        return decided
    if rules and (ruled := by_rule(text, home, history)) is not None:
        return ruled
    if decided is not None and isinstance(decided.decision, Act):
        return decided if trust >= (SURE_ENOUGH_OF_KIND if decided.by_kind else SURE_ENOUGH) else None
    return decided


def _is_by_kind(decision: Decision, linked: Linked) -> bool:
    """Whether it acts on nothing but what this turn calls by its kind, as nothing else is called."""
    if not isinstance(decision, Act):
        return False
    links = [piece for piece in linked.this_turn() if isinstance(piece, Link) and piece.generic]
    named = {
        linked.candidates[ref].entity.id
        for each in links
        if each.kind is LinkKind.FULL or (each.kind is LinkKind.PART and len(each.refs) == 1)
        for ref in each.refs
    }
    meant = [resolve(linked.home, action.target) for action in decision.actions]
    return all(each and {entity.id for entity in each} <= named for each in meant)


def _leaves(decision: Decision) -> bool:
    """Whether nothing of the home was understood, so that another look may help."""
    return isinstance(decision, Escalate | Cannot) or decision == Clarify(())


def _at_second(
    text: str, home: HomeContext, history: History | None, complete: Complete, *, unknown: bool
) -> Decided | None:
    """What the model is sure of once manners are left out and misheard names are put right."""
    plain = plainly(text, known_language(home.language))
    for said in dict.fromkeys((plain, *(heard(each, home, unknown=unknown) for each in (text, plain)))):
        if said == text:
            continue
        decided = by_model(said, home, history, complete)
        if _trust(decided, said, home) >= SURE and decided is not None and not _leaves(decided.decision):
            return decided
    return None


def _trust(decided: Decided | None, text: str, home: HomeContext) -> float:
    """How far the model is believed: not where it leaves a request, acts on a question or undoes itself."""
    if decided is None or isinstance(decided.decision, Escalate):
        return 0.0
    if isinstance(decided.decision, Act) and (_asks(text, home) or _undoes_itself(decided.decision, home)):
        return 0.0
    return decided.probability


def _undoes_itself(act: Act, home: HomeContext) -> bool:
    """Whether one action is the opposite of another one on the very same things.

    "All lights off but the hall's on" is none: what is said last holds for one of them.
    """
    done: dict[frozenset[str], set[str]] = defaultdict(set)
    for action in act.actions:
        done[frozenset(entity.id for entity in resolve(home, action.target))].add(action.verb)
    return any(things and pair <= verbs for things, verbs in done.items() for pair in _OPPOSITES)


def _asks(text: str, home: HomeContext) -> bool:
    """Whether a sentence begins as a question does, where the model is not to be trusted with that."""
    from picoqwen_core.home.rules import rules  # noqa: PLC0415 - see by_rule

    language = known_language(home.language)
    return language != "en" and rules.asks(text, language)


def by_rule(text: str, home: HomeContext, history: History | None) -> Decided | None:
    """What rules make of it; None where none matches."""
    # Templates and their matcher are paid for where a request needs them.
    from picoqwen_core.home.rules import rules  # noqa: PLC0415

    ruled = rules.decide(text, home, known_language(home.language), history)
    if ruled is None:
        return None
    _LOGGER.debug("a rule read %r: %s", text, ruled)
    return Decided(ruled.decision, ruled.why)


def by_model(text: str, home: HomeContext, history: History | None, complete: Complete) -> Decided | None:
    """What the model decides; None where its output means nothing."""
    linked = link(home, text, history)
    prompt = render_prompt(linked)
    output, probability = complete(prompt)
    _LOGGER.debug("%s -> %s (%.2f)", prompt, output, probability)
    try:
        decision = settle(decode(output, linked), linked, history)
        return Decided(decision, probability=probability, by_kind=_is_by_kind(decision, linked))
    except UndecodableError as err:
        _LOGGER.debug("not understood: %s", err)
        return None
