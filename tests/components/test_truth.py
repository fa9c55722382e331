"""No words of a model claim what its calls did not do."""

import inspect
import json
from typing import Any

import pytest
from allowed import allow, from_outside
from conftest import LAMP
from fake_server import DONE, FakeServer, call, event, finish, words
from homeassistant.components.conversation import ChatLog, async_get_chat_log
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.helpers.chat_session import async_get_chat_session
from homeassistant.setup import async_setup_component
from test_conversation import say, speech

from custom_components.picoqwen.truth import admits

pytest_plugins = ("devices",)

SET, ON = "light__HassLightSet", "intent__HassTurnOn"
CLAIM = {"en": "Done, it is red now.", "de": "Erledigt, sie ist jetzt rot."}


def said_by(rung: str, text: str) -> list[bytes]:
    """A whole answer, and who gave it."""
    return [event({"role": "assistant", "content": text}), finish(served={"rung": rung}), DONE]


def do(*calls: tuple[str, dict[str, Any]]) -> list[bytes]:
    """Calls of one round, each with an id of its own."""
    made = [call(name, json.dumps(arguments)) for name, arguments in calls]
    return [part.replace(b'"c1"', f'"c{id(part)}"'.encode()) for part in made] + [DONE]


RED = {"color": "red"}


@pytest.mark.parametrize(
    ("language", "name", "ours"),
    [
        ("en", "Dim lamp", "Dim lamp: can't do that."),
        ("en", "Garden lamp", "Garden lamp: not available."),
        ("en", "Deaf lamp", "Deaf lamp: no reaction so far."),
        ("en", "No such lamp", "That did not work: No such lamp."),
        ("de", "Dim lamp", "Dim lamp: kann das nicht."),
        ("de-CH", "Garden lamp", "Garden lamp: nicht erreichbar."),
        ("fr", "Deaf lamp", "Deaf lamp : pas de réaction pour l'instant."),
        ("es", "Dim lamp", "Dim lamp: no puede hacer eso."),
        ("nl", "Dim lamp", "Dim lamp: kan dat niet."),
        ("it", "Dim lamp", "Dim lamp: non può farlo."),
        ("pl", "Dim lamp", "Dim lamp: can't do that."),
    ],
)
async def test_a_larger_model_that_claims_it_all_the_same_is_not_heard(
    hass: HomeAssistant,
    server: FakeServer,
    entry: ConfigEntry,
    devices: None,
    language: str,
    name: str,
    ours: str,
) -> None:
    claim = CLAIM.get(language[:2], "Zrobione." if language == "pl" else "OK!")
    server.answers = [do((SET, {"name": name, **RED})), said_by("local", claim)]
    result = await say(hass, "make it red", language=language)
    assert speech(result) == ours
    assert result.response.success_results == []


