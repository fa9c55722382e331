"""The built-in model's behaviour: a conversation and a home in, tool calls or a sentence out.

The model itself only maps a compact prompt to a compact output; everything around it is deterministic.
"""

import logging
from collections.abc import Callable, Iterator

from picoqwen_core.home import reply
from picoqwen_core.home.answers import answer
from picoqwen_core.home.decision import Act, Cannot, Clarify, Decision, Escalate, Query
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.fixed import fixed
from picoqwen_core.home.history import history_of
from picoqwen_core.home.linker import link
from picoqwen_core.home.plan import plan
from picoqwen_core.home.render import render_prompt
from picoqwen_core.home.static_context import home_from_prompt
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import NO_HOME_SENT, NOT_ABOUT_HOME, ChatDelta, ChatRequest, HomeContext

# Languages that the shipped model understands well enough to act: see training/RUNS.md for the others.
SPOKEN = ("en",)
_LOGGER = logging.getLogger(__name__)


class HomeResponder:
    """Answers chat requests; `complete` maps a prompt to the model's raw output text."""

    def __init__(self, complete: Callable[[str], str]) -> None:
        self._complete = complete

    def respond(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Tool calls for the caller to run, or text; the last delta says which it was."""
        if request.messages[-1].role == "tool":
            return _say(reply.report(request.messages, request.home.language if request.home else "en"))
        text = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
        home = request.home or home_from_prompt(request.messages)
        if home is None:
            return _leave(NO_HOME_SENT, reply.NO_HOME)
        if not text.strip():
            return _say(reply.NOTHING_SAID)
        return self._answer(request, home, text)

    def _answer(self, request: ChatRequest, home: HomeContext, text: str) -> Iterator[ChatDelta]:
        if home.language.partition("-")[0].casefold() not in SPOKEN:
            return _leave(f"it does not understand {home.language}", reply.NOT_UNDERSTOOD)
        linked = link(home, text, history_of(request.messages, home))
        prompt = render_prompt(linked)
        output = self._complete(prompt)
        _LOGGER.debug("%s -> %s", prompt, output)
        try:
            decision = decode(output, linked)
        except UndecodableError as err:
            _LOGGER.debug("not understood: %s", err)
            return _leave(
                "it did not understand", fixed("not_understood", home.language, reply.NOT_UNDERSTOOD)
            )
        return _carry_out(decision, request, home)


def _carry_out(decision: Decision, request: ChatRequest, home: HomeContext) -> Iterator[ChatDelta]:
    match decision:
        case Query(kind="weather" | "calendar" as kind):
            return _leave(f"it cannot tell the {kind}", reply.PROBLEMS["no_tool"])
        case Query():
            return _say(answer(decision, home))
        case Clarify(entities=ids):
            return _say(reply.clarify([e for e in home.entities if e.id in ids], home))
        case Cannot(reason=reason):
            return _say(fixed(reason, home.language, reply.PROBLEMS[reason]))
        case Escalate():
            return _leave(
                NOT_ABOUT_HOME, fixed("not_about_the_home", home.language, reply.NOT_ABOUT_THE_HOME)
            )
        case Act():
            return _act(decision, request, home)


def _leave(why: str, otherwise: str) -> Iterator[ChatDelta]:
    """For a larger model; the sentence is said where there is none."""
    yield ChatDelta(escalation=why)
    yield from _say(otherwise)


def _act(decision: Act, request: ChatRequest, home: HomeContext) -> Iterator[ChatDelta]:
    made = plan(decision, home, Toolbox(request.tools))
    if made.problem is not None:
        yield from _say(fixed(made.problem, home.language, reply.PROBLEMS[made.problem]))
        return
    for call in made.calls:
        yield ChatDelta(tool_call=call)
    yield ChatDelta(finish_reason="tool_calls")


def _say(text: str) -> Iterator[ChatDelta]:
    yield ChatDelta(content=text)
    yield ChatDelta(finish_reason="stop")
