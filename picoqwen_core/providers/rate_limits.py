"""How long a server wants to be left alone, by the headers of its answer.

Dates are compared with the answer's own Date, so that no clock of ours is asked.
https://www.rfc-editor.org/rfc/rfc9110#field.retry-after and, for what the services add to it,
https://platform.openai.com/docs/guides/rate-limits and https://docs.anthropic.com/en/api/rate-limits
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Where OpenAI and Anthropic say how much is left, and when there will be more.
_COUNTED = (
    *((f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}") for what in ("requests", "tokens")),
    *(
        (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset")
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)


def refused_for(headers: Mapping[str, str]) -> float | None:
    """Seconds after which a refused request may come again; None where nothing is said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (seconds := _number(headers.get(name))) is not None:
            return seconds * unit
    until = _between(headers.get("date"), headers.get("retry-after"))
    return until if until is not None else used_up_for(headers)


def used_up_for(headers: Mapping[str, str]) -> float | None:
    """Seconds for which nothing is left of what may be asked; None while something is."""
    pauses = [
        _pause(headers.get(reset), headers.get("date"))
        for left, reset in _COUNTED
        if _number(headers.get(left)) == 0
    ]
    return max((each for each in pauses if each is not None), default=None)


def _pause(reset: str | None, now: str | None) -> float | None:
    """Of "1s", "6m0s" and "120ms", and of a moment such as 2026-11-27T12:00:00Z."""
    if reset is not None and _DURATION.match(reset):
        return sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(reset))
    return _between(now, reset)


def _between(now: str | None, then: str | None) -> float | None:
    start, end = _moment(now), _moment(then)
    return max(0.0, (end - start).total_seconds()) if start is not None and end is not None else None


def _moment(text: str | None) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text or "")
        except (ValueError, TypeError):
            continue
        if found.tzinfo is not None:
            return found
    return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
