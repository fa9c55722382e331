"""Acts that wait for somebody's yes, and whose yes counts.

A yes is what a person says next to an agent of ours; no tool can say it. It counts in the conversation that
the question was asked in, or from the same person (or, where nobody is known, from another satellite)
elsewhere. Whatever else is said in that conversation withdraws the question, and time does.
"""

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from .acts import Act, Pending, Turn
from .audit import Outcome, async_record
from .consent import Reply, reply_of
from .const import DOMAIN


@dataclass(slots=True)
class Heard:
    """What a sentence means to what is waiting: whom it answers, how, and whether to ask (again) first."""

    pending: Pending | None = None
    reply: Reply = Reply.NEITHER
    ask: bool = False


@dataclass(slots=True)
class Desk:
    """One for all of Home Assistant, because a question asked in one room may be answered in another."""

    hass: HomeAssistant
    _turns: dict[str, Turn] = field(default_factory=dict)
    _pending: list[Pending] = field(default_factory=list)

    @contextmanager
    def turn(self, turn: Turn) -> Generator[Turn]:
        """While a turn is being answered, tools can learn what was said; the turn as it has to be heard.

        One that begins while another of its context is being answered was set off by that one's tools.
        """
        outer = self._turns.get(turn.context.id)
        if outer is not None or turn.context.parent_id in self._turns:
            turn = replace(turn, by_model=True)
        self._turns[turn.context.id] = turn
        try:
            yield turn
        finally:
            if outer is None:
                del self._turns[turn.context.id]
            else:
                self._turns[turn.context.id] = outer

    def turn_of(self, context: Context | None) -> Turn | None:
        """The turn that a tool is called in; None for one that is called from elsewhere."""
        return self._turns.get(context.id) if context is not None else None

    @callback
    def wait(self, act: Act, seconds: float) -> Pending:
        """Keep an act until somebody says yes, or the time is over. What one turn asks is asked in one
        question.
        """
        turn = self.turn_of(act.llm_context.context)
        for each in self._pending:
            if turn is not None and each.turn is turn and each.api_id == act.api_id:
                each.acts.append(act)
                return each
        pending = Pending([act], turn)

        async def expire(_: datetime) -> None:
            await self._drop(pending, Outcome.EXPIRED)

        pending.cancel_timer = _later(self.hass, seconds, expire)
        self._pending.append(pending)
        return pending

    def to_ask(self, turn: Turn) -> list[Pending]:
        """What a turn has to end with a question about: what it asked for itself, or what was asked for
        unseen.
        """
        return [each for each in self._pending if self._concerns(each, turn) and each.turn in (turn, None)]

    @callback
    def asked(self, pending: Pending, turn: Turn) -> None:
        """The question was put to whoever speaks in this turn."""
        pending.turn = turn

    async def hear(self, turn: Turn) -> Heard:
        """What a sentence says to what is waiting; something else said in its conversation withdraws it."""
        waiting = [each for each in self._pending if self._concerns(each, turn)]
        here = [each for each in waiting if _same_conversation(each, turn)]
        reply = reply_of(turn.text, turn.language)
        if reply is Reply.NEITHER:
            for each in here:
                await self._drop(each, Outcome.WITHDRAWN)
            return Heard()
        asked_elsewhere = [each for each in waiting if each.turn is not None and each not in here]
        if here:
            return Heard(here[-1], reply)
        if asked_elsewhere:
            # Of several, a yes may mean any: the last one is asked again.
            return Heard(asked_elsewhere[-1], reply, ask=len(asked_elsewhere) > 1 and reply is Reply.YES)
        if waiting and reply is Reply.YES:
            return Heard(waiting[-1], reply, ask=True)
        return Heard()

    @callback
    def take(self, pending: Pending) -> list[Act]:
        """The acts, which wait no longer."""
        pending.cancel_timer()
        self._pending.remove(pending)
        return pending.acts

    async def decline(self, pending: Pending, turn: Turn) -> None:
        """Somebody said no."""
        await self._drop(pending, Outcome.DECLINED, turn)

    @callback
    def forget(self, entry_id: str) -> None:
        """The entry is unloaded: nothing of it waits any more."""
        for each in [each for each in self._pending if each.acts[0].entry_id == entry_id]:
            self.take(each)

    def _concerns(self, pending: Pending, turn: Turn) -> bool:
        """Whether whoever speaks may answer: by the same API, as the same person, and not the asking model
        itself.
        """
        if pending.api_id not in turn.apis or (turn.by_model and pending.turn is not turn):
            return False
        asked = pending.turn
        if asked is turn or asked is None:
            return asked is not None or not pending.is_of(turn.context)
        return asked.context.user_id == turn.context.user_id and not pending.is_of(turn.context)

    async def _drop(self, pending: Pending, outcome: Outcome, turn: Turn | None = None) -> None:
        if pending in self._pending:
            for act in self.take(pending):
                await async_record(self.hass, outcome, act, turn or pending.turn)


_DESK: HassKey[Desk] = HassKey(f"{DOMAIN}_desk")


@callback
def async_desk(hass: HomeAssistant) -> Desk:
    """The one desk."""
    if _DESK not in hass.data:
        hass.data[_DESK] = Desk(hass)
    return hass.data[_DESK]


def _same_conversation(pending: Pending, turn: Turn) -> bool:
    return pending.turn is not None and pending.turn.conversation_id == turn.conversation_id


def _later(
    hass: HomeAssistant, seconds: float, act: Callable[[datetime], Coroutine[Any, Any, None]]
) -> Callable[[], None]:
    return async_call_later(hass, seconds, act)


def refusal(question: str) -> llm.ToolResult:
    """What the model is told of an act that waits: nothing was done, and it cannot say yes itself."""
    return llm.ToolResult(
        data={
            "done": False,
            "needs_confirmation": True,
            "question": question,
            "note": "Nothing was done. Only a person can confirm, by answering the question; you cannot.",
        }
    )
