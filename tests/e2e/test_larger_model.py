"""A second server with a model that writes texts, beside the house's own, in a real Home Assistant.

The model's weights are random, so whatever makes sense in its answers was guaranteed by the server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from house_runner.errors import HouseError
from house_runner.house import House
from house_runner.integration import add_entry, reload_entry, remove_entry
from house_runner.ports import find_free
from house_runner.server import start_server
from tests.e2e.test_other_integrations import SUBENTRIES, flow, rest
from tests.tiny import write_tiny

pytestmark = pytest.mark.asyncio(loop_scope="session")

TASK = "ai_task.pico_qwen_ai_task"
KEY = "a key of the house"
# A tool whose result is certain, and a model whose answer has a certain form.
FLOW = """
name: bill
description: Judges, and adds up.
start: judge
nodes:
  judge:
    ask: "Is {input} much?"
    schema: {type: object, required: [much], properties: {much: {type: boolean}}, additionalProperties: false}
    next: sum
  sum: {tool: calculator, arguments: {expression: "{input}"}}
"""
# Finite, since random weights would go on with a text for ever.
STRUCTURE = {
    "level": {"required": True, "selector": {"number": {"min": 0, "max": 9, "step": 1}}},
    "wet": {"required": True, "selector": {"boolean": {}}},
    "where": {"required": True, "selector": {"select": {"options": ["cellar", "attic"]}}},
}


@dataclass(frozen=True)
class Larger:
    """The second server's entry in Home Assistant."""

    house: House
    entry_id: str

    async def entities(self) -> dict[str, dict[str, Any]]:
        entities = await self.house.client.call("config/entity_registry/list")
        return {row["entity_id"]: row for row in entities if row["config_entry_id"] == self.entry_id}

    async def shown(self, key: str) -> dict[str, Any]:
        """The state, with its attributes, of an entity of the server."""
        (entity_id,) = (
            name
            for name, row in (await self.entities()).items()
            if row["unique_id"] == f"{self.entry_id}_{key}"
        )
        return (await self.house.client.states())[entity_id]

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await condition():
                await asyncio.sleep(0.1)

    async def act(self, action: str, **data: Any) -> dict[str, Any]:
        domain, service = action.split(".")
        answer = await self.house.client.call(
            "call_service", domain=domain, service=service, service_data=data, return_response=True
        )
        return answer["response"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def larger(running_house: House, tmp_path_factory) -> AsyncIterator[Larger]:
    """The server with its tiny model, a key, and an entry of its own."""
    folder: Path = tmp_path_factory.mktemp("larger")
    model = write_tiny(folder / "tiny.gguf")
    write_tiny(folder / "other.gguf")
    (folder / "flows").mkdir()
    (folder / "flows" / "bill.yaml").write_text(FLOW)
    (folder / "agents.toml").write_text(
        f'[agents]\nagents = true\nflows_dir = "{folder}/flows"\nagents_dir = "{folder}/agents"\n'
    )
    options = ("--config", str(folder / "agents.toml"), "--no-built-in", "--model", str(model))
    options += ("--api-key", KEY, "--models-dir", str(folder))
    server = await start_server(find_free(), folder / "server.log", *options)
    try:
        entry_id = await add_entry(running_house.home_assistant, server.url, api_key=KEY)
        yield Larger(running_house, entry_id)
        await remove_entry(running_house.home_assistant, entry_id)
        assert await Larger(running_house, entry_id).entities() == {}
    finally:
        await server.stop()


async def test_both_servers_are_connected_and_neither_can_be_added_again(larger: Larger) -> None:
    entries = await larger.house.client.call("config_entries/get", domain="picoqwen")
    assert [entry["state"] for entry in entries] == ["loaded", "loaded"]
    with pytest.raises(HouseError, match="already_configured"):
        await add_entry(larger.house.home_assistant, larger.house.server.url)


async def test_structured_data_are_what_was_asked_for_whatever_the_model_would_write(larger: Larger) -> None:
    for _ in range(3):
        answer = await larger.act(
            "ai_task.generate_data",
            task_name="flood",
            entity_id=TASK,
            instructions="Where is the water?",
            structure=STRUCTURE,
        )
        data = answer["data"]
        assert set(data) == {"level", "wet", "where"}
        assert 0 <= data["level"] <= 9
        assert isinstance(data["wet"], bool)
        assert data["where"] in ("cellar", "attic")


async def test_a_question_is_weighed_by_the_models_own_probabilities(larger: Larger) -> None:
    answer = await larger.act(
        "ai_task.evaluate",
        task_name="flood",
        entity_id=TASK,
        state={"cellar": "wet", "attic": "dry"},
        questions={
            "danger": {"type": "noul", "instructions": "Is there danger?"},
            "room": {
                "type": "choice",
                "instructions": "Where is the water?",
                "criteria": {"cellar": "below the house", "attic": "under the roof", "none": "it is dry"},
            },
            "depth": {"type": "score", "instructions": "How deep?", "criteria": ["dry", "damp", "flooded"]},
        },
    )
    answers = answer["answers"]
    assert 0 < answers["danger"]["noul"] < 1
    weights = answers["room"]["probabilities"]
    assert sum(weights.values()) == pytest.approx(1)
    assert answers["room"]["choice"] == max(weights, key=weights.get)
    assert 0 <= answers["depth"]["score"] <= 2
    assert sum(answers["depth"]["probabilities"]) == pytest.approx(1)


async def test_generate_answers_with_its_figures(larger: Larger) -> None:
    answer = await larger.act(
        "picoqwen.generate", prompt="Tell a story.", max_tokens=8, config_entry=larger.entry_id
    )
    assert answer["text"]
    assert (answer["model"], answer["finish_reason"]) == ("tiny", "length")
    assert answer["usage"]["completion_tokens"] == 8
    assert answer["milliseconds"] > 0


async def test_the_servers_entities_show_it(larger: Larger) -> None:
    states = await larger.house.client.states()
    ours = {
        entity_id: states[entity_id]["state"] for entity_id in await larger.entities() if entity_id in states
    }
    by_kind = {
        entity_id.rpartition("server_")[2].removesuffix("_2"): state for entity_id, state in ours.items()
    }
    assert by_kind["connectivity"] == "on"
    assert by_kind["status"] == "ok"
    assert by_kind["loaded_models"] == "tiny"


async def test_agents_of_the_server_run_a_flow(larger: Larger) -> None:
    run = await larger.act(
        "picoqwen.run_flow", flow="bill", input="17.5 * 4", config_entry=larger.entry_id, seconds=120
    )
    assert (run["state"], run["limits_hit"], run["flow"]) == ("done", [], "bill")
    assert "'value': 70.0" in run["output"]
    assert [step["name"] for step in run["steps"]] == ["judge", "sum"]
    assert run["usage"]["completion_tokens"] > 0
    assert run["milliseconds"] > 0
    with pytest.raises(HouseError, match=r"no flow bills\. It has: .*bill"):
        await larger.act("picoqwen.run_flow", flow="bills", input="1", config_entry=larger.entry_id)


async def test_a_model_is_loaded_and_unloaded_again(larger: Larger) -> None:
    def loaded(*models: str) -> Callable[[], Awaitable[bool]]:
        async def shown() -> bool:
            return set((await larger.shown("loaded_models"))["state"].split(", ")) == set(models)

        return shown

    told = await larger.act(
        "picoqwen.load_model", model="other", context_size=512, config_entry=larger.entry_id
    )
    assert (told["id"], told["loaded"], told["context_length"]) == ("other", True, 512)
    await larger.until(loaded("other", "tiny"))
    told = await larger.act("picoqwen.unload_model", model="other", config_entry=larger.entry_id)
    assert (told["id"], told["loaded"]) == ("other", False)
    await larger.until(loaded("tiny"))
    with pytest.raises(HouseError, match="unload_model failed: model 'tiny' is always loaded"):
        await larger.act("picoqwen.unload_model", model="tiny", config_entry=larger.entry_id)
    with pytest.raises(HouseError, match=r"load_model failed: .*no-such-model"):
        await larger.act("picoqwen.load_model", model="no-such-model", config_entry=larger.entry_id)


async def test_a_further_agent_has_a_model_of_its_own(larger: Larger) -> None:
    fields = {"name": "Other", "model": "other", "routing": "local_only", "max_tokens": 64}
    async with rest(larger.house) as session:
        await flow(session, SUBENTRIES, [larger.entry_id, "ai_task_data"], fields)

    async def there() -> bool:
        states = await larger.house.client.states()
        return all(
            name in states and states[name]["state"] != "unavailable" for name in (TASK, "ai_task.other")
        )

    await larger.until(there)

    for entity_id, model in ((TASK, "tiny"), ("ai_task.other", "other")):
        await larger.act(
            "ai_task.generate_data",
            task_name="who",
            entity_id=entity_id,
            instructions="Who are you?",
            structure={"wet": STRUCTURE["wet"]},
        )
        assert (await larger.shown("answers"))["attributes"]["model"] == model


async def test_a_reload_leaves_the_same_entities(larger: Larger) -> None:
    before = set(await larger.entities())
    await reload_entry(larger.house.home_assistant, larger.entry_id)
    async with asyncio.timeout(30):
        while (await larger.house.client.states())[TASK]["state"] == "unavailable":
            await asyncio.sleep(0.1)
    assert set(await larger.entities()) == before


async def test_the_servers_are_primed_and_one_that_cannot_hold_the_home_says_so(larger: Larger) -> None:
    async def prime(entry_id: str) -> None:
        await larger.house.client.call(
            "call_service", domain="picoqwen", service="prime", service_data={"config_entry": entry_id}
        )

    entries = await larger.house.client.call("config_entries/get", domain="picoqwen")
    (house,) = {entry["entry_id"] for entry in entries} - {larger.entry_id}
    await prime(house)
    # A vocabulary of bytes makes the prompt of this house longer than the tiny model's context.
    with pytest.raises(
        HouseError, match=r"picoqwen.prime failed: the prompt has \d+ tokens, but the context"
    ):
        await prime(larger.entry_id)
