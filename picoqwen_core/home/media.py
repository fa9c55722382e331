"""Playing what somebody asks for: search a player, choose from what it found, play it, tell what came of it.

Home Assistant 2026.11 offers a search and a play tool, earlier ones `HassMediaSearchAndPlay`. Which step
comes next is read from the messages of the request, so that nothing is kept between requests.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from picoqwen_core.home import said
from picoqwen_core.home.able import lacks
from picoqwen_core.home.decision import Act, Action, Clarify, Target
from picoqwen_core.home.media_wish import CLASSES, SEEN, Wish, plain_words, shorter, whole, wish_of
from picoqwen_core.home.results import read_result
from picoqwen_core.home.targets import resolve
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import HomeArea, HomeContext, HomeEntity, HomeFloor, Message, ToolCall

SEARCH, PLAY, SEARCH_AND_PLAY = "search_media", "play_media", "HassMediaSearchAndPlay"
_PLAYER = ("player_name", "player_area", "player_floor")
# Kinds that Home Assistant's own sentences limit its search to.
_FILTERS = ("album", "track", "artist", "playlist", "podcast", "movie", "tv_show")
# Of more players than these the room is asked for, and not each of them listed.
_MOST_ASKED = 4
# How well a title fits what was said.
_EXACT, _HOLDS_ALL, _IS_HELD, _NOT_NAMED = 3, 2, 1, 0


@dataclass(frozen=True, slots=True)
class Found:
    """A search result that can be played; `media_class` and `content_type` say of what kind it is."""

    title: str
    media_class: str
    content_id: str
    content_type: str


def tool_for(toolbox: Toolbox) -> str:
    """The tool that begins it: of both ways that which can tell an album from a song."""
    return SEARCH if toolbox.has(SEARCH) and toolbox.has(PLAY) else SEARCH_AND_PLAY


def worded(act: Act, text: str, home: HomeContext) -> Act | Clarify:
    """What is to be played in all the words that were said, each on the players meant; or which is asked."""
    actions: list[Action] = []
    for action in act.actions:
        if action.verb == "play_media":
            wanted = whole(str(action.value or ""), text, _names(home))
            target = _players(action.target, wish_of(wanted), home)
            if isinstance(target, Clarify):
                return target
            actions.append(replace(action, value=wanted, target=target))
        else:
            actions.append(action)
    return Act(tuple(actions))


def first_arguments(action: Action, naming: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the first call for one player, whichever tool it is; `naming` holds its name and area."""
    wish = wish_of(str(action.value or ""))
    kind = next((kind for kind in wish.kinds if kind in _FILTERS), None)
    player = {"player_name": naming["name"], "player_area": naming["area"]}
    return {"search_query": wish.query, "media_class": kind, **player, **naming, "domain": None}


def next_calls(messages: Sequence[Message], home: HomeContext | None, toolbox: Toolbox) -> list[ToolCall]:
    """What follows the searches that have just ended: playing the best of what each found."""
    if tool_for(toolbox) != SEARCH:
        return []
    return [
        step for call, content in _ended(messages) if (step := _step(call, content, messages, home, toolbox))
    ]


def told(call: ToolCall, content: str, messages: Sequence[Message], language: str) -> str | None:
    """What came of a search or of playing, "" where a later call tells it; None for any other call."""
    tool, player = _tool(call), str(call.arguments.get("player_name") or "")
    if tool == PLAY:
        title = _title(call, messages)
        outcome = read_result(content)
        # A success names nothing; what is named is away, or has not begun.
        failed = outcome.error is not None or outcome.names_entities
        return said.not_played(title, player, language) if failed else said.playing(title, player, language)
    if tool != SEARCH:
        return None
    if any(_follows(other, call) for other in _calls_after(call, messages)):
        return ""
    query = str(call.arguments.get("search_query") or "")
    if read_result(content).error is not None or _results(content):
        return said.not_played(query, player, language)
    return said.nothing_found(query, player, language)


def choose(results: Sequence[Found], wish: Wish) -> Found | None:
    """The result of the kind that was said, if its title fits; else the one named best, or first."""
    classes = {name for kind in wish.kinds for name in CLASSES[kind]}
    first_classes = CLASSES[wish.kinds[0]] if wish.kinds else ()

    def rank(result: Found) -> tuple[bool, int, bool]:
        fit = _fit(result.title, wish)
        of_kind = bool(classes & {result.media_class, result.content_type})
        first = bool({result.media_class, result.content_type} & set(first_classes))
        return (of_kind and fit > _NOT_NAMED, fit, first or of_kind)

    return max(results, key=rank, default=None)


def _fit(title: str, wish: Wish) -> int:
    """Same words, all words among the title's, or all the title's words said."""
    words = _title_words(title)
    best = _NOT_NAMED
    for name in wish.names:
        wanted = _title_words(name)
        if words == wanted:
            return _EXACT
        if set(wanted) <= set(words):
            best = max(best, _HOLDS_ALL)
        elif words and set(words) <= set(wanted):
            best = max(best, _IS_HELD)
    return best


