"""What a device cannot do, as the home tells it: it is said, and nothing is done."""

from dataclasses import replace
from typing import Any

import pytest

from picoqwen_core.home import reply
from picoqwen_core.home.decision import Act, Action, Target
from picoqwen_core.home.fixed import fixed
from picoqwen_core.home.plan import Plan, plan
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.home.toolbox import Toolbox
from picoqwen_core.messages import ChatRequest, HomeEntity, Message
from tests.home.house import entity, home
from tests.home.test_plan import TOOLS, arguments

PLAIN = entity("light.hall", "Hall Lamp", "hall", features=())
DIMMED = entity("light.desk", "Desk Lamp", "hall", state="on", features=("brightness",))
WHITE = entity("light.shelf", "Shelf Lamp", "hall", features=("brightness", "color_temperature"))
COLOURED = entity("light.mood", "Mood Lamp", "hall", features=("brightness", "color"))
DOOR = entity("cover.garage", "Garage", "hall", state="closed", device_class="garage", features=())
SHADE = entity("cover.shade", "Shade", "hall", state="open", features=("position", "stop"))
FAN = entity("fan.old", "Old Fan", "hall", state="on", features=())
HALL = (PLAIN, DIMMED, WHITE, COLOURED, DOOR, SHADE, FAN)


def made(verb: str, target: Target, value: float | str | None = None, *things: HomeEntity) -> Plan:
    action = Action(verb, target, value)  # type: ignore[arg-type]
    return plan(Act((action,)), home("living", *(things or HALL)), Toolbox(TOOLS))


@pytest.mark.parametrize(
    ("verb", "entity_id", "value"),
    [
        ("color", "light.hall", "red"),
        ("color", "light.desk", "red"),
        ("color", "light.shelf", "red"),
        ("color", "light.desk", "white"),
        ("color_temperature", "light.desk", "warm"),
        ("brightness", "light.hall", 30.0),
        ("dimmer", "light.hall", None),
        ("position", "cover.garage", 50.0),
        ("stop", "cover.garage", None),
        ("fan_speed", "fan.old", 50.0),
        ("brighter", "fan.old", None),
    ],
)
def test_what_a_device_cannot_do_is_impossible_and_not_another_thing(
    verb: str, entity_id: str, value: float | str | None
) -> None:
    """Home Assistant would turn a lamp without colours on, and say that this was done."""
    assert made(verb, Target((entity_id,)), value) == Plan((), "impossible")


@pytest.mark.parametrize(
    ("verb", "entity_id", "value", "expected"),
    [
        ("color", "light.mood", "red", {"color": "red"}),
        ("color_temperature", "light.mood", "warm", {"temperature": 2700}),
        ("color", "light.shelf", "white", {"temperature": 4000}),
        ("brightness", "light.desk", 30.0, {"brightness": 30}),
        ("position", "cover.shade", 50.0, {"position": 50}),
        ("on", "light.hall", None, {"name": "Hall Lamp"}),
        ("open", "cover.garage", None, {"name": "Garage"}),
        ("off", "fan.old", None, {"name": "Old Fan"}),
    ],
)
def test_what_it_can_do_is_done(
    verb: str, entity_id: str, value: float | str | None, expected: dict[str, Any]
) -> None:
    ((_, called),) = arguments(made(verb, Target((entity_id,)), value))
    assert called.items() >= expected.items()


def test_of_a_room_only_those_are_called_that_can() -> None:
    room = Target(area="kitchen", domain="light")
    lamps = [entity("light.k1", "One", "kitchen", features=()), entity("light.k2", "Two", "kitchen")]
    calls = arguments(made("color", room, "red", *lamps))
    assert [called.get("name") for _, called in calls] == ["Kitchen Lamp", "Two"]
    # Where all can, one call is enough.
    assert [called.get("name") for _, called in arguments(made("color", room, "red", lamps[1]))] == [None]


def test_nothing_is_known_of_a_home_that_does_not_tell() -> None:
    """Homes of other integrations, and of older versions of ours."""
    ((_, called),) = arguments(made("color", Target(("light.kitchen",)), "red"))
    assert called["color"] == "red"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Set the hall lamp to red"),
        ("de", "Stelle die Hall Lamp auf rot"),
        ("fr", "Mets Hall Lamp en rouge"),
    ],
)
def test_a_lamp_without_colours_is_not_turned_on_when_red_is_asked_for(language: str, said: str) -> None:
    spoken_to = replace(home("living", *HALL), language=language)
    request = ChatRequest((Message("user", said),), tools=TOOLS, home=spoken_to)
    deltas = list(HomeResponder(lambda prompt: ("<escalate>", 1.0)).respond(request))
    assert not any(delta.tool_call for delta in deltas)
    text = "".join(delta.content for delta in deltas)
    assert text == fixed("impossible", language, reply.PROBLEMS["impossible"])


@pytest.mark.parametrize(
    ("target", "state", "expected"),
    [
        (Target(("light.hall",)), "off", ["intent__HassTurnOn"]),
        (Target(area="hall", domain="light"), "off", ["intent__HassTurnOn"]),
        (Target(area="hall", domain="light"), "on", ["light__HassLightSet"]),
        (Target(("light.desk",)), "off", ["light__HassLightSet"]),
    ],
)
def test_brighter_means_on_where_it_is_dark_and_a_lamp_knows_nothing_between(
    target: Target, state: str, expected: list[str]
) -> None:
    lamps = (replace(PLAIN, state="off"), replace(DIMMED, state=state))
    calls = made("brighter", target, None, *lamps).calls
    assert [call.name for call in calls] == expected
