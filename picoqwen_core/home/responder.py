"""The built-in model's behaviour: a conversation and a home in, tool calls or a sentence out.

The model itself only maps a compact prompt to a compact output; everything around it is deterministic.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

from picoqwen_core.home import reply
from picoqwen_core.home.answers import answer
from picoqwen_core.home.asked import settle
from picoqwen_core.home.decision import Act, Cannot, Clarify, Decision, Escalate, Query, Target
from picoqwen_core.home.dsl import UndecodableError, decode
from picoqwen_core.home.fixed import fixed
from picoqwen_core.home.history import history_of
from picoqwen_core.home.linker import link
from picoqwen_core.home.lookups import lookup, weather_now
from picoqwen_core.home.plan import plan
from picoqwen_core.home.render import render_prompt
from picoqwen_core.home.static_context import home_from_prompt
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import NO_HOME_SENT, NOT_ABOUT_HOME, ChatDelta, ChatRequest, HomeContext, ToolCall

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
        history = history_of(request.messages, home)
        linked = link(home, text, history)
        prompt = render_prompt(linked)
        output = self._complete(prompt)
        _LOGGER.debug("%s -> %s", prompt, output)
        try:
            decision = decode(output, linked)
        except UndecodableError as err:
            _LOGGER.debug("not understood: %s", err)
            return _leave("it did not understand", _not_understood(home))
        decision = settle(decision, linked, history)
        if isinstance(decision, Query):
            return _tell(decision, request, home, text)
        return _carry_out(decision, request, home)


def _tell(query: Query, request: ChatRequest, home: HomeContext, text: str) -> Iterator[ChatDelta]:
    """The answer to a question: from what a tool looks up, from the states, or from a larger model."""
    calls = lookup(query, text, home, Toolbox(request.tools))
    if calls:
        return _call(calls)
    if query.kind == "weather" and (now := weather_now(text, home)) is not None:
        return _say(now)
    if query.kind in ("weather", "calendar"):
        return _leave(
            f"it cannot tell the {query.kind}", fixed("no_tool", home.language, reply.PROBLEMS["no_tool"])
        )
    if query.kind not in ("time", "date") and query.target == Target():
        return _leave("it does not know what is asked about", _not_understood(home))
    return _say(answer(query, home))


def _carry_out(decision: Decision, request: ChatRequest, home: HomeContext) -> Iterator[ChatDelta]:
    match decision:
        case Query():
            return _tell(decision, request, home, "")
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


def _not_understood(home: HomeContext) -> str:
    return fixed("not_understood", home.language, reply.NOT_UNDERSTOOD)


def _leave(why: str, otherwise: str) -> Iterator[ChatDelta]:
    """For a larger model; the sentence is said where there is none."""
    yield ChatDelta(escalation=why)
    yield from _say(otherwise)


def _act(decision: Act, request: ChatRequest, home: HomeContext) -> Iterator[ChatDelta]:
    made = plan(decision, home, Toolbox(request.tools))
    if made.problem is not None:
        yield from _say(fixed(made.problem, home.language, reply.PROBLEMS[made.problem]))
        return
    yield from _call(made.calls)


def _call(calls: Sequence[ToolCall]) -> Iterator[ChatDelta]:
    for call in calls:
        yield ChatDelta(tool_call=call)
    yield ChatDelta(finish_reason="tool_calls")


def _say(text: str) -> Iterator[ChatDelta]:
    yield ChatDelta(content=text)
    yield ChatDelta(finish_reason="stop")
