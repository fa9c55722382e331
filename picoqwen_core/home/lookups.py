"""Questions whose answer is not in the states: what the caller's tools can look up, and the weather.

Home Assistant offers the events of a calendar and the items of a list as tools. The weather now is the state
of a weather entity; of a forecast nothing is known here, so questions about one are left to a larger model.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from picoqwen_core.home import said
from picoqwen_core.home.decision import Query
from picoqwen_core.home.targets import resolve
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import HomeContext, HomeEntity, ToolCall

# The names that Home Assistant has given these tools, without what is put before `__`.
_CALENDAR_TOOLS = ("get_events", "calendar_get_events")
_LIST_TOOLS = ("get_items", "todo_get_items")
_MOST_READ = 6
# Words that ask for a day; the states only tell of now.
_TODAY = frozenset("today tonight heute aujourd'hui hoy vandaag oggi".split())
_FORECAST = frozenset(
    "tomorrow tonight later forecast week weekend will monday tuesday wednesday thursday friday saturday "
    "sunday morgen vorhersage woche wird demain semaine prévisions mañana semana hará domani settimana farà "
    "wordt morgenochtend gonna going yesterday".split()
)
# One of these has to be said before the weather is told: the model takes some other sentences for it.
_WEATHER_WORD = re.compile(
    r"\b(?:weather|rain|snow|sun|wind|storm|cloud|fog|frost|freez|hail|cold|chill|warm|hot|humid|wet|dry|degree"
    r"|temperature|outside|outdoor|out there|umbrella|jacket|coat|wetter|regen|sonn|schnee|kalt|draußen"
    r"|météo|temps|pleu|pluie|neige|soleil|froid|chaud|dehors|tiempo|llov|lluvia|llueve|nieva|frío|calor|fuera"
    r"|weer|zon|sneeuw|koud|buiten|tempo|meteo|piov|piogg|nevica|sole|freddo|caldo|fuori)",
    re.IGNORECASE,
)
_PAST = frozenset(("yesterday", "gestern", "gisteren", "ayer", "ieri"))
_SILENT = ("unavailable", "unknown", "")


def lookup(query: Query, text: str, home: HomeContext, toolbox: Toolbox) -> tuple[ToolCall, ...]:
    """The calls that look up what is asked; none where no offered tool can."""
    if query.kind == "calendar":
        tool = next((name for name in _CALENDAR_TOOLS if toolbox.has(name)), None)
        calendars = _meant(home, query, "calendar", text)
        day = "today" if _words(text) & _TODAY else "week"
        if tool is not None and not _words(text) & frozenset(
            ("yesterday", "gestern", "hier", "ayer", "ieri")
        ):
            return tuple(toolbox.call(tool, {"calendar": each.name, "range": day}) for each in calendars)
    if query.asked == "items":
        tool = next((name for name in _LIST_TOOLS if toolbox.has(name)), None)
        lists = [entity for entity in resolve(home, query.target) if entity.domain == "todo"]
        if tool is not None:
            return tuple(toolbox.call(tool, {"todo_list": each.name}) for each in lists)
    return ()


def found_out(call: ToolCall, content: str, language: str) -> str | None:
    """What a lookup brought, as a sentence; None for any other call, and where nothing can be read."""
    tool = call.name.rpartition("__")[2]
    if tool == "HassTimerStatus":
        return _timers_left(content, language)
    data = _data(content)
    if tool in _CALENDAR_TOOLS and isinstance(data.get("events"), list):
        events = [_event(each) for each in data["events"] if isinstance(each, dict)]
        return said.listing(
            str(call.arguments.get("calendar") or ""), events[:_MOST_READ], len(events), language
        )
    if tool in _LIST_TOOLS and isinstance(data.get("items"), list):
        items = [str(each.get("summary") or "") for each in data["items"] if isinstance(each, dict)]
        return said.listing(
            str(call.arguments.get("todo_list") or ""), items[:_MOST_READ], len(items), language
        )
    return None


def _timers_left(content: str, language: str) -> str | None:
    """From the intent's speech slots; None when the call failed."""
    data = _loaded(content)
    inner = data.get("data")
    slots = data.get("speech_slots") or (inner.get("speech_slots") if isinstance(inner, dict) else None)
    running = slots.get("timers") if isinstance(slots, dict) else None
    if not isinstance(running, list):
        return None
    left = [(each.get("name"), each.get("total_seconds_left")) for each in running if isinstance(each, dict)]
    known = [(str(name or ""), seconds) for name, seconds in left if isinstance(seconds, int)]
    return said.timers(known, language)


def weather_now(text: str, home: HomeContext) -> str | None:
    """The weather as a weather entity has it; None for a forecast, and where no entity tells."""
    if _words(text) & _FORECAST or not _WEATHER_WORD.search(text):
        return None
    for entity in home.entities:
        if entity.domain == "weather" and entity.state not in _SILENT:
            return said.weather(entity.state, entity.attributes.get("temperature"), home.language)
    return None


def _meant(home: HomeContext, query: Query, domain: str, text: str) -> Sequence[HomeEntity]:
    """The calendars that are named, or else all of them; at most three are asked."""
    every = [entity for entity in home.entities if entity.domain == domain]
    targeted = [entity for entity in resolve(home, query.target) if entity.domain == domain]
    if query.target.entities and targeted:
        return targeted
    heard = text.casefold()
    named = [each for each in every if any(name.casefold() in heard for name in (each.name, *each.aliases))]
    return (named or every)[:3]


def _loaded(content: str) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _data(content: str) -> Mapping[str, Any]:
    data = _loaded(content)
    for key in ("data", "result"):
        if isinstance(data.get(key), dict):
            data = data[key]
    return data


def _event(event: Mapping[str, Any]) -> str:
    """ "Dentist, Monday 10:30": its day and, unless it takes all day, its time."""
    summary, start = str(event.get("summary") or ""), str(event.get("start") or "")
    try:
        begins = datetime.fromisoformat(start)
    except ValueError:
        return summary
    return f"{summary} ({begins:%d.%m.}{'' if event.get('all_day') else f' {begins:%H:%M}'})"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().replace("?", " ").replace(",", " ").replace("'s", " ").split())
