"""Calls that wait for the user: each has an id that no model sees, an owner, an end, and is taken once."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from picoqwen_core.agents.policy import Trust
from picoqwen_core.errors import RequestError
from picoqwen_core.messages import ChatRequest, ToolCall

SECONDS = 300.0
_MOST = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call and the conversation that it belongs to."""

    id: str
    owner: str
    call: ToolCall
    request: ChatRequest
    trust: Trust
    expires: float


class Pending:
    """The calls that wait now, in memory: a restart forgets them, which refuses them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[str, Waiting] = {}

    def add(self, owner: str, call: ToolCall, request: ChatRequest, trust: Trust) -> Waiting:
        """Let a call wait; the oldest makes room."""
        self._sweep()
        while len(self._waiting) >= _MOST:
            del self._waiting[next(iter(self._waiting))]
        new = Waiting(secrets.token_urlsafe(16), owner, call, request, trust, self._clock() + SECONDS)
        self._waiting[new.id] = new
        return new

    def take(self, id_: str, owner: str) -> Waiting:
        """The call, which no longer waits. Raises RequestError where none of that id waits for this owner."""
        self._sweep()
        found = self._waiting.get(id_)
        if found is None or found.owner != owner:
            raise RequestError(f"confirm.id: nothing of the id {id_[:40]!r} waits; it may have expired")
        return self._waiting.pop(id_)

    def _sweep(self) -> None:
        now = self._clock()
        self._waiting = {key: each for key, each in self._waiting.items() if each.expires > now}
