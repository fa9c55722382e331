"""What is said after the tools have run, from what they report; and when nothing is to be run.

Success is only ever claimed for entities that a result names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from picoqwen_core.home import foreign, media, told
from picoqwen_core.home.fixed import fixed
from picoqwen_core.home.lookups import found_out
from picoqwen_core.home.plan import Problem
from picoqwen_core.home.results import OF_HUMIDIFIERS, ToolOutcome, read_result, undone
from picoqwen_core.home.wording import and_list, definite, is_plural, plural_domain, with_article
from picoqwen_core.messages import HomeContext, HomeEntity, Message, ToolCall

NOT_UNDERSTOOD = "Sorry, I didn't understand that."
NOT_ABOUT_THE_HOME = "I can only help with your home, and no larger model is set up to answer that."
NO_HOME = "I can only control a home, and none was sent with this request. Load a larger model to chat."
NOTHING_SAID = "I didn't hear anything."
WHICH_ROOM = "In which room?"
PROBLEMS: dict[Problem, str] = {
    "unknown_device": "I can't find such a device in your home.",
    "impossible": "That device can't do that.",
    "no_tool": "I'm not able to do that here.",
}
_MOST_NAMED = 3

# What a tool did, by its name and the domain it did it to; None is any other domain.
_DONE: dict[str, dict[str | None, str]] = {
    "HassTurnOn": {
        "cover": "Opened",
        "valve": "Opened",
        "lock": "Locked",
        "script": "Started",
        "scene": "Activated",
        "button": "Pressed",
        None: "Turned on",
    },
    "HassTurnOff": {"cover": "Closed", "valve": "Closed", "lock": "Unlocked", None: "Turned off"},
    "HassStopMoving": {None: "Stopped"},
    "HassMediaUnpause": {None: "Resumed"},
    "HassMediaPause": {None: "Paused"},
    "HassMediaNext": {None: "Skipped to the next track on"},
    "HassMediaPrevious": {None: "Went back one track on"},
    "HassMediaPlayerMute": {None: "Muted"},
    "HassMediaPlayerUnmute": {None: "Unmuted"},
    "HassSetVolumeRelative": {None: "Changed the volume of"},
    "HassVacuumStart": {None: "Started"},
    "HassVacuumReturnToBase": {None: "Sent % home"},
}

# What is said of things that nothing was done to, of one and of several.
_UNDONE = {
    "failed": ("has not reacted.", "have not reacted."),
    "unavailable": ("is not available.", "are not available."),
    "unable": ("can't do that.", "can't do that."),
    "otherwise": ("is not as you wanted it.", "are not as you wanted them."),
    "already": ("was like that already.", "were like that already."),
}
# What was done to an item of a list, and to a timer; the reports of these name no entity.
_LISTS = {
    "HassListAddItem": "Added {} to",
    "HassListCompleteItem": "Ticked off {} on",
    "HassListRemoveItem": "Removed {} from",
}
_TIMERS = {
    "HassStartTimer": "Started the",
    "HassCancelTimer": "Cancelled the",
    "HassCancelAllTimers": "Cancelled the",
    "HassPauseTimer": "Paused the",
    "HassUnpauseTimer": "Resumed the",
    "HassIncreaseTimer": "Added {} to the",
    "HassDecreaseTimer": "Took {} off the",
}


def clarify(entities: Sequence[HomeEntity], home: HomeContext) -> str:
    """One short question."""
    if not entities:
        return fixed("which_room", home.language, WHICH_ROOM)
    names = [definite(entity) for entity in entities]
    if len({name.casefold() for name in names}) < len(names):
        areas = {area.id: area.name for area in home.areas}
        names = [
            f"{name} in {with_article(areas[entity.area])}" if entity.area in areas else name
            for name, entity in zip(names, entities, strict=True)
        ]
    if told.speaks(home.language):
        return told.which_one(_told_apart(entities, home), home.language)
    return f"Which one: {', '.join(names[:-1])} or {names[-1]}?" if len(names) > 1 else f"{names[0]}?"


def _told_apart(entities: Sequence[HomeEntity], home: HomeContext) -> list[str]:
    """Names without articles, with the room behind those that are the same."""
    areas = {area.id: area.name for area in home.areas}
    same = len({entity.name.casefold() for entity in entities}) < len(entities)
    return [
        f"{entity.name} ({areas[entity.area]})" if same and entity.area in areas else entity.name
        for entity in entities
    ]


def report(messages: Sequence[Message], language: str = "en") -> str:
    """A short truthful reply to the results since the last request of a conversation."""
    turn = _last_turn(messages)
    calls = {call.id: call for message in messages for call in message.tool_calls}
    found_texts: list[str] = []
    results: list[tuple[ToolCall, ToolOutcome]] = []
    for message in turn:
        if message.role != "tool":
            continue
        call = calls.get(message.tool_call_id or "") or ToolCall("", message.name or "", {})
        found = found_out(call, message.content, language)
        if found is None:
            found = media.told(call, message.content, turn, language)
        if found is not None:
            found_texts.append(found)
        else:
            results.append((call, read_result(message.content)))
    spoken = list(dict.fromkeys(text for text in found_texts if text))
    if spoken and not results:
        return " ".join(spoken)
    done = foreign.told(language, results) if foreign.speaks(language) else _told(results)
    return " ".join((done, *spoken))


def _told(results: Sequence[tuple[ToolCall, ToolOutcome]]) -> str:
    """What calls came to, in English."""
    done: dict[str, list[str]] = {}
    failures: list[str] = []
    for call, outcome in results:
        _collect(call, outcome, done, failures)
    sentences = [_sentence(action, things) for action, things in done.items()]
    sentences += [_of(names, *_UNDONE[kind]) for kind, names in undone(results).items()]
    return " ".join((*sentences, *dict.fromkeys(failures))) or "Nothing was changed."


def _last_turn(messages: Sequence[Message]) -> list[Message]:
    """The messages after the last request: calls and results, of one round or of more."""
    start = len(messages)
    while start and messages[start - 1].role != "user":
        start -= 1
    return list(messages[start:])


def _collect(call: ToolCall, outcome: ToolOutcome, done: dict[str, list[str]], failures: list[str]) -> None:
    tool = call.name.rpartition("__")[2]
    said = _said_target(call.arguments)
    if outcome.error is not None:
        failures.append(f"I couldn't do that with {said}." if said else "That did not work.")
        return
    if tool in _LISTS and (outcome.succeeded or not outcome.names_entities):
        done.setdefault(_LISTS[tool].format(call.arguments.get("item", "it")), []).append(said or "the list")
        return
    if tool in _TIMERS:
        action = _TIMERS[tool].format(_duration(call.arguments))
        done.setdefault(action, []).append(_timer(tool, call.arguments))
        return
    if tool == "HassBroadcast":
        done.setdefault("Announced", []).append("it")
        return
    if tool in OF_HUMIDIFIERS and not outcome.names_entities:
        done.setdefault(_action(tool, "humidifier", call.arguments), []).append(said or "it")
        return
    for entity_id, name in outcome.succeeded:
        domain = entity_id.partition(".")[0]
        action = _action(tool, domain, call.arguments)
        done.setdefault(action, []).append(with_article(name))


def _of(names: Sequence[str], one: str, several: str) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) > _MOST_NAMED:
        return f"{len(unique)} devices {several}"
    said = and_list([with_article(name) for name in unique])
    return f"{said[0].upper()}{said[1:]} {several if len(unique) > 1 or is_plural(unique[0]) else one}"


def _timer(tool: str, arguments: Mapping[str, Any]) -> str:
    if tool == "HassCancelAllTimers":
        return "timers"
    name = arguments.get("name")
    return f"{name} timer" if name else "timer"


def _duration(arguments: Mapping[str, Any]) -> str:
    """Hours, minutes and seconds of a timer's arguments in words: "1 hour and 5 minutes"."""
    amounts = ((unit, arguments.get(unit)) for unit in ("hours", "minutes", "seconds"))
    parts = [f"{_plain(n)} {unit if n != 1 else unit[:-1]}" for unit, n in amounts if n]
    return and_list(parts) if parts else "time"


