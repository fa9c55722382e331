"""Who decides about a request: the model, and rules where it leaves the request or is not sure of it.

Which goes first, and the thresholds, are measured (docs/adr/0014).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from picoqwen_core.home.asked import settle
from picoqwen_core.home.decision import Act, Decision, Escalate
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.gloss import LANGUAGES, known_language
from picoqwen_core.home.history import History
from picoqwen_core.home.linker import link
from picoqwen_core.home.render import render_prompt
from picoqwen_core.messages import HomeContext

# Below the first probability of its output a rule is believed rather than the model; below the second one an
# action of the model is left to a larger model.
SURE, SURE_ENOUGH = 0.95, 0.6
# A prompt in; the model's raw output text and its probability out.
Complete = Callable[[str], tuple[str, float]]
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and how sure it is; `rule` says which rule made it, and is empty where the model did."""

    decision: Decision
    rule: str = ""
    probability: float = 1.0


def is_spoken(language: str) -> bool:
    """Whether the model understands a language, such as "de-AT", at all."""
    return language.replace("_", "-").partition("-")[0].casefold() in ("en", *LANGUAGES)


def decide(
    text: str, home: HomeContext, history: History | None, complete: Complete, *, rules: bool = True
) -> Decided | None:
    """What is decided about a sentence; None where nobody here understands it."""
    if not is_spoken(home.language):
        return None
    decided = by_model(text, home, history, complete)
    trust = _trust(decided, text, home)
    if trust >= SURE:
        return decided
    if rules and (ruled := by_rule(text, home, history)) is not None:
        return ruled
    if decided is not None and isinstance(decided.decision, Act) and trust < SURE_ENOUGH:
        return None
    return decided


def _trust(decided: Decided | None, text: str, home: HomeContext) -> float:
    """How far the model is believed: not at all where it leaves a request, or acts on a question."""
    if decided is None or isinstance(decided.decision, Escalate):
        return 0.0
    if isinstance(decided.decision, Act) and _asks(text, home):
        return 0.0
    return decided.probability


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
        return Decided(settle(decode(output, linked), linked, history), probability=probability)
    except UndecodableError as err:
        _LOGGER.debug("not understood: %s", err)
        return None
