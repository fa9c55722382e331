"""Who decides about a request: rules before the model, after it, or the model alone, by language.

Where rules stand is measured (docs/adr/0011): in the languages that the model does not speak they come first;
in English they are asked where the model leaves a request or is not sure of it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from picoqwen_core.home.asked import settle
from picoqwen_core.home.decision import Act, Cannot, Decision, Escalate, Query
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.gloss import known_language
from picoqwen_core.home.history import History
from picoqwen_core.home.linker import link
from picoqwen_core.home.render import render_prompt
from picoqwen_core.messages import HomeContext

# Languages that the shipped model understands well enough to act, and those that rules read before it.
SPOKEN = ("en",)
RULED = ("de", "fr", "es", "nl", "it")
# Below these probabilities of its output a rule is believed rather than the model, and in other languages
# nobody is.
SURE, SURE_OF_GLOSSES = 0.9, 0.8
# A prompt in; the model's raw output text and its probability out.
Complete = Callable[[str], tuple[str, float]]
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and how sure it is; `rule` says which rule made it, and is empty where the model did."""

    decision: Decision
    rule: str = ""
    probability: float = 1.0


def decide(
    text: str, home: HomeContext, history: History | None, complete: Complete, *, rules: bool = True
) -> Decided | None:
    """What is decided about a sentence; None where nobody here understands it."""
    language = home.language.replace("_", "-").partition("-")[0].casefold()
    if language in RULED:
        return _rules_first(text, home, history, complete) if rules else None
    return _model_first(text, home, history, complete, rules=rules) if language in SPOKEN else None


def _rules_first(text: str, home: HomeContext, history: History | None, complete: Complete) -> Decided | None:
    """A rule's decision; else the model's, which reads the words as English ones, where it is sure of it."""
    from picoqwen_core.home.rules import rules  # noqa: PLC0415 - see by_rule

    language = known_language(home.language)
    if (ruled := by_rule(text, home, history)) is not None:
        return ruled
    decided = by_model(text, home, history, complete)
    sure = decided is not None and decided.probability >= SURE_OF_GLOSSES
    if decided is not None and sure and isinstance(decided.decision, Query):
        return decided
    if decided is not None and sure and isinstance(decided.decision, Act) and not rules.asks(text, language):
        return decided
    if rules.is_unknown(text, home, language):
        return Decided(Cannot("unknown_device"), "nothing of the home is called so")
    return None


def _model_first(
    text: str, home: HomeContext, history: History | None, complete: Complete, *, rules: bool
) -> Decided | None:
    """The model's decision; where it leaves the request or is not sure of it, a rule's if there is one."""
    decided = by_model(text, home, history, complete)
    if not rules or (decided and decided.probability >= SURE and not isinstance(decided.decision, Escalate)):
        return decided
    return by_rule(text, home, history) or decided


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
