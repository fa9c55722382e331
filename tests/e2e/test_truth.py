"""In a real Home Assistant nobody claims what did not happen: neither the built-in model nor a larger one.

The larger one's answers are written here, and claim success whatever the tools say.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from house_runner.conversation import Answer, Conversation
from house_runner.house import House
from house_runner.integration import add_entry, remove_entry
from picoqwen_core.config import Settings
from picoqwen_core.messages import ToolCall
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.agents.scripted import ScriptedModel, ScriptedProvider
from tests.e2e.test_other_integrations import rest

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIGHT, ON, OFF = "light__HassLightSet", "intent__HassTurnOn", "intent__HassTurnOff"
FAN, BASE = "fan__HassFanSetSpeed", "vacuum__HassVacuumReturnToBase"
DONE_WITH = "todo__HassListCompleteItem"


def call(tool: str, **arguments: Any) -> list[ToolCall]:
    return [ToolCall(f"call_{tool}", tool, arguments)]


@dataclass(frozen=True)
class Larger:
    """A server with a model that answers by script, and its agent in Home Assistant."""

    model: ScriptedModel
    conversation: Conversation

    async def claims(self, said: str, *calls: Any, language: str = "en") -> Answer:
        """The model makes these calls, one in each round, and then says this."""
        self.model.answers = [*calls, said]
        return await self.conversation.say("please", path="process", language=language)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def larger_model(running_house: House) -> AsyncIterator[Larger]:
    model = ScriptedModel("Hello.")
    settings = Settings(port=0)
    async with listening(make_app(State(settings, Router([ScriptedProvider(model)]))), settings) as url:
        entry_id = await add_entry(running_house.home_assistant, url)
        rows = await running_house.client.call("config/entity_registry/list")
        (agent,) = (
            row["entity_id"]
            for row in rows
            if row["config_entry_id"] == entry_id and row["entity_id"].startswith("conversation.")
        )
        yield Larger(model, await Conversation.open(running_house.client, agent))
        await remove_entry(running_house.home_assistant, entry_id)


@pytest.mark.parametrize(
    ("calls", "language", "said"),
    [
        (call(LIGHT, name="Mirror light", color="red"), "en", "Mirror light: can't do that."),
        (call(LIGHT, name="Star projector", brightness=30), "de", "Star projector: kann das nicht."),
        (call(FAN, name="Extractor fan", percentage=30), "en", "Extractor fan: can't do that."),
        (call(ON, name="Sauna"), "fr", "Cela n’a pas fonctionné : Sauna."),
        (call(DONE_WITH, name="Shopping list", item="caviar"), "en", "That did not work: Shopping list."),
        (call("intent__HassStartTimer", minutes=5, name="egg"), "en", "That did not work: egg."),
        (call("intent__HassCancelAllTimers"), "es", "No ha funcionado."),
    ],
    ids=str,
)
async def test_what_a_larger_model_claims_of_nothing_is_not_said(
    house: House, larger_model: Larger, calls: Any, language: str, said: str
) -> None:
    answer = await larger_model.claims("Done!", calls, language=language)
    assert answer.text == said
    assert answer.changes == []


async def test_what_a_larger_model_did_is_told_in_its_own_words(house: House, larger_model: Larger) -> None:
    answer = await larger_model.claims("It is red.", call(LIGHT, name="Floor lamp", color="red"))
    assert answer.text == "It is red."
    assert [change.entity_id for change in answer.changes] == ["light.floor_lamp"]


async def test_a_device_that_is_away_is_told_to_be(house: House, larger_model: Larger) -> None:
    lamp = (await house.client.states())["light.kitchen_lamp"]
    async with rest(house) as session:
        away = {"state": "unavailable", "attributes": lamp["attributes"]}
        async with session.post("/api/states/light.kitchen_lamp", json=away) as response:
            assert response.ok
    answer = await house.conversation.say("turn on the kitchen lamp")
    assert (answer.text, answer.changes) == ("The Kitchen lamp is not available.", [])
    answer = await house.conversation.say("schalte die Kitchen lamp ein", path="process", language="de")
    assert (answer.text, answer.changes) == ("Nicht erreichbar: Kitchen lamp.", [])
    answer = await larger_model.claims("It is on.", call(ON, name="Kitchen lamp"), language="it")
    assert (answer.text, answer.changes) == ("Kitchen lamp: non raggiungibile.", [])


async def test_what_was_so_before_is_not_claimed_as_done(house: House) -> None:
    answer = await house.conversation.say("turn on the reading lamp")
    assert (answer.text, answer.changes) == ("The Reading lamp was like that already.", [])
    answer = await house.conversation.say("schalte die Reading lamp ein", path="process", language="de")
    assert (answer.text, answer.changes) == ("War schon so: Reading lamp.", [])
