"""Looks at what a tool of Home Assistant's did, so that its result tells what happened and nothing better.

What is done is the tool's; what should come of it stands in effects.py.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, override

import probatio as vol
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm
from homeassistant.helpers.event import async_track_state_change_event

from .effects import DOMAINS, Reason, as_meant, hindrance, is_checked, reached
from .meant import async_named

_LOGGER = logging.getLogger(__name__)

# How long a device is given to react, before it is told that it has not.
SETTLE_SECONDS = 3.0
_NOTES = {
    Reason.UNAVAILABLE: "It is not available: nothing was done to it.",
    Reason.UNABLE: "It cannot do that: nothing was done to it.",
    Reason.NO_REACTION: "It was told, and shows no reaction so far.",
    Reason.OTHERWISE: "It has changed, and is not as was asked.",
}
_HINDERED = (Reason.UNAVAILABLE, Reason.UNABLE)


class WitnessedTool(llm.Tool):
    """Another's tool, with a result that is true."""

    def __init__(self, tool: llm.Tool) -> None:
        """All that a model sees is the tool's."""
        self.name, self.title, self.description = tool.name, tool.title, tool.description
        self.parameters, self.annotations, self.integration = (
            tool.parameters,
            tool.annotations,
            tool.integration,
        )
        self.tool = tool

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> Any:
        """Refuse what cannot happen, do what can, and see whether it did."""
        arguments = as_meant(tool_input.tool_args)
        call = _Call(hass, innermost(self.tool).name, arguments, llm_context.assistant)
        hindered = call.hindered()
        if hindered:
            return _failed((), hindered)
        before = {state.entity_id: state for state in hass.states.async_all()}
        try:
            result = await self.tool.async_call(hass, tool_input, llm_context)
        except (HomeAssistantError, vol.Invalid):
            raise
        except Exception as err:
            # A tool is any integration's, and a model must not take its failure for success.
            _LOGGER.exception("%s failed", self.name)
            return llm.ToolResult(data={"error": f"{type(err).__name__}: {err}"}, error=True)
        if not isinstance(result, llm.ToolResult) or result.error or not isinstance(result.data, dict):
            return result
        return await call.seen(result, before)


@dataclass(frozen=True, slots=True)
class Failed:
    """An entity that nothing was done to."""

    entity_id: str
    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Call:
    hass: HomeAssistant
    full_name: str
    arguments: Mapping[str, Any]
    assistant: str | None

    @property
    def tool(self) -> str:
        """ "HassTurnOn", whatever integration it is of."""
        return self.full_name.rpartition("__")[2]

    def hindered(self) -> list[Failed]:
        """All that is meant, where none of it can do what is asked."""
        if not is_checked(self.tool):
            return []
        return hindered(self.tool, self.arguments, self._named())

    def _named(self) -> list[State]:
        arguments = dict(self.arguments)
        for key in ("name", "area", "floor"):
            # What plays is named otherwise by the tools that search and play.
            arguments.setdefault(key, arguments.get(f"player_{key}"))
        if (domain := DOMAINS.get(self.tool)) and not arguments.get("domain"):
            arguments["domain"] = domain
        return async_named(self.hass, arguments, self.assistant)

    def _only_one(self) -> list[str]:
        """What a tool that does not say it was used on; which of several it took is not known."""
        named = self._named()
        return [named[0].entity_id] if len(named) == 1 else []

    async def seen(self, result: llm.ToolResult, before: Mapping[str, State]) -> llm.ToolResult:
        """The result, with what has not happened among the failures."""
        nothing = _nothing(self.tool, result.data)
        if nothing is not None:
            return llm.ToolResult(data={"error": nothing}, error=True)
        if not is_checked(self.tool):
            return result
        targets = _listed(result.data, "success")
        ids = [str(each["id"]) for each in targets if each.get("type") == "entity"]
        ids = ids or ([] if targets else self._only_one())
        failed = await async_unreached(self.hass, self.tool, self.arguments, ids, before)
        reasons = {each.entity_id: each for each in failed}
        done = [each for each in targets if each.get("id") not in reasons]
        for each in done:
            if self._was_so(str(each.get("id")), before):
                each["already"] = True
        if not failed:
            return _with_targets(result, done) if targets else result
        if len(reasons) == len(ids):
            return _failed(_listed(result.data, "failed"), failed)
        return _with_targets(result, done, failed)

    def _was_so(self, entity_id: str, before: Mapping[str, State]) -> bool:
        """Whether an entity was like this before, so that nothing was done."""
        was, now = before.get(entity_id), self.hass.states.get(entity_id)
        return (
            was is not None
            and now is not None
            and (was.state, was.attributes) == (now.state, now.attributes)
            and not now.attributes.get("assumed_state")
            and reached(self.tool, self.arguments, was, was)
        )


def hindered(tool: str, arguments: Mapping[str, Any], states: Sequence[State]) -> list[Failed]:
    """All of the entities, where none of them can do what is asked; else none."""
    found = [(state, hindrance(tool, arguments, state)) for state in states]
    failed = [Failed(state.entity_id, state.name, reason) for state, reason in found if reason is not None]
    return failed if len(failed) == len(states) else []


