"""Playing by search: which calls follow which results, what is chosen, and what is said of it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from picoqwen_core.home import reply
from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.home.media import Found, choose
from picoqwen_core.home.media_wish import shorter, whole, wish_of
from picoqwen_core.home.plan import plan
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.home.toolbox import CALL_PREFIX, Toolbox
from picoqwen_core.messages import ChatDelta, ChatRequest, HomeContext, Message, ToolCall, ToolSpec
from tests.home.house import entity, home
from tests.home.test_plan import TOOLS
from tests.home.test_reply import result, seen

SEARCH, PLAY = "media_player__search_media", "media_player__play_media"
SPEAKER = entity("media_player.k", "Kitchen Speaker", "kitchen", device_class="speaker", features=("search",))
SCREEN = entity("media_player.s", "Kitchen TV", "kitchen", device_class="tv", features=("search",))
RADIO = entity("media_player.r", "Radio", "bedroom", device_class="speaker", features=())
OLD = ToolSpec(
    "HassMediaSearchAndPlay",
    "",
    {"properties": {key: {} for key in ("search_query", "media_class", "name", "area", "floor")}},
)
ABBEY_ROAD = {"title": "Abbey Road", "media_class": "album", "can_play": True}


def found(*titles: str | dict[str, Any], error: bool = False) -> str:
    """A search's result as Home Assistant 2026.11 gives it."""
    given = [{"title": each} if isinstance(each, str) else each for each in titles]
    results = [
        {"media_class": "music", "can_play": True, "media_content_id": f"id {number}", **each}
        | {"media_content_type": "music"}
        for number, each in enumerate(given)
    ]
    return json.dumps({"data": {"results": results}, "error": error})


PLAYED = json.dumps({"data": {"success": True}, "error": False})
FAILED = json.dumps({"data": {"error": "HomeAssistantError", "error_text": "no"}, "error": True})


def house(*more: Any, language: str = "en", area: str | None = "kitchen") -> HomeContext:
    return replace(home(area, *(more or (SPEAKER,))), language=language)


def respond(text: str, output: str = "", *rounds: tuple[ToolCall, str], **changes: Any) -> list[ChatDelta]:
    """What comes of a request after these calls, each of a round of its own, have been answered."""
    messages = [Message("user", text)]
    for call, content in rounds:
        messages += [Message("assistant", tool_calls=(call,)), Message("tool", content, tool_call_id=call.id)]
    request = ChatRequest(tuple(messages), **{"tools": TOOLS, "home": house(), **changes})
    return list(HomeResponder(lambda _prompt: (output, 1.0)).respond(request))


def search(query: str = "Abbey Road", number: int = 1, **more: Any) -> ToolCall:
    arguments = {"search_query": query, "player_name": "Kitchen Speaker", **more}
    return ToolCall(f"{CALL_PREFIX}s{number}", SEARCH, arguments)


def play(content_id: str = "id 0") -> ToolCall:
    arguments = {
        "media_content_id": content_id,
        "media_content_type": "music",
        "player_name": "Kitchen Speaker",
    }
    return ToolCall(f"{CALL_PREFIX}p", PLAY, arguments)


def calls(deltas: list[ChatDelta]) -> list[tuple[str, dict[str, Any]]]:
    assert deltas[-1].finish_reason == "tool_calls"
    return [(each.tool_call.name, dict(each.tool_call.arguments)) for each in deltas if each.tool_call]


def spoken(deltas: list[ChatDelta]) -> str:
    assert deltas[-1].finish_reason == "stop"
    return "".join(each.content for each in deltas)


def planned(target: Target, value: str, *more: Any, tools: tuple[ToolSpec, ...] = TOOLS) -> Any:
    act = Act((Action("play_media", target, value),))
    return plan(act, house(*more), Toolbox(tools))


def test_first_the_player_is_searched_for_all_that_was_said() -> None:
    """The model copies only the end of a name that it does not know."""
    deltas = respond("play the album Abbey Road in the kitchen", "<play_media><d:media_player><a1> road")
    assert calls(deltas) == [(SEARCH, {"search_query": "Abbey Road", "player_name": "Kitchen Speaker"})]


def test_then_the_best_result_is_played_on_the_same_player() -> None:
    results = found("Abbey Road Medley", {**ABBEY_ROAD, "media_content_id": "album 7"})
    deltas = respond("play the album Abbey Road", "", (search(), results))
    assert calls(deltas) == [
        (
            PLAY,
            {
                "media_content_id": "album 7",
                "media_content_type": "music",
                "player_name": "Kitchen Speaker",
            },
        )
    ]


