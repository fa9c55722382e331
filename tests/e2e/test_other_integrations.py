"""Home Assistant's own `ollama` and `llama_cpp` integrations, unmodified, on our server switch a lamp."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from house_runner.conversation import Conversation
from house_runner.home_assistant import bearer, post
from house_runner.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")
FLOWS = "/api/config/config_entries/flow"
SUBENTRIES = "/api/config/config_entries/subentries/flow"
AGENT = {
    "name": "Ollama agent",
    "model": "pico-home:latest",
    "llm_hass_api": ["assist"],
    "prompt": "Be brief.",
}


@asynccontextmanager
async def rest(house: House):
    timeout = aiohttp.ClientTimeout(total=60)
    headers = bearer(house.home_assistant.token)
    async with aiohttp.ClientSession(house.home_assistant.url, headers=headers, timeout=timeout) as session:
        yield session


async def flow(session, path: str, handler, *steps: dict) -> dict:
    """Run a flow with these answers; its last step."""
    step = await post(session, path, json={"handler": handler})
    for answer in steps:
        assert step["type"] == "form", step
        step = await post(session, f"{path}/{step['flow_id']}", json=answer)
    assert step["type"] == "create_entry", step
    return step


async def agent_of(house: House, platform: str) -> str:
    """Its conversation entity, once it can answer; adding one reloads the integration."""
    async with asyncio.timeout(60):
        while True:
            entities = await house.client.call("config/entity_registry/list")
            ours = {each["entity_id"] for each in entities if each["platform"] == platform}
            states = {state["entity_id"]: state["state"] for state in await house.client.call("get_states")}
            for entity_id in ours & set(states):
                if entity_id.startswith("conversation.") and states[entity_id] != "unavailable":
                    return entity_id
            await asyncio.sleep(0.1)


async def switch_the_lamp(house: House, platform: str) -> None:
    conversation = await Conversation.open(house.client, await agent_of(house, platform))
    answer = await conversation.say("turn on the kitchen lamp", path="process")
    changes = {change.entity_id: change.after for change in answer.changes}
    assert changes == {"light.kitchen_lamp": "on"}, answer
    assert answer.text.casefold() == "turned on the kitchen lamp."


async def test_ollama_switches_a_lamp(house: House) -> None:
    async with rest(house) as session:
        entry = await flow(session, FLOWS, "ollama", {"url": house.server.url})
        await flow(session, SUBENTRIES, [entry["result"]["entry_id"], "conversation"], AGENT)
        await switch_the_lamp(house, "ollama")
        await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")


async def test_llama_cpp_switches_a_lamp(house: House) -> None:
    async with rest(house) as session:
        steps = ({"base_url": f"{house.server.url}/v1"}, {"chat_model": "pico-home"})
        entry = await flow(session, FLOWS, "llama_cpp", *steps)
        await switch_the_lamp(house, "llama_cpp")
        await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")
