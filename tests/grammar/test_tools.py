"""The home's own names in calls of Home Assistant's tools."""

import pytest

from picoqwen_core.grammar.answers import AnswerConstraints
from picoqwen_core.grammar.tools import home_names
from picoqwen_core.messages import (
    ChatRequest,
    HomeArea,
    HomeContext,
    HomeEntity,
    HomeFloor,
    Message,
    ToolSpec,
)
from tests.grammar.conftest import follow

STRING = {"type": "string"}
PLACES = {"name": STRING, "area": STRING, "floor": STRING}
HOME = HomeContext(
    entities=(
        HomeEntity("light.lamp", "Kitchen Lamp", "on", "light", aliases=("worktop", 'Bob\'s "disco"')),
        HomeEntity("light.hall", "Flurlicht Süd", "off", "light"),
    ),
    areas=(HomeArea("kitchen", "Kitchen", aliases=("Küche",)),),
    floors=(HomeFloor("up", "Upstairs"),),
)


def tool(name: str, /, **properties) -> ToolSpec:
    return ToolSpec(name, parameters={"type": "object", "properties": properties or PLACES})


@pytest.fixture
def takes(tokenizer):
    """`takes(tool, arguments)`: whether the tool may be called with these arguments, written as JSON."""

    def check(offered: ToolSpec, arguments: str, home: HomeContext | None = HOME, **fields) -> bool:
        request = ChatRequest((Message("user", "x"),), tools=(offered,), home=home, **fields)
        constraint = AnswerConstraints(tokenizer).of_chat(request, thought_open=False)
        call = f'<tool_call>\n{{"name": "{offered.name}", "arguments": {arguments}}}\n</tool_call>'
        return follow(constraint, tokenizer, call)

    return check


@pytest.mark.parametrize("name", ["HassTurnOn", "intent__HassTurnOn"])
def test_names_areas_and_floors_cannot_be_invented(takes, name):
    """A model that knows other homes likes to switch things that this one does not have."""
    on = tool(name)
    for known in ('"Kitchen Lamp"', '"worktop"', '"Bob\'s \\"disco\\""', '"Flurlicht Süd"'):
        assert takes(on, f'{{"name": {known}}}')
    for unknown in ('"Bathroom Lamp"', '"light.lamp"', '"kitchen lamp"', '""'):
        assert not takes(on, f'{{"name": {unknown}}}')
    assert takes(on, '{"area": "Küche", "floor": "Upstairs"}')
    assert not takes(on, '{"area": "Garage"}')
    assert not takes(on, '{"floor": "Cellar"}')


def test_a_room_that_the_home_does_not_have_cannot_be_named_so_nothing_happens_everywhere(takes):
    """Where a home has no areas or floors, the arguments for them do not exist."""
    bare = HomeContext(entities=HOME.entities)
    assert takes(tool("HassTurnOn"), '{"name": "worktop"}', bare)
    assert not takes(tool("HassTurnOn"), '{"area": "Kitchen"}', bare)


def test_players_and_filters_are_of_the_home_too(takes):
    play = tool("media_player__play_media", player_name=STRING, player_area=STRING, media_content_id=STRING)
    assert takes(play, '{"player_name": "worktop", "player_area": "Kitchen", "media_content_id": "x"}')
    assert not takes(play, '{"player_area": "Garage"}')
    assert not takes(tool("homeassistant__GetLiveContext"), '{"area": "Garage"}')


def test_tools_of_others_may_mean_something_else_by_name(takes):
    assert takes(tool("play_song"), '{"name": "Bathroom Lamp"}')


def test_a_timer_may_have_a_new_name_but_no_new_area(takes):
    start = tool("HassStartTimer")
    assert takes(start, '{"name": "pizza"}')
    assert not takes(start, '{"area": "Garage"}')


def test_values_that_the_caller_lists_stay_as_they_are(takes):
    offered = tool("HassTurnOn", name={"enum": ["sun"]}, domain={"type": "array", "items": STRING})
    assert takes(offered, '{"name": "sun", "domain": ["light"]}')
    assert not takes(offered, '{"name": "worktop"}')


def test_it_can_be_turned_off_and_needs_a_home(takes):
    assert takes(tool("HassTurnOn"), '{"name": "Bathroom Lamp"}', home_names_only=False)
    assert takes(tool("HassTurnOn"), '{"name": "Bathroom Lamp"}', None)


def test_every_name_and_alias_counts_once():
    twice = HomeEntity("light.other", "Kitchen Lamp", "on", "light", aliases=("",))
    assert home_names(HomeContext(entities=(*HOME.entities, twice)))["name"] == [
        "Kitchen Lamp",
        "worktop",
        'Bob\'s "disco"',
        "Flurlicht Süd",
    ]


@pytest.mark.parametrize(
    ("name", "argument", "domain", "kind"),
    [
        ("humidifier__HassHumidifierMode", "mode", "humidifier", "mode"),
        ("climate__HassClimateSetFanMode", "fan_mode", "climate", "fan"),
    ],
)
def test_modes_are_those_that_the_home_has(takes, name, argument, domain, kind):
    offered = tool(name, **{argument: STRING})
    told = HomeEntity(f"{domain}.a", "A", "on", domain, modes={kind: ("eco", "sleep")})
    other = HomeEntity("fan.b", "B", "on", "fan", modes={"preset": ("storm",)})
    home = HomeContext(entities=(told, other))
    assert takes(offered, f'{{"{argument}": "sleep"}}', home)
    assert not takes(offered, f'{{"{argument}": "storm"}}', home)
    # A home that tells of no modes leaves them open.
    assert takes(offered, f'{{"{argument}": "storm"}}', HomeContext(entities=(other,)))