def test_a_player_of_a_name_that_two_have_is_told_by_its_room_in_both_steps() -> None:
    twin = entity("media_player.b", "Kitchen Speaker", "bedroom", features=("search",))
    (first,) = planned(Target(("media_player.k",)), "Queen", SPEAKER, twin).calls
    assert first.arguments["player_area"] == "Kitchen"
    deltas = respond("play Queen here", "", (search("Queen", player_area="Kitchen"), found("Queen")))
    assert calls(deltas)[0][1]["player_area"] == "Kitchen"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Playing Abbey Road on the Kitchen Speaker."),
        ("de", "Kitchen Speaker: Abbey Road läuft."),
        ("fr", "Kitchen Speaker : lecture de Abbey Road."),
        ("es", "Kitchen Speaker: suena Abbey Road."),
        ("nl", "Kitchen Speaker: Abbey Road wordt afgespeeld."),
        ("it", "Kitchen Speaker: riproduco Abbey Road."),
    ],
)
def test_what_plays_is_told_by_its_own_title(language: str, text: str) -> None:
    rounds = (search("abbey"), found(ABBEY_ROAD)), (play(), PLAYED)
    assert spoken(respond("play abbey", "", *rounds, home=house(language=language))) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I found nothing for Abbey Road on the Kitchen Speaker."),
        ("de", "Kitchen Speaker: zu Abbey Road wurde nichts gefunden."),
        ("fr", "Kitchen Speaker : rien trouvé pour Abbey Road."),
        ("es", "Kitchen Speaker: no he encontrado nada para Abbey Road."),
        ("nl", "Kitchen Speaker: niets gevonden voor Abbey Road."),
        ("it", "Kitchen Speaker: non ho trovato nulla per Abbey Road."),
    ],
)
def test_where_nothing_is_found_nothing_plays_and_that_is_said(language: str, text: str) -> None:
    deltas = respond("play Abbey Road", "", (search(), found()), home=house(language=language))
    assert spoken(deltas) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I couldn't play Abbey Road on the Kitchen Speaker."),
        ("de", "Kitchen Speaker: Abbey Road ließ sich nicht abspielen."),
        ("fr", "Kitchen Speaker : impossible de lire Abbey Road."),
        ("es", "Kitchen Speaker: no he podido reproducir Abbey Road."),
        ("nl", "Kitchen Speaker: Abbey Road kon niet worden afgespeeld."),
        ("it", "Kitchen Speaker: non sono riuscito a riprodurre Abbey Road."),
    ],
)
def test_what_fails_is_never_said_to_play(language: str, text: str) -> None:
    spoken_home = {"home": house(language=language)}
    assert spoken(respond("play it", "", (search(), FAILED), **spoken_home)) == text
    rounds = (search(), found(ABBEY_ROAD)), (play(), FAILED)
    assert spoken(respond("play it", "", *rounds, **spoken_home)) == text


@pytest.mark.parametrize("why", ["no_reaction", "unavailable"])
def test_what_does_not_begin_is_not_said_to_play(why: str) -> None:
    rounds = (search(), found(ABBEY_ROAD)), (play(), seen(("Kitchen Speaker", why)))
    assert spoken(respond("play it", "", *rounds)) == "I couldn't play Abbey Road on the Kitchen Speaker."


def test_what_cannot_be_played_is_not_played() -> None:
    only = found({**ABBEY_ROAD, "can_play": False})
    assert spoken(respond("play it", "", (search(), only))) == (
        "I couldn't play Abbey Road on the Kitchen Speaker."
    )


@pytest.mark.parametrize("content", ["", "[]", '{"data": {"results": "?"}}', '{"results": [1, null]}'])
def test_a_strange_result_is_no_result(content: str) -> None:
    assert spoken(respond("play it", "", (search(), content))).startswith("I ")


def test_a_shorter_search_follows_one_that_found_nothing() -> None:
    text, first = "play Yesterday by the Beatles", search("Yesterday by the Beatles")
    deltas = respond(text, "", (first, found()))
    assert calls(deltas) == [(SEARCH, {"search_query": "Yesterday", "player_name": "Kitchen Speaker"})]
    second = search("Yesterday", 2)
    assert spoken(respond(text, "", (first, found()), (second, found()))) == (
        "I found nothing for Yesterday on the Kitchen Speaker."
    )
    rounds = (first, found()), (second, found("Yesterday")), (play(), PLAYED)
    assert spoken(respond(text, "", *rounds)) == "Playing Yesterday on the Kitchen Speaker."


