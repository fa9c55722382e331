"""The record of what models did in the home, or wanted to: who asked, in what words, and what came of it.

Each record is an event of Home Assistant's bus, and one of the event entity of its server. Codes are
left out.
"""

from enum import StrEnum
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import llm
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.json import json_dumps

from .acts import Act, Turn
from .const import DOMAIN
from .home import area_of_device

EVENT = f"{DOMAIN}_action"
# States of an event entity are stored; what a tool returned may be a whole calendar.
_MOST = 1000
_SECRETS = {"code", "password", "pin", "token", "api_key"}


class Outcome(StrEnum):
    """What became of an act."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    ASKED = "asked"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


def signal(entry_id: str) -> str:
    """Where the records of an entry are sent."""
    return f"{DOMAIN}_action_{entry_id}"


async def async_record(
    hass: HomeAssistant,
    outcome: Outcome,
    act: Act,
    turn: Turn | None,
    *,
    result: llm.ToolResult | None = None,
    asked_in: Turn | None = None,
) -> None:
    """Write down what became of an act. turn: what was said for it to happen; asked_in: what asked for it
    first.
    """
    context = turn.context if turn is not None else act.llm_context.context
    device_id = turn.device_id if turn is not None else act.llm_context.device_id
    user = await hass.auth.async_get_user(context.user_id) if context and context.user_id else None
    record = {
        "outcome": str(outcome),
        "tool": act.tool,
        "action": act.action,
        "arguments": _short(async_redact_data(act.arguments, _SECRETS)),
        "entities": list(act.entities),
        "result": _short(result.data) if result is not None else None,
        "said": turn.text if turn is not None else None,
        "asked_with": asked_in.text if asked_in is not None else None,
        "user": user.name if user is not None else None,
        "place": _place(hass, device_id),
        "agent": _agent(act, asked_in or turn),
        "entry_id": act.entry_id,
    }
    hass.bus.async_fire(EVENT, record, context=context)
    async_dispatcher_send(hass, signal(act.entry_id), record)


def _agent(act: Act, turn: Turn | None) -> str:
    """Who called the tool; Home Assistant names the agents of others since 2026.11."""
    if turn is not None:
        return turn.agent_id
    return getattr(act.llm_context, "agent_id", None) or act.llm_context.platform


def _place(hass: HomeAssistant, device_id: str | None) -> str | None:
    """The area of the satellite, or its name."""
    device = dr.async_get(hass).async_get(device_id) if device_id else None
    if device is None:
        return None
    area_id = area_of_device(hass, device_id)
    area = ar.async_get(hass).async_get_area(area_id) if area_id else None
    return area.name if area is not None else device.name_by_user or device.name


def _short(data: Any) -> Any:
    """The data, or the beginning of them as text where they are long."""
    text = json_dumps(data)
    return data if len(text) <= _MOST else f"{text[:_MOST]}..."
