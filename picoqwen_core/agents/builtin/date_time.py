"""date_time: what day and time it is here or elsewhere, and days from one date to another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from picoqwen_core.agents.tool import Described, ToolContext, ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError

_MOST_DAYS = 400_000


@dataclass(frozen=True, slots=True)
class _DateTime(Described):
    box: Toolbox = field(default_factory=Toolbox)

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:  # noqa: ARG002
        """The date, the weekday and the time; with `until`, the days to it as well."""
        now = datetime.fromtimestamp(self.box.now(), UTC).astimezone(_zone(arguments.get("timezone")))
        day = _day(arguments["date"]) if arguments.get("date") else now.date()
        if days := arguments.get("add_days"):
            day = _moved(day, days)
        data: dict[str, Any] = {
            "date": day.isoformat(),
            "weekday": f"{day:%A}",
            "week": day.isocalendar().week,
        }
        text = f"{day:%A}, {day.isoformat()}, week {data['week']}"
        if day == now.date() and not arguments.get("date"):
            data |= {"time": f"{now:%H:%M:%S}", "utc_offset": f"{now:%z}"}
            text += f", {now:%H:%M:%S} (UTC{now:%z})"
        if arguments.get("until"):
            data["days"] = (_day(arguments["until"]) - day).days
            text += f"; {data['days']} days until {arguments['until']}"
        return ToolResult(text, untrusted=False, data=data)


def make(box: Toolbox) -> _DateTime:
    """The tool."""
    text = {"type": "string"}
    return _DateTime(
        "date_time",
        "The date, weekday and time now, or of another date; counts days until a date or adds days.",
        {
            "type": "object",
            "properties": {
                "timezone": {**text, "description": "such as Europe/Berlin; left out: here"},
                "date": {**text, "description": "YYYY-MM-DD instead of today"},
                "add_days": {"type": "integer", "minimum": -_MOST_DAYS, "maximum": _MOST_DAYS},
                "until": {**text, "description": "YYYY-MM-DD to count the days to"},
            },
            "additionalProperties": False,
        },
        box=box,
    )


def _zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise ToolError(f"there is no time zone {name[:60]!r}; it is named as in Europe/Berlin") from err


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as err:
        raise ToolError(f"{text[:40]!r} is no date; it is written YYYY-MM-DD") from err


def _moved(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError as err:
        raise ToolError(f"{days} days from {day} is out of the calendar") from err
