"""The ladder of `by_rung`: rules and the built-in model, a larger one of this machine, then other servers.

Each rung answers what it can; what it leaves goes to the next one. How other servers are chosen and fail
stands in hybrid.py. Every answer says which rung gave it and why, in its last delta and in the log.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from picoqwen_core.errors import PicoQwenError
from picoqwen_core.messages import (
    NO_HOME_SENT,
    NOT_ABOUT_HOME,
    ChatDelta,
    ChatRequest,
    InstalledModel,
    Message,
    Rung,
    Served,
)

# The id of the model that comes with the package, before it is loaded.
BUILT_IN = "pico-home"
_LOGGER = logging.getLogger(__name__)
_NAMES = {
    "rules": "rules",
    "built_in": "the built-in model",
    "local": "the larger model here",
    "cloud": "another server",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A rung that may answer; `answer` begins its answer."""

    rung: Rung
    model: str
    answer: Callable[[], AsyncGenerator[ChatDelta]]
    # Is told nothing of the home, so it can only help where that is not what is asked about.
    knows_no_home: bool = False
    # Goes on with what another rung has said before it broke off; None where it cannot.
    go_on: Callable[[str], AsyncGenerator[ChatDelta]] | None = None


async def climb(steps: Sequence[Step], why: str) -> AsyncGenerator[ChatDelta]:
    """The answer of the first rung that does not leave it to the next one.

    why: the reason told where the first rung answers. Where every other rung failed, the sentence of the one
    that left it is said: it is honest about what could not be answered. Raises what the last rung raised
    where nobody left it. An answer that breaks off is gone on with by a rung above that can.
    """
    left: list[ChatDelta] = []
    reasons: list[str] = []
    foreign, begun = True, ""
    for number, step in enumerate(steps):
        if (step.knows_no_home and not foreign) or (begun and step.go_on is None):
            continue
        last = number == len(steps) - 1
        said, called, own = "", False, ""
        try:
            async with aclosing(step.go_on(begun) if begun and step.go_on else step.answer()) as deltas:
                kept: list[ChatDelta] = []
                async for delta in deltas:
                    if delta.escalation and not (last or said or called):
                        foreign = delta.escalation in (NOT_ABOUT_HOME, NO_HOME_SENT)
                        reasons.append(f"{_NAMES[step.rung]} left it: {delta.escalation}")
                        kept.append(delta)
                    elif kept:
                        kept.append(delta)
                    else:
                        said, called = said + delta.content, called or delta.tool_call is not None
                        own = delta.escalation or own
                        yield told(
                            delta, step.rung, step.model, "; ".join(filter(None, [*reasons, own])) or why
                        )
            if not kept:
                return
            left = [told(each, step.rung, step.model, reasons[-1]) for each in kept]
        except PicoQwenError as err:
            begun += said
            stuck = called or (said and not any(each.go_on for each in steps[number + 1 :]))
            if stuck or (last and (begun or not left)):
                raise
            _LOGGER.warning("No answer from %s (%s): %s", _NAMES[step.rung], step.model, err)
            reasons.append(f"{_NAMES[step.rung]} failed: {err}")
    for delta in left:
        yield replace(
            delta, served=replace(delta.served, reason="; ".join(reasons)) if delta.served else None
        )


def told(delta: ChatDelta, rung: Rung, model: str, reason: str, level: int = logging.INFO) -> ChatDelta:
    """The same delta; the last one of an answer says which rung gave it and why, in the log too."""
    if delta.finish_reason is None:
        return delta
    if delta.rule:
        rung, reason = "rules", delta.rule
    served = delta.served or Served("local", model)
    _LOGGER.log(level, "answered by %s (%s): %s", _NAMES[rung], served.model, reason)
    return replace(delta, served=replace(served, rung=rung, reason=reason))


async def labelled(
    deltas: AsyncGenerator[ChatDelta], rung_of: Callable[[Served | None], Rung], model: str, reason: str
) -> AsyncGenerator[ChatDelta]:
    """An answer that was routed without the ladder, with its rung told all the same."""
    because = reason
    async with aclosing(deltas):
        async for delta in deltas:
            because = delta.escalation or because
            yield told(delta, rung_of(delta.served), model, because, logging.DEBUG)


def without_home(request: ChatRequest) -> ChatRequest:
    """What may leave the house of a request that is not about it: the last sentence alone."""
    text = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
    return replace(request, messages=(Message("user", text),), tools=(), home=None, tool_choice="auto")


def is_built_in(models: Sequence[InstalledModel]) -> bool:
    """Whether a provider's models are the one that comes with the package."""
    model = models[0]
    return model.id == BUILT_IN if model.info is None else model.info.built_in