def _title_words(text: str) -> list[str]:
    words = plain_words(text).split()
    return (
        words[1:]
        if len(words) > 1 and words[0] in ("the", "a", "an", "die", "der", "das", "le", "la")
        else words
    )


def _names(home: HomeContext) -> Iterator[str]:
    players = [entity for entity in home.entities if entity.domain == "media_player"]
    named: tuple[HomeArea | HomeFloor | HomeEntity, ...] = (*home.areas, *home.floors, *players)
    for each in named:
        yield from (each.name, *each.aliases)


def _players(target: Target, wish: Wish, home: HomeContext) -> Target | Clarify:
    """The players that are meant and can be searched; unchanged where plan.py has to say why not."""
    if target.entities:
        return target
    meant = [each for each in resolve(home, target) if each.domain == "media_player"]
    unsaid = target.here and not meant
    if unsaid:
        meant = [each for each in home.entities if each.domain == "media_player"]
    able = [each for each in meant if not lacks(each, "play_media")]
    if not able:
        return target
    if target.everywhere:
        return Target(tuple(each.id for each in able))
    playing = [each for each in able if each.state == "playing"]
    if unsaid and len(able) > 1 and len(playing) != 1:
        return Clarify(tuple(each.id for each in able) if len(able) <= _MOST_ASKED else ())
    return Target(((playing or _fit_for(wish, able))[0].id,))


def _fit_for(wish: Wish, players: list[HomeEntity]) -> list[HomeEntity]:
    """Films are for screens, and the rest for what is none, where a room has both."""
    screens = any(kind in SEEN for kind in wish.kinds)
    return [each for each in players if (each.device_class in ("tv", "projector")) == screens] or players


def _step(
    call: ToolCall, content: str, messages: Sequence[Message], home: HomeContext | None, toolbox: Toolbox
) -> ToolCall | None:
    if _tool(call) != SEARCH or read_result(content).error is not None:
        return None
    query = str(call.arguments.get("search_query") or "")
    player = {key: call.arguments[key] for key in _PLAYER if key in call.arguments}
    found = _results(content)
    text = next((message.content for message in reversed(messages) if message.role == "user"), "")
    names = list(_names(home)) if home is not None else []
    best = choose([each for each in found if each.content_id], wish_of(whole(query, text, names)))
    if best is not None:
        chosen = {"media_content_id": best.content_id, "media_content_type": best.content_type}
        return toolbox.call(PLAY, {**chosen, **player})
    less = shorter(query) if not found else None
    return toolbox.call(SEARCH, {"search_query": less, **player}) if less else None


def _results(content: str) -> list[Found]:
    """The results of a search; what cannot be played has no content id."""
    try:
        data = json.loads(content)
    except ValueError:
        return []
    for key in ("data", "result"):
        data = data[key] if isinstance(data, dict) and isinstance(data.get(key), dict) else data
    results = data.get("results") if isinstance(data, dict) else None
    return [_found(each) for each in results if isinstance(each, dict)] if isinstance(results, list) else []


def _found(result: Mapping[str, Any]) -> Found:
    playable = result.get("can_play") is not False
    return Found(
        str(result.get("title") or ""),
        str(result.get("media_class") or ""),
        str(result.get("media_content_id") or "") if playable else "",
        str(result.get("media_content_type") or ""),
    )


def _title(play: ToolCall, messages: Sequence[Message]) -> str:
    """The title of what was played, from the search that found it."""
    wanted = play.arguments.get("media_content_id")
    for message in reversed(messages):
        if message.role == "tool" and wanted:
            for each in _results(message.content):
                if each.content_id == wanted and each.title:
                    return each.title
    return str(wanted or "")


def _follows(later: ToolCall, search: ToolCall) -> bool:
    """Whether a call goes on from a search: on the same player."""
    return _tool(later) in (SEARCH, PLAY) and all(
        later.arguments.get(key) == search.arguments.get(key) for key in _PLAYER
    )


def _calls_after(call: ToolCall, messages: Sequence[Message]) -> Iterator[ToolCall]:
    """Calls of the rounds after that of a call."""
    seen = False
    for message in messages:
        if seen:
            yield from message.tool_calls
        seen = seen or any(each.id == call.id for each in message.tool_calls)


def _ended(messages: Sequence[Message]) -> Iterator[tuple[ToolCall, str]]:
    """Calls and results at the end of the conversation."""
    calls = {call.id: call for message in messages for call in message.tool_calls}
    start = len(messages)
    while start and messages[start - 1].role == "tool":
        start -= 1
    for message in messages[start:]:
        if (call := calls.get(message.tool_call_id or "")) is not None:
            yield call, message.content


def _tool(call: ToolCall) -> str:
    return call.name.rpartition("__")[2]
