"""Several agents of one entry, and what a reload, an unload and a removal leave, in a real Home Assistant."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from house_runner.conversation import Conversation
from house_runner.house import House
from house_runner.integration import reload_entry
from tests.e2e.test_other_integrations import SUBENTRIES, flow, rest

pytestmark = pytest.mark.asyncio(loop_scope="session")
# An idle connection may be kept for a while by Home Assistant's shared session.
SECONDS = 60


async def entry_of(house: House) -> dict[str, Any]:
    (entry,) = await house.client.call("config_entries/get", domain="picoqwen")
    return entry


async def entities_of(house: House) -> dict[str, str]:
    """The entities of the integration, each with its state."""
    registry = await house.client.call("config/entity_registry/list")
    states = await house.client.states()
    return {
        each["entity_id"]: states[each["entity_id"]]["state"]
        for each in registry
        if each["platform"] == "picoqwen" and each["entity_id"] in states
    }


async def add(house: House, kind: str, **fields: Any) -> str:
    """Add a subentry by its form; its id, once the entry is loaded with it."""
    entry = await entry_of(house)
    known = {each["subentry_id"] for each in await subentries(house, entry)}
    async with rest(house) as session:
        await flow(session, SUBENTRIES, [entry["entry_id"], kind], fields)
    await until_loaded(house)
    (new,) = {each["subentry_id"] for each in await subentries(house, entry)} - known
    return new


async def subentries(house: House, entry: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await house.client.call(
        "config_entries/subentries/list", entry_id=entry["entry_id"]
    )
    return found


async def delete(house: House, subentry_id: str) -> None:
    entry = await entry_of(house)
    await house.client.call(
        "config_entries/subentries/delete", entry_id=entry["entry_id"], subentry_id=subentry_id
    )
    await until_loaded(house)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await condition():
            await asyncio.sleep(0.1)


async def until_loaded(house: House) -> None:
    """Until the entry is loaded and the agent of the house is there."""

    async def loaded() -> bool:
        entities = await entities_of(house)
        known = entities.get(house.conversation.agent_id, "unavailable")
        return (await entry_of(house))["state"] == "loaded" and known != "unavailable"

    await until(loaded)


async def switches_the_lamp(house: House, conversation: Conversation | None = None) -> bool:
    answer = await (conversation or house.conversation).say("turn on the kitchen lamp", path="process")
    return [change.entity_id for change in answer.changes] == ["light.kitchen_lamp"]


def connections(house: House) -> list[Any]:
    """Those of Home Assistant to the server."""
    process = psutil.Process(house.home_assistant.process.pid)
    return [
        each
        for each in process.net_connections("tcp")
        if each.raddr and each.raddr.port == house.options.port and each.status == psutil.CONN_ESTABLISHED
    ]


async def api_names(house: House) -> set[str]:
    return {each["name"] for each in (await house.client.call("llm/api/list"))["apis"]}


async def test_a_satellite_means_the_light_of_its_room(house: House, satellite) -> None:
    device_id = await satellite("Bedroom")
    areas = {each["area_id"] for each in await house.client.call("config/area_registry/list")}
    assert "bedroom" in areas

    answer = await house.conversation.say("turn on the lights", device_id=device_id)

    assert {change.entity_id for change in answer.changes} == {"light.bedside_left"}, answer


async def test_two_agents_of_one_entry_answer_each_with_its_own_tools(house: House) -> None:
    before = set(await entities_of(house))
    subentry = await add(house, "conversation", name="Talker", llm_hass_api=[], max_history=5)
    (agent,) = {each for each in set(await entities_of(house)) - before if each.startswith("conversation.")}
    talker = await Conversation.open(house.client, agent)

    assert not await switches_the_lamp(house, talker)
    assert await switches_the_lamp(house)

    await delete(house, subentry)
    assert set(await entities_of(house)) == before


async def test_a_door_is_unlocked_by_a_yes_from_another_room_and_written_down(
    house: House, satellite
) -> None:
    door = "lock.front_door"
    before = set(await entities_of(house))
    doors = await add(house, "actions", name="Doors", services=["lock.unlock"])
    (api,) = [
        each["id"] for each in (await house.client.call("llm/api/list"))["apis"] if each["name"] == "Doors"
    ]
    keeper = await add(house, "conversation", name="Keeper", llm_hass_api=["assist", api], max_history=5)
    (agent,) = {each for each in set(await entities_of(house)) - before if each.startswith("conversation.")}
    conversation = await Conversation.open(house.client, agent)

    async def say(text: str, room: str) -> Any:
        return await conversation.say(text, path="process", device_id=await satellite(room))

    asked = await say("unlock the front door", "Bedroom")
    assert (asked.text, asked.changes, asked.continues) == ("Shall I unlock the Front door?", [], True)
    declined = await say("no, thanks", "Bedroom")
    assert declined.changes == []
    nothing = await say("yes", "Kitchen")
    assert door not in {change.entity_id for change in nothing.changes}

    await say("unlock the front door", "Bedroom")
    done = await say("yes, please", "Kitchen")
    assert {change.entity_id: change.after for change in done.changes} == {door: "unlocked"}
    assert done.text == "Done. Front door: Unlocked."
    (log,) = [
        state
        for entity_id, state in (await house.client.states()).items()
        if entity_id.startswith("event.") and entity_id.endswith("_acts")
    ]
    told = log["attributes"]
    assert (told["event_type"], told["entities"], told["said"]) == ("done", [door], "yes, please")
    assert (told["asked_with"], told["place"]) == ("unlock the front door", "Kitchen")

    for subentry in (keeper, doors):
        await delete(house, subentry)
    assert set(await entities_of(house)) == before


async def test_reload_and_unload_leave_nothing_behind(house: House) -> None:
    subentry = await add(house, "actions", name="Lamps only", services=["light.turn_on"])
    entry = await entry_of(house)
    before = set(await entities_of(house))
    assert "Lamps only" in await api_names(house)

    await reload_entry(house.home_assistant, entry["entry_id"])
    await until_loaded(house)
    assert set(await entities_of(house)) == before
    assert await switches_the_lamp(house)

    assert connections(house)
    await house.client.call("config_entries/disable", entry_id=entry["entry_id"], disabled_by="user")
    assert await entities_of(house) == {}
    assert "Lamps only" not in await api_names(house)

    async def nobody_connected() -> bool:
        return not connections(house)

    await until(nobody_connected)
    await house.client.call("config_entries/disable", entry_id=entry["entry_id"], disabled_by=None)
    await until_loaded(house)
    assert set(await entities_of(house)) == before
    await house.reset()
    assert await switches_the_lamp(house)

    await delete(house, subentry)
    assert "Lamps only" not in await api_names(house)


# What Home Assistant says of every custom integration, and what other tests here provoke.
EXPECTED = (
    "has not been tested by Home Assistant",
    "cannot be reached",
    "could not answer",
    "Error fetching",
)


async def test_home_assistants_log_has_no_complaint_about_us(running_house: House) -> None:
    """No deprecated call, no blocking one, no exception that nobody caught."""
    log = running_house.home_assistant.process.log.read_text(encoding="utf-8", errors="replace")
    complaints = [line for line in log.splitlines() if re.search(r" (WARNING|ERROR|CRITICAL) ", line)]
    ours = [line for line in complaints if "picoqwen" in line]
    assert [line for line in ours if not any(each in line for each in EXPECTED)] == []
    assert "custom_components/picoqwen" not in log, "a traceback that goes through us"
