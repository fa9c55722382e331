"""Who decides about a request: rules before the model, after it, or the model alone, by language.

Where rules stand is measured (docs/adr/0011): in the languages that the model does not speak they come first;
in English they are asked where the model leaves a request or is not sure of it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from picoqwen_core.home.asked import settle
from picoqwen_core.home.decision import Cannot, Decision, Escalate
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.gloss import known_language
from picoqwen_core.home.history import History
from picoqwen_core.home.linker import link
from picoqwen_core.home.render import render_prompt
from picoqwen_core.messages import HomeContext

# Languages that the shipped model understands well enough to act, and those that rules read before it.
SPOKEN = ("en",)
RULED = ("de", "fr", "es", "nl", "it")
# Below this probability of its output a rule is believed rather than the model.
SURE = 0.9
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
        return by_rule(text, home, history) if rules else None
    if language not in SPOKEN:
        return None
    decided = by_model(text, home, history, complete)
    if not rules or (decided and decided.probability >= SURE and not isinstance(decided.decision, Escalate)):
        return decided
    ruled = by_rule(text, home, history)
    # The model knows more words for things than templates do, so a rule does not say that there is none.
    return ruled if ruled is not None and not isinstance(ruled.decision, Cannot) else decided


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
