"""What Home Assistant reports of a tool call, whichever way it is wrapped."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from picoqwen_core.messages import ToolCall

# Tools whose report of a success names no entity: the call does.
OF_HUMIDIFIERS = ("HassHumidifierSetpoint", "HassHumidifierMode")


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """Entities (id, name) by what came of a call; `error` is set when it failed as a whole.

    already: that were so before; failed: that show no reaction; unavailable and unable: that nothing was done
    to; otherwise: that have changed, but not as was asked.
    """

    succeeded: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    already: tuple[tuple[str, str], ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()
    unable: tuple[tuple[str, str], ...] = ()
    otherwise: tuple[tuple[str, str], ...] = ()

    @property
    def names_entities(self) -> bool:
        """Whether it says of any entity what came of it."""
        ends = (self.succeeded, self.already, self.failed, self.unavailable, self.unable, self.otherwise)
        return any(ends)


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
    body = inner.get("data")
    outcome = _outcome(body if isinstance(body, dict) else {})
    if (failed or inner.get("response_type") == "error") and not outcome.names_entities:
        return ToolOutcome(error=_error_text(inner, failed))
    return outcome


def undone(results: Sequence[tuple[ToolCall, ToolOutcome]]) -> dict[str, list[str]]:
    """Names of things that nothing was done to, by what they are: the fields of ToolOutcome.

    Where a tool changed others, what was so before is not told: of all lamps, those that were off anyway.
    """
    changing = {call.name for call, outcome in results if outcome.succeeded}
    found: dict[str, list[str]] = {}
    for call, outcome in results:
        for kind in ("failed", "unavailable", "unable", "otherwise", "already"):
            if kind != "already" or call.name not in changing:
                found.setdefault(kind, []).extend(name for _, name in getattr(outcome, kind))
    return {kind: names for kind, names in found.items() if names}


def _outcome(targets: Mapping[str, Any]) -> ToolOutcome:
    """The targets of an intent's response; reasons and "already" are what our integration adds."""
    done, failed = _targets(targets.get("success")), _targets(targets.get("failed"))
    known = ("unavailable", "unable", "otherwise")
    return ToolOutcome(
        _named(each for each in done if each.get("already") is not True),
        _named(each for each in failed if each.get("reason") not in known),
        already=_named(each for each in done if each.get("already") is True),
        unavailable=_named(each for each in failed if each.get("reason") == "unavailable"),
        unable=_named(each for each in failed if each.get("reason") == "unable"),
        otherwise=_named(each for each in failed if each.get("reason") == "otherwise"),
    )


def _error_text(data: Mapping[str, Any], failed: Any) -> str:
    for key in ("error_text", "error", "message"):
        if isinstance(data.get(key), str):
            return str(data[key])
    return failed if isinstance(failed, str) else "the call failed"


def _targets(targets: Any) -> list[dict[str, Any]]:
    """Those that are entities."""
    if not isinstance(targets, list):
        return []
    return [
        each for each in targets if isinstance(each, dict) and each.get("type") == "entity" and each.get("id")
    ]


def _named(targets: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(each["id"]), str(each.get("name") or each["id"])) for each in targets)