async def test_what_it_says_of_the_failure_is_said_after_it(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    text = "The dim lamp doesn't have colours. Shall I dim it instead?"
    server.answers = [do((SET, {"name": "Dim lamp", **RED})), said_by("cloud", text)]
    result = await say(hass, "make it red")
    assert speech(result) == f"Dim lamp: can't do that. {text}"
    assert result.continue_conversation


async def test_the_models_are_told_what_happened(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    server.answers = [do((SET, {"name": "Dim lamp", **RED})), said_by("local", "Done.")]
    await say(hass, "make it red")
    told = json.loads(server.chats[1]["messages"][-1]["content"])
    assert told["error"] is True
    assert told["data"]["note"] == "Dim lamp: It cannot do that: nothing was done to it."


async def test_the_servers_own_words_are_left_as_they_are(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    for rung in ("built_in", "rules"):
        server.answers = [
            do((SET, {"name": "Dim lamp", **RED})),
            said_by(rung, "The dim lamp can do nothing of the kind."),
        ]
        assert speech(await say(hass, "make it red")) == "The dim lamp can do nothing of the kind."


async def test_what_was_done_is_said_with_what_was_not(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    calls = [(ON, {"name": "Plain lamp"}), (ON, {"name": "Garden lamp"})]
    server.answers = [do(*calls), said_by("local", "Both lamps are on.")]
    said = speech(await say(hass, "turn on the plain lamp and the garden lamp"))
    assert said == "Done. Plain lamp: On. Garden lamp: not available."


async def test_a_second_try_that_works_is_told_by_the_model(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    server.answers = [
        [event({"role": "assistant", "content": "A moment."}), *do((ON, {"name": "Flat lamp"}))],
        do((ON, {"name": "Plain lamp"})),
        said_by("local", "The plain lamp is on."),
    ]
    assert speech(await say(hass, "turn on the plain lamp")) == "The plain lamp is on."


async def test_a_failure_of_the_turn_before_is_over(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    server.answers = [do((SET, {"name": "Dim lamp", **RED})), said_by("local", "Done."), words("It is late.")]
    first = await say(hass, "make it red")
    later = await say(hass, "what time is it?", conversation_id=first.conversation_id)
    assert speech(later) == "It is late."


async def test_no_piece_of_a_claim_is_spoken_while_it_is_written(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None
) -> None:
    heard: list[str] = []
    claim = [event({"content": each}) for each in ("It ", "is ", "red.")]
    server.answers = [
        do((SET, {"name": "Dim lamp", **RED})),
        [*claim, finish(served={"rung": "local"}), DONE],
    ]
    # Since 2026.11 a conversation belongs to the user of its context.
    knows_owners = "context" in inspect.signature(async_get_chat_session).parameters
    owner = {"context": Context()} if knows_owners else {}

    def listen(log: ChatLog, delta: dict[str, Any]) -> None:
        if isinstance(delta.get("content"), str):
            heard.append(delta["content"])

    with (
        async_get_chat_session(hass, **owner) as session,
        async_get_chat_log(hass, session, None, chat_log_delta_listener=listen),
    ):
        await say(hass, "make it red", conversation_id=session.conversation_id)
    assert heard == ["Dim lamp: can't do that."]


@pytest.mark.parametrize(
    ("text", "language", "is_no"),
    [
        ("The lamp is red now.", "en", False),
        ("No problem, the lamp is red.", "en", False),
        ("I couldn't find it.", "en", True),
        ("Die Lampe ist jetzt rot.", "de-AT", False),
        ("Die Lampe kann leider keine Farben.", "de", True),
        ("La lampe n'a pas de couleurs.", "fr", True),
        ("La lampe est rouge.", "fr", False),
        ("La lámpara ya está roja.", "es", False),
        ("Purtroppo la lampada non ha colori.", "it", True),
        ("De lamp heeft geen kleuren.", "nl", True),
        ("Lampa nie ma kolorów.", "pl", False),
        ("I am not able to.", None, True),
    ],
)
def test_who_says_that_something_is_not_so_is_heard(text: str, language: str | None, is_no: bool) -> None:
    assert admits(text, language) is is_no


async def test_an_allowed_action_is_held_to_the_same(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, devices: None, lamps: None
) -> None:
    api = await allow(
        hass, entry, ["light.turn_on", "fan.turn_on", "climate.set_temperature", "media_player.media_play"]
    )

    async def use(name: str, *target: str, **data: Any) -> Any:
        result = await from_outside(hass, api, name, target=list(target), **data)
        return result.data["done"], result.data.get("error") or result.data.get("note")

    assert await use("light__turn_on", "Plain lamp", rgb_color=[255, 0, 0]) == (
        False,
        "Plain lamp: It cannot do that: nothing was done to it.",
    )
    assert (await use("light__turn_on", "Garden lamp"))[0] is False
    done, why = await use("light__turn_on")
    assert (done, why.partition(" of ")[0]) == (False, "nothing is chosen")
    assert await use("light__turn_on", "Deaf lamp") == (
        None,
        "Deaf lamp: It was told, and shows no reaction so far.",
    )
    assert (await use("light__turn_on", "Plain lamp", "Garden lamp"))[0] is None
    assert await use("light__turn_on", "Slow lamp", brightness_pct=50) == (True, None)
    assert (await use("media_player__media_play", "Radio"))[0] is None
    assert (await use("climate__set_temperature", "Heating", temperature=90))[0] is False
    assert (await use("climate__set_temperature", "Heating", temperature=21)) == (True, None)
    assert hass.states.get(LAMP).state == "off"


async def test_a_number_that_keeps_its_own_mind_is_not_called_set(
    hass: HomeAssistant, entry: ConfigEntry, devices: None
) -> None:
    numbers = {"level": {"name": "Level", "min": 0, "max": 9, "step": 1}}
    assert await async_setup_component(hass, "input_number", {"input_number": numbers})
    async_expose_entity(hass, "conversation", "input_number.level", True)
    api = await allow(hass, entry, ["input_number.set_value"])
    heard = await from_outside(hass, api, "input_number__set_value", target=["Level"], value=7)
    assert heard.data["done"] is True

    async def drop(service: ServiceCall) -> None:
        """Nothing."""

    hass.services.async_register("input_number", "set_value", drop)
    ignored = await from_outside(hass, api, "input_number__set_value", target=["Level"], value=3)
    assert (ignored.data["done"], ignored.data["states"]) == (None, {"input_number.level": "7.0"})