def test_what_was_done_in_the_round_of_the_search_is_told_too() -> None:
    off = ToolCall(f"{CALL_PREFIX}o", "intent__HassTurnOff", {"name": "Kitchen Lamp"})
    messages = (
        Message("user", "turn off the kitchen lamp and play Abbey Road"),
        Message("assistant", tool_calls=(off, search())),
        Message("tool", result(("light.kitchen", "Kitchen Lamp")), tool_call_id=off.id),
        Message("tool", found(ABBEY_ROAD), tool_call_id=search().id),
        Message("assistant", tool_calls=(play(),)),
        Message("tool", PLAYED, tool_call_id=play().id),
    )
    said = {
        language: spoken(
            list(
                HomeResponder(lambda _prompt: pytest.fail("the model was asked")).respond(
                    ChatRequest(messages, tools=TOOLS, home=house(language=language))
                )
            )
        )
        for language in ("en", "de")
    }
    assert said == {
        "en": "Turned off the Kitchen Lamp. Playing Abbey Road on the Kitchen Speaker.",
        "de": "Ausgeschaltet: Kitchen Lamp. Kitchen Speaker: Abbey Road läuft.",
    }


def test_a_search_of_an_earlier_request_plays_nothing_now() -> None:
    off = ToolCall(f"{CALL_PREFIX}o", "intent__HassTurnOff", {"name": "Kitchen Lamp"})
    messages = (
        Message("user", "play Abbey Road"),
        Message("assistant", tool_calls=(search(),)),
        Message("tool", found(), tool_call_id=search().id),
        Message("assistant", "I found nothing."),
        Message("user", "turn off the kitchen lamp"),
        Message("assistant", tool_calls=(off,)),
        Message("tool", result(("light.kitchen", "Kitchen Lamp")), tool_call_id=off.id),
    )
    request = ChatRequest(messages, tools=TOOLS, home=house())
    responder = HomeResponder(lambda _prompt: pytest.fail("the model was asked"))
    assert spoken(list(responder.respond(request))) == "Turned off the Kitchen Lamp."


def test_an_older_home_assistant_gets_its_own_tool_and_the_kind() -> None:
    made = planned(Target(("media_player.k",)), "the album Abbey Road", tools=(OLD,))
    assert [(call.name, dict(call.arguments)) for call in made.calls] == [
        (
            "HassMediaSearchAndPlay",
            {"search_query": "Abbey Road", "media_class": "album", "name": "Kitchen Speaker"},
        )
    ]


def test_without_a_tool_for_it_nothing_is_called() -> None:
    only_search = tuple(tool for tool in TOOLS if tool.name != PLAY)
    script = ToolSpec("script__play_media", "", {"properties": {}})
    assert planned(Target(("media_player.k",)), "jazz", tools=(*only_search, script)).problem == "no_tool"


def test_a_player_that_cannot_be_searched_is_not_asked() -> None:
    assert planned(Target(("media_player.r",)), "jazz", RADIO).problem == "impossible"


@pytest.mark.parametrize(
    ("wanted", "player"), [("jazz", "Kitchen Speaker"), ("the movie Alien", "Kitchen TV")]
)
def test_of_a_room_one_player_is_meant_a_screen_for_films(wanted: str, player: str) -> None:
    text = f"play {wanted} in the kitchen"
    output = f"<play_media><d:media_player><a1> {wanted}"
    ((_, arguments),) = calls(respond(text, output, home=house(RADIO, SCREEN, SPEAKER)))
    assert arguments["player_name"] == player


def test_with_no_room_the_only_player_that_can_be_searched_is_meant_and_of_two_it_is_asked() -> None:
    output = "<play_media><d:media_player><here> jazz"
    ((_, arguments),) = calls(respond("play jazz", output, home=house(RADIO, SPEAKER, area=None)))
    assert arguments["player_name"] == "Kitchen Speaker"
    other = entity("media_player.b", "Bedroom Speaker", "bedroom", features=("search",))
    assert spoken(respond("play jazz", output, home=house(SPEAKER, other, area=None))) == reply.WHICH_ROOM


def test_in_a_room_without_a_player_it_is_asked_which_one_is_meant() -> None:
    players = [
        entity(f"media_player.{name}", name, "bedroom", features=features)
        for name, features in (("Sonos", ("search",)), ("Homepod", ("search",)), ("Old radio", ()))
    ]
    output = "<play_media><d:media_player><here> jazz"
    home_of_three = replace(house(*players), entities=tuple(players))
    question = spoken(respond("play jazz", output, home=home_of_three))
    assert question == "Which one: the Sonos or the Homepod?"
    playing = replace(home_of_three, entities=(replace(players[0], state="playing"), *players[1:]))
    ((_, arguments),) = calls(respond("play jazz", output, home=playing))
    assert arguments["player_name"] == "Sonos"


