"""An answer in a conversation as a constraint: thoughts first, then words or an answer of a format, or calls.

Words and thoughts are free and cost nothing; a grammar starts where a call or a formatted answer does. After
a call come more calls or the end, so that success is never claimed before the tool has said so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.engine.constraint import Constraint
from picoqwen_core.errors import EngineError
from picoqwen_core.grammar.tags import CALL, THINK, THINK_END, Tags

type _Part = Literal["start", "thought", "words", "call", "after_call", "answer", "end"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer may consist of.

    call: makes the constraint of a call's body, None where no call may be made; answer: makes that of a
    formatted answer, None for free words; must_call: neither words nor an answer. thought: "open" where the
    prompt has begun it, "may" where the model may begin it; thought_tokens: after so many it is ended.
    guarded: whether words must not spell out a call, because a reader would take it for one.
    """

    call: Callable[[], Constraint] | None = None
    answer: Callable[[], Constraint] | None = None
    must_call: bool = False
    several_calls: bool = True
    thought: Literal["open", "may", "no"] = "no"
    thought_tokens: int | None = None
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class _State:
    part: _Part
    # The end of the text of thoughts or words, as far as it may be the beginning of a tag.
    tail: bytes = b""
    # Ids that come next in any case.
    due: tuple[int, ...] = ()
    # What a call or an answer follows.
    inner: Constraint | None = None
    # The constraint that took the last id, to be taken back with it.
    stepped: Constraint | None = None
    thought: bool = False
    # Tokens of the thought so far.
    thoughts: int = 0


class ChatConstraint:
    """Follows one answer (engine.constraint.Constraint)."""

    def __init__(self, shape: Shape, tags: Tags) -> None:
        self._shape = shape
        self._tags = tags
        self._words = shape.answer is None and not shape.must_call
        self._answer = shape.answer() if shape.answer and not shape.must_call else None
        self._think = tags.token(THINK) if shape.thought == "may" else None
        # Where the tag is no token, an answer and a call would have to be told apart letter by letter.
        self._calls = shape.call is not None and (self._answer is None or tags.token(CALL) is not None)
        # One state for each accepted id, so that any number of them can be taken back.
        self._states = [
            self._thinking(_State("thought")) if shape.thought == "open" else self._start(thought=False)
        ]

    def mask(self) -> NDArray[np.int32] | None:
        """See Constraint."""
        state = self._states[-1]
        if state.due:
            return self._tags.mask(state.due[:1])
        match state.part:
            case "thought":
                return None if self._words else self._tags.all_but_stops
            case "start" if not self._words:
                return self._first_mask(state)
            case "start" | "words":
                return self._words_mask(state)
            case "after_call":
                return self._tags.after_call
        return state.inner.mask() if state.inner else None

    def forced(self) -> list[int]:
        """See Constraint."""
        state = self._states[-1]
        if state.due:
            return list(state.due)
        return state.inner.forced() if state.inner and state.part in ("call", "answer") else []

    def accept(self, token: int) -> None:
        """See Constraint."""
        state = self._states[-1]
        if state.due:
            if token != state.due[0]:
                raise EngineError(f"token {token} came where {state.due[0]} was due")
            self._states.append(replace(state, due=state.due[1:], stepped=None))
        else:
            self._states.append(self._after(replace(state, stepped=None), token))

    def stopped(self) -> bool:
        """See Constraint."""
        state = self._states[-1]
        if state.due:
            return False
        return state.part == "end" or (
            state.part == "answer" and state.inner is not None and state.inner.stopped()
        )

    def rollback(self, tokens: int) -> None:
        """See Constraint."""
        for _ in range(tokens):
            if stepped := self._states.pop().stepped:
                stepped.rollback(1)

    def _after(self, state: _State, token: int) -> _State:
        """The state after an id, which the mask allowed."""
        match state.part:
            case "thought":
                return self._thought(state, token)
            case "call" | "answer":
                return self._inside(state, token)
            case "after_call":
                due = () if token == self._tags.token(CALL) else self._tags.ids(CALL)
                return self._opened(due)
            case "start" if token == self._think and not state.thought:
                return self._thinking(replace(state, part="thought"))
        if token == self._tags.token(CALL) and self._calls:
            return self._opened()
        if not self._words:
            return self._inside(replace(state, part="answer"), token)
        return self._worded(state, token)

    def _start(self, *, thought: bool, due: tuple[int, ...] = ()) -> _State:
        """Where the answer proper begins; at once in its only part, if there is only one."""
        may_think = self._think is not None and not thought
        if self._shape.must_call and not may_think:
            return self._opened(due + self._tags.ids(CALL))
        only = self._answer is not None and not self._calls and not may_think
        return _State("answer" if only else "start", due=due, inner=self._answer, thought=thought)

    def _opened(self, due: tuple[int, ...] = ()) -> _State:
        if self._shape.call is None:
            raise EngineError("a call was begun where none may be made")
        return _State("call", due=due, inner=self._shape.call())

    def _thought(self, state: _State, token: int) -> _State:
        end = THINK_END.encode()
        text = state.tail + self._tags.spelled(token)
        if end in text:
            return self._start(thought=True, due=self._tags.blank_line)
        return self._thinking(replace(state, tail=text[1 - len(end) :], thoughts=state.thoughts + 1))

    def _thinking(self, state: _State) -> _State:
        """The thought goes on, or is ended where it has had its tokens."""
        most = self._shape.thought_tokens
        if most is None or state.thoughts < most:
            return state
        return self._start(thought=True, due=self._tags.thought_end)

    def _inside(self, state: _State, token: int) -> _State:
        inner = state.inner
        if inner is None:
            raise EngineError(f"nothing takes token {token}")
        inner.accept(token)
        after = replace(state, stepped=inner)
        if state.part == "call" and inner.stopped():
            return replace(after, part="after_call" if self._shape.several_calls else "end", inner=None)
        return after

    def _worded(self, state: _State, token: int) -> _State:
        tag = CALL.encode()
        text = state.tail + self._tags.spelled(token)
        if text.endswith(tag) and self._tags.token(CALL) is None and self._calls:
            return self._opened()
        lengths = range(min(len(text), len(tag) - 1), 0, -1)
        written = next((length for length in lengths if tag.startswith(text[-length:])), 0)
        return replace(state, part="words", tail=text[len(text) - written :])

    def _first_mask(self, state: _State) -> NDArray[np.int32]:
        """A thought, a call or the answer, as far as each may begin here."""
        call = self._tags.token(CALL) if self._calls else None
        first = self._tags.ids(CALL)[:1] if self._shape.must_call else () if call is None else (call,)
        tags = (*first, *(() if self._think is None or state.thought else (self._think,)))
        inner = state.inner.mask() if state.inner else None
        return self._tags.mask(tags) if inner is None else self._tags.mask(tags) | inner

    def _words_mask(self, state: _State) -> NDArray[np.int32] | None:
        """Nearly always None: only half a tag in plain text calls for care."""
        if not self._shape.guarded or (self._calls and not state.tail):
            return None
        return self._tags.words(len(state.tail), calls=self._calls)
