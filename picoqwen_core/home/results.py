"""What Home Assistant reports of a tool call, whichever way it is wrapped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Tools whose report of a success names no entity: the call does.
OF_HUMIDIFIERS = ("HassHumidifierSetpoint", "HassHumidifierMode")


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """Entities (id, name) that a call changed or failed to change; `error` is set when the call failed."""

    succeeded: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    error: str | None = None


def read_result(content: str) -> ToolOutcome:
    """Read a tool message: an intent response, `{"data": ..., "error": bool}` around one, or an error."""
    try:
        data = json.loads(content)
    except ValueError:
        return ToolOutcome(error=content.strip() or "no result")
    if not isinstance(data, dict):
        return ToolOutcome()
    failed = data.get("error")
    inner = data["data"] if isinstance(failed, bool) and isinstance(data.get("data"), dict) else data
    if failed or inner.get("response_type") == "error":
        return ToolOutcome(error=_error_text(inner, failed))
    body = inner.get("data")
    targets: Mapping[str, Any] = body if isinstance(body, dict) else {}
    return ToolOutcome(_entities(targets.get("success")), _entities(targets.get("failed")))


def _error_text(data: Mapping[str, Any], failed: Any) -> str:
    for key in ("error_text", "error", "message"):
        if isinstance(data.get(key), str):
            return str(data[key])
    return failed if isinstance(failed, str) else "the call failed"


def _entities(targets: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(targets, list):
        return ()
    return tuple(
        (str(target["id"]), str(target.get("name") or target["id"]))
        for target in targets
        if isinstance(target, dict) and target.get("type") == "entity" and target.get("id")
    )
