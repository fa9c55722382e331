"""Calls that act on no entity: timers, commands for later, announcements, and rooms to be cleaned."""

from collections.abc import Mapping
from typing import Any

from picoqwen_core.home.decision import Action, Verb
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import HomeContext, ToolCall

_TIMER_TOOLS: Mapping[Verb, str] = {
    "timer_start": "HassStartTimer",
    "delayed": "HassStartTimer",
    "timer_cancel": "HassCancelTimer",
    "timer_cancel_all": "HassCancelAllTimers",
    "timer_more": "HassIncreaseTimer",
    "timer_less": "HassDecreaseTimer",
    "timer_pause": "HassPauseTimer",
    "timer_resume": "HassUnpauseTimer",
    "timer_status": "HassTimerStatus",
}
# The verb of each of these tools; a command for later is a timer too, and told by its command.
TIMERS: Mapping[str, Verb] = {tool: verb for verb, tool in _TIMER_TOOLS.items() if verb != "delayed"}
# Verbs whose value is a duration to set or to change by; of the others it tells which timer is meant.
_TIMED = ("timer_start", "delayed", "timer_more", "timer_less")
PLACELESS = (*_TIMER_TOOLS, "broadcast", "vacuum_clean")


def placeless_call(action: Action, home: HomeContext, toolbox: Toolbox) -> ToolCall | None:
    """The one call of an action of PLACELESS; None when the caller does not offer its tool."""
    tool, arguments = _tool_and_arguments(action, home)
    if action.verb == "vacuum_clean" and arguments["area"] is None:
        return None
    if not toolbox.has(tool) and action.verb == "timer_cancel" and action.label is None:
        tool, arguments = "HassCancelAllTimers", {}
    return toolbox.call(tool, arguments) if toolbox.has(tool) else None


def _tool_and_arguments(action: Action, home: HomeContext) -> tuple[str, dict[str, Any]]:
    if action.verb == "broadcast":
        return "HassBroadcast", {"message": str(action.value or "").strip()}
    if action.verb == "vacuum_clean":
        area = next((area.name for area in home.areas if area.id == action.target.area), None)
        return "HassVacuumCleanArea", {"area": area}
    arguments: dict[str, Any] = duration(action.value)
    if action.verb not in _TIMED:
        arguments = {f"start_{unit}": amount for unit, amount in arguments.items()}
    key = "conversation_command" if action.verb == "delayed" else "name"
    return _TIMER_TOOLS[action.verb], {**arguments, key: action.label}


def duration(value: float | str | None) -> dict[str, int]:
    """Seconds as the hours, minutes and seconds that a timer is started with."""
    if not isinstance(value, float):
        return {}
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    parts = {"hours": hours, "minutes": minutes, "seconds": seconds}
    return {unit: amount for unit, amount in parts.items() if amount}
