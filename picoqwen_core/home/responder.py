"""The built-in model's behaviour: a conversation and a home in, tool calls or a sentence out.

Rules are tried first where they are better, then the model, which maps a compact prompt to a compact output.
Whoever decided, what is done or said of it is the same, and deterministic.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from picoqwen_core.home import media, reply
from picoqwen_core.home.answers import answer
from picoqwen_core.home.deciding import Complete, decide, is_spoken
from picoqwen_core.home.decision import Act, Cannot, Clarify, Decision, Escalate, Query, Target
from picoqwen_core.home.fixed import fixed
from picoqwen_core.home.history import history_of
from picoqwen_core.home.lookups import lookup, weather_now
from picoqwen_core.home.plan import plan
from picoqwen_core.home.static_context import home_from_prompt
from picoqwen_core.home.toolbox import CALL_PREFIX, RULE_PREFIX, Toolbox
from picoqwen_core.messages import NO_HOME_SENT, NOT_ABOUT_HOME, ChatDelta, ChatRequest, HomeContext, ToolCall


@dataclass(frozen=True, slots=True)
class _Asked:
    """The home that is spoken of, and what was said; tools make the calls of whoever decided."""

    home: HomeContext
    text: str
    tools: Toolbox


class HomeResponder:
    """Answers chat requests; `complete` maps a prompt to the model's raw output text and its probability."""

    def __init__(self, complete: Complete, *, rules: bool = True) -> None:
        self._complete, self._rules = complete, rules

    def respond(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Tool calls for the caller to run, or text; the last delta says which it was."""
        if request.messages[-1].role == "tool":
            return _report(request)
        text = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
        home = request.home or home_from_prompt(request.messages)
        if home is None:
            return _leave(NO_HOME_SENT, reply.NO_HOME)
        if not text.strip():
            return _say(reply.NOTHING_SAID)
        return self._answer(request, home, text)

    def _answer(self, request: ChatRequest, home: HomeContext, text: str) -> Iterator[ChatDelta]:
        history = history_of(request.messages, home)
        decided = decide(text, home, history, self._complete, rules=self._rules)
        if decided is None:
            return _leave(_why_not(home), _not_understood(home))
        tools = Toolbox(request.tools, RULE_PREFIX if decided.rule else CALL_PREFIX)
        deltas = _carry_out(decided.decision, _Asked(home, text, tools))
        return _by_rule(deltas, decided.rule) if decided.rule else deltas


def _why_not(home: HomeContext) -> str:
    """Why nobody here understands a request."""
    if is_spoken(home.language):
        return "it did not understand"
    return f"it does not understand {home.language}"


def _tell(query: Query, asked: _Asked) -> Iterator[ChatDelta]:
    """The answer to a question: from what a tool looks up, from the states, or from a larger model."""
    home, text = asked.home, asked.text
    calls = lookup(query, text, home, asked.tools)
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


def _carry_out(decision: Decision, asked: _Asked) -> Iterator[ChatDelta]:
    home = asked.home
    match decision:
        case Query():
            return _tell(decision, asked)
        case Clarify(entities=ids):
            return _say(reply.clarify([e for e in home.entities if e.id in ids], home))
        case Cannot(reason=reason):
            return _say(fixed(reason, home.language, reply.PROBLEMS[reason]))
        case Escalate():
            return _leave(
                NOT_ABOUT_HOME, fixed("not_about_the_home", home.language, reply.NOT_ABOUT_THE_HOME)
            )
        case Act():
            return _act(decision, asked)


def _not_understood(home: HomeContext) -> str:
    return fixed("not_understood", home.language, reply.NOT_UNDERSTOOD)


def _report(request: ChatRequest) -> Iterator[ChatDelta]:
    """What the calls came to, or the calls that follow from it, by whoever made them."""
    ruled = (request.messages[-1].tool_call_id or "").startswith(RULE_PREFIX)
    home = request.home or home_from_prompt(request.messages)
    tools = Toolbox(request.tools, RULE_PREFIX if ruled else CALL_PREFIX)
    if calls := media.next_calls(request.messages, home, tools):
        deltas = _call(calls)
    else:
        deltas = _say(reply.report(request.messages, request.home.language if request.home else "en"))
    return _by_rule(deltas, "it made the calls") if ruled else deltas


def _by_rule(deltas: Iterator[ChatDelta], why: str) -> Iterator[ChatDelta]:
    for delta in deltas:
        yield replace(delta, rule=why) if delta.finish_reason is not None else delta


def _leave(why: str, otherwise: str) -> Iterator[ChatDelta]:
    """For a larger model; the sentence is said where there is none."""
    yield ChatDelta(escalation=why)
    yield from _say(otherwise)


def _act(decision: Act, asked: _Asked) -> Iterator[ChatDelta]:
    meant = media.worded(decision, asked.text, asked.home)
    if isinstance(meant, Clarify):
        yield from _carry_out(meant, asked)
        return
    made = plan(meant, asked.home, asked.tools)
    if made.problem is not None:
        yield from _say(fixed(made.problem, asked.home.language, reply.PROBLEMS[made.problem]))
        return
    yield from _call(made.calls)


def _call(calls: Sequence[ToolCall]) -> Iterator[ChatDelta]:
    for call in calls:
        yield ChatDelta(tool_call=call)
    yield ChatDelta(finish_reason="tool_calls")


def _say(text: str) -> Iterator[ChatDelta]:
    yield ChatDelta(content=text)
    yield ChatDelta(finish_reason="stop")