@pytest.mark.parametrize(
    ("language", "text", "query"),
    [
        ("de", "spiele das Album Abbey Road", "Abbey Road"),
        ("fr", "joue l'album Abbey Road", "Abbey Road"),
        ("es", "reproduce canciones de Queen", "Queen"),
        ("nl", "speel liedjes van Queen", "Queen"),
        ("it", "riproduci le canzoni dei Queen", "Queen"),
    ],
)
def test_rules_read_it_in_the_other_languages(language: str, text: str, query: str) -> None:
    """And the only player that can be searched is meant where no room was said."""
    spoken_home = house(RADIO, SPEAKER, language=language, area=None)
    ((_, arguments),) = calls(respond(text, "<escalate>", home=spoken_home))
    assert arguments == {"search_query": query, "player_name": "Kitchen Speaker"}


def chosen(said: str, *results: tuple[str, str]) -> str:
    given = [Found(title, kind, f"{title}:{kind}", kind) for title, kind in results]
    best = choose(given, wish_of(said))
    return best.content_id if best else ""


@pytest.mark.parametrize(
    ("said", "results", "best"),
    [
        ("Thriller", [("Thriller Live", "track"), ("Thriller", "track")], "Thriller:track"),
        ("Thriller", [("Baby Be Mine", "track"), ("Thriller 25", "album")], "Thriller 25:album"),
        ("the album Thriller", [("Thriller", "track"), ("Thriller 25", "album")], "Thriller 25:album"),
        ("the album Thriller", [("Bad", "album"), ("Thriller", "track")], "Thriller:track"),
        ("songs by Queen", [("Killer Queen", "track"), ("Queen", "artist")], "Queen:artist"),
        ("Lieder von Queen", [("Killer Queen", "track"), ("Queen", "artist")], "Queen:artist"),
        ("Yesterday by the Beatles", [("Help!", "track"), ("Yesterday", "track")], "Yesterday:track"),
        (
            "The Show Must Go On",
            [("Go", "track"), ("The Show Must Go On", "track")],
            "The Show Must Go On:track",
        ),
        ("beyonce", [("Halo", "track"), ("Beyoncé", "artist")], "Beyoncé:artist"),
        ("beatles", [("Help!", "track"), ("The Beatles", "artist")], "The Beatles:artist"),
        ("my dinner playlist", [("Dinner", "album"), ("Dinner", "playlist")], "Dinner:playlist"),
        ("la película Alien", [("Alien", "album"), ("Alien", "movie")], "Alien:movie"),
        ("l'album Bad", [("Bad", "track"), ("Bad", "album")], "Bad:album"),
        ("il brano Azzurro", [("Azzurro", "album"), ("Azzurro", "track")], "Azzurro:track"),
        ("het album Bad", [("Bad", "track"), ("Bad", "album")], "Bad:album"),
        ("quiet things", [("Nocturne", "track"), ("Prelude", "track")], "Nocturne:track"),
        ("anything", [], ""),
    ],
)
def test_the_result_that_is_meant_is_chosen(said: str, results: list[tuple[str, str]], best: str) -> None:
    assert chosen(said, *results) == best


@pytest.mark.parametrize(
    ("said", "query"),
    [
        ("some jazz", "jazz"),
        ("Song 2", "Song 2"),
        ("Radio Ga Ga", "Radio Ga Ga"),
        ("The White Album", "The White Album"),
        ("Me and Bobby McGee", "Me and Bobby McGee"),
        ("L'amour toujours", "L'amour toujours"),
        ("des chansons de Queen", "Queen"),
        ("etwas von Bach", "Bach"),
        ("le canzoni dei Queen", "Queen"),
        ("liedjes van Queen", "Queen"),
        ("", ""),
    ],
)
def test_what_is_searched_for_is_the_name(said: str, query: str) -> None:
    assert wish_of(said).query == query


@pytest.mark.parametrize(
    ("wanted", "text", "whole_of_it"),
    [
        ("Road", "play Abbey Road in the kitchen", "Abbey Road"),
        ("Road", "play in the kitchen Abbey Road", "Road"),
        ("the Beatles", "now play Yesterday by the Beatles", "Yesterday by the Beatles"),
        ("Heaven", "listen to Stairway to Heaven", "Stairway to Heaven"),
        ("Abbey Road", "spiele in der Küche das Album Abbey Road", "das Album Abbey Road"),
        ("s van Queen", "speel liedjes van Queen", "liedjes van Queen"),
        ("my dinner", "play my dinner playlist", "my dinner playlist"),
        ("Abbey", "", "Abbey"),
        ("", "play it", ""),
    ],
)
def test_a_part_of_what_was_said_is_made_whole(wanted: str, text: str, whole_of_it: str) -> None:
    assert whole(wanted, text, ["Kitchen", "Küche"]) == whole_of_it


def test_a_search_ever_gets_shorter() -> None:
    query: str | None = "my White Album playlist by the band of my brother"
    for _ in range(10):
        query = shorter(query) if query else None
    assert query is None