def _action(tool: str, domain: str, arguments: Mapping[str, Any]) -> str:
    """The beginning of a sentence that ends with the things; a % marks where they go otherwise."""
    if tool == "HassLightSet":
        if "brightness" in arguments:
            return f"Set % to {arguments['brightness']}%"
        return f"Made % {arguments['color']}" if "color" in arguments else "Changed the colour of"
    for key, text in (
        ("temperature", "Set % to {}°"),
        ("percentage", "Set % to {}%"),
        ("position", "Set % to {}%"),
        ("volume_level", "Set the volume of % to {}%"),
        ("humidity", "Set % to {}%"),
        ("mode", "Set % to {} mode"),
    ):
        if key in arguments:
            return text.format(_plain(arguments[key]))
    words = _DONE.get(tool, {None: "Done:"})
    return words.get(domain) or words[None]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sentence(action: str, things: list[str]) -> str:
    unique = list(dict.fromkeys(things))
    named = and_list(unique) if len(unique) <= _MOST_NAMED else f"{len(unique)} devices"
    return f"{action.replace('%', named, 1)}." if "%" in action[:-1] else f"{action} {named}."


def _said_target(arguments: Mapping[str, Any]) -> str:
    """What a call was about, in words."""
    if arguments.get("name"):
        return with_article(str(arguments["name"]))
    domains = arguments.get("domain")
    kind = plural_domain(domains[0], None) if isinstance(domains, list) and len(domains) == 1 else "devices"
    place = arguments.get("area") or arguments.get("floor")
    return f"the {kind} in {with_article(str(place))}" if place else ""