async def async_unreached(
    hass: HomeAssistant,
    tool: str,
    arguments: Mapping[str, Any],
    entity_ids: Sequence[str],
    before: Mapping[str, State],
) -> list[Failed]:
    """The entities that are not as they were asked to be, once they had the time for it."""

    def missing() -> list[str]:
        return [
            each
            for each in entity_ids
            if each not in hopeless and not reached(tool, arguments, before.get(each), hass.states.get(each))
        ]

    hopeless = {
        each: reason
        for each in entity_ids
        if (was := before.get(each)) is not None and (reason := hindrance(tool, arguments, was)) is not None
    }
    await _until(hass, entity_ids, lambda: not missing())
    waiting = missing()
    return [
        Failed(
            each, _name(hass, each), hopeless.get(each) or _short_of(before.get(each), hass.states.get(each))
        )
        for each in entity_ids
        if each in hopeless or each in waiting
    ]


def _short_of(before: State | None, now: State | None) -> Reason:
    """Whether nothing came of it, or something else."""
    if before is None or now is None or (before.state, before.attributes) == (now.state, now.attributes):
        return Reason.NO_REACTION
    return Reason.OTHERWISE


async def _until(hass: HomeAssistant, entity_ids: Sequence[str], arrived: Callable[[], bool]) -> None:
    """Wait until something is so, or for as long as is bearable."""
    if arrived():
        return
    changed = asyncio.Event()

    @callback
    def look(_: Event[EventStateChangedData]) -> None:
        if arrived():
            changed.set()

    stop = async_track_state_change_event(hass, entity_ids, look)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            await changed.wait()
    except TimeoutError:
        return
    finally:
        stop()


def _listed(data: Any, key: str) -> list[dict[str, Any]]:
    """The targets of an intent's response under "success" or "failed"."""
    body = data.get("data") if isinstance(data, dict) else None
    listed = body.get(key) if isinstance(body, dict) else None
    return [dict(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def failures_of(data: Any) -> list[Failed]:
    """What a result says that nothing was done to."""
    return [
        Failed(str(each["id"]), str(each.get("name")), Reason(each.get("reason") or Reason.NO_REACTION))
        for each in _listed(data, "failed")
        if each.get("type") == "entity" and each.get("id")
    ]


def notes_on(failed: Iterable[Failed]) -> str:
    """What a model is told of them."""
    return " ".join(f"{each.name}: {_NOTES[each.reason]}" for each in failed)


def _nothing(tool: str, data: Mapping[str, Any]) -> str | None:
    """Why a tool that reports success did nothing at all."""
    body, slots = data.get("data"), data.get("speech_slots")
    if tool == "HassBroadcast" and isinstance(body, dict) and not body.get("success"):
        return "nothing was announced: there is no other voice satellite"
    if tool == "HassCancelAllTimers" and isinstance(slots, dict) and slots.get("canceled") == 0:
        return "nothing was cancelled: there is no timer"
    return None


def _failed(others: Sequence[dict[str, Any]], failed: Sequence[Failed]) -> llm.ToolResult:
    """A result in which nothing was done; in the form of an intent's response, as others read it."""
    targets = [*others, *(target_of(each) for each in failed)]
    data: dict[str, Any] = {
        "response_type": "action_done",
        "data": {"success": [], "failed": targets},
        "done": False,
        "note": notes_on(failed),
    }
    # What was told to do something may do it yet; what was not will not.
    return llm.ToolResult(data=data, error=all(each.reason in _HINDERED for each in failed))


def _with_targets(
    result: llm.ToolResult, done: Sequence[dict[str, Any]], failed: Sequence[Failed] = ()
) -> llm.ToolResult:
    """The result with these targets, in what Home Assistant makes of it too."""
    assert isinstance(result.data, dict)
    body: dict[str, Any] = {
        "success": list(done),
        "failed": [*_listed(result.data, "failed"), *(target_of(each) for each in failed)],
    }
    original = getattr(result.data, "original", None)
    data: dict[str, Any] = dict(result.data)
    if isinstance(original, intent.IntentResponse):
        gone = {each.entity_id for each in failed}
        original.failed_results += [each for each in original.success_results if each.id in gone]
        original.success_results = [each for each in original.success_results if each.id not in gone]
        data = llm.IntentResponseDict(original)
    data["data"] = body
    if failed:
        data["note"] = notes_on(failed)
    return llm.ToolResult(data=data)


def is_done(result: llm.ToolResult) -> bool:
    """Whether a tool did what it was asked for, as far as is known."""
    return not result.error and (not isinstance(result.data, dict) or result.data.get("done", True) is True)


def target_of(failed: Failed) -> dict[str, Any]:
    """How an intent's response lists it, with the reason."""
    return {
        "name": failed.name,
        "type": "entity",
        "id": failed.entity_id,
        "reason": str(failed.reason),
    }


def _name(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    return state.name if state is not None else entity_id


def innermost(tool: llm.Tool) -> llm.Tool:
    """A tool without what stands before it."""
    while isinstance(tool, llm.NamespacedTool | WitnessedTool):
        tool = tool.tool
    return tool
