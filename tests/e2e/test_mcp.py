"""Home Assistant's own two ends of MCP, unmodified: its client on our server, and ours on its server.

Ours asks it directly, and as an app by way of the Supervisor, whose stand-in hands on what the real one does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from house_runner.house import House
from house_runner.paths import ROOT
from house_runner.ports import find_free
from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.mcp_client import McpClients
from picoqwen_core.agents.policy import Trust, decide
from picoqwen_core.agents.registry import Registry
from picoqwen_core.config import Settings
from picoqwen_core.mcp_servers import McpServer, parse_mcp_servers, with_supervisor_token
from picoqwen_core.messages import ToolCall
from picoqwen_core.router import Router
from picoqwen_core.server.access import mcp_token
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.agents.scripted import ScriptedModel, ScriptedProvider, call
from tests.container.supervisor import standing_in
from tests.e2e.test_other_integrations import FLOWS, flow, rest
from tests.mcp.conftest import Echo, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
KEY = "a key that Home Assistant cannot send"
LIVE, TURN_ON = "house__homeassistant__getlivecontext", "house__intent__hassturnon"
LAMP = "light.kitchen_lamp"


async def expose(house: House, entity_id: str, *, exposed: bool) -> None:
    """Let Assist see an entity, or not."""
    await house.client.call(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=[entity_id],
        should_expose=exposed,
    )


async def test_home_assistants_client_takes_our_tools_from_the_address_that_holds_the_key(
    house: House,
) -> None:
    async with serving(Echo("echo", "Say it again"), api_key=KEY) as url, rest(house) as session:
        entry = await flow(session, FLOWS, "mcp", {"url": f"{url}/mcp/{mcp_token(KEY)}"})
        try:
            apis = (await house.client.call("llm/api/list"))["apis"]
            (found,) = (each for each in apis if "picoqwen" in each["name"].casefold().replace("-", ""))
            async with session.get("/api/config/config_entries/entry?domain=mcp") as response:
                (state,) = await response.json()
        finally:
            await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")
        assert state["state"] == "loaded"
        assert found["id"] == f"mcp-{entry['result']['entry_id']}"


def assist(house: House) -> McpServer:
    """Home Assistant's server with a token of its own."""
    url, token = house.home_assistant.url, house.home_assistant.token
    return McpServer("house", url=f"{url}/api/mcp/assist", api_key=token, trusted=True)


async def test_our_client_reads_and_switches_what_is_exposed_and_nothing_else(house: House) -> None:
    async with rest(house) as session:
        entry = await flow(session, FLOWS, "mcp_server", {})
        registry = Registry()
        clients = McpClients((assist(house),), registry)
        clients.start()
        try:
            await until(lambda: clients.connections[0].state == "ready")
            turn_on = registry.get("house__intent__hassturnon")
            context = registry.get("house__homeassistant__getlivecontext")

            live = await call_tool(context, {})
            switched = await call_tool(turn_on, {"name": "Kitchen lamp"})
            states = await house.client.states()
            await expose(house, "light.kitchen_lamp", exposed=False)
            hidden = await call_tool(turn_on, {"name": "Kitchen lamp"})
            unseen = await call_tool(context, {})
            read_first = Trust()
            read_first.read(context.name, context.annotations, live)
        finally:
            await clients.stop()
            await expose(house, "light.kitchen_lamp", exposed=True)
            await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")
    assert "kitchen lamp" in live.text.casefold()
    assert live.untrusted
    assert not switched.error, switched.text
    assert states["light.kitchen_lamp"]["state"] == "on"
    assert hidden.error, hidden.text
    assert "kitchen lamp" not in unseen.text.casefold()
    assert context.annotations.read_only
    # Home Assistant does not say that turning on can be undone, so the user is asked.
    decision = decide(turn_on.name, turn_on.annotations, {"name": "Kitchen lamp"}, read_first, can_ask=True)
    assert decision.verdict == "confirm"


@asynccontextmanager
async def with_agents(
    server: McpServer, model: ScriptedModel, folder: Path
) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """A server whose agents have Home Assistant's tools; what asks it to turn the lamp on."""
    settings = Settings(agents=True, agents_dir=folder, agent_tools=(), mcp_servers=(server,), port=0)
    state = State(settings, Router([ScriptedProvider(model)]))

    async with listening(make_app(state), settings) as own, aiohttp.ClientSession() as session:
        await until(lambda: TURN_ON in state.registry)

        async def ask(*later: dict[str, str], **more: Any) -> dict[str, Any]:
            messages = [{"role": "user", "content": "Turn the kitchen lamp on"}, *later]
            body = {"messages": messages, "server_tools": True, **more}
            async with session.post(f"{own}/api/v1/chat", json=body) as response:
                assert response.status == 200, await response.text()
                return await response.json()

        yield ask


def confirmation(answer: dict[str, Any]) -> dict[str, Any]:
    """The user's word for the call that an answer asks about."""
    assert f"May I call {TURN_ON} with name = 'Kitchen lamp'?" in answer["choices"][0]["message"]["content"]
    (event,) = [each for each in answer["agent"]["events"] if each["type"] == "confirm"]
    return {"id": event["id"], "approve": True}


async def test_agents_read_the_home_and_switch_a_lamp_once_the_user_has_confirmed_it(
    house: House, tmp_path: Path
) -> None:
    turn_on = [ToolCall("call_on", TURN_ON, {"name": "Kitchen lamp"})]
    script = (call(LIVE), turn_on, "yes, confirmed", "It is on.", call(LIVE), turn_on, "I cannot see it.")
    model = ScriptedModel(*script)
    async with rest(house) as session:
        entry = await flow(session, FLOWS, "mcp_server", {})
        try:
            async with with_agents(assist(house), model, tmp_path) as ask:
                await house.client.service("light.turn_off", LAMP)
                waiting = confirmation(await ask())
                await ask({"role": "assistant", "content": "May I?"}, {"role": "user", "content": "yes"})
                unconfirmed = (await house.client.states())[LAMP]["state"]
                told = await ask(confirm=waiting)
                confirmed = (await house.client.states())[LAMP]["state"]

                await house.client.service("light.turn_off", LAMP)
                await expose(house, LAMP, exposed=False)
                last = await ask(confirm=confirmation(await ask()))
                hidden = (await house.client.states())[LAMP]["state"]
        finally:
            await expose(house, LAMP, exposed=True)
            await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")

    assert (unconfirmed, confirmed, hidden) == ("off", "on", "off")
    assert told["choices"][0]["message"]["content"] == "It is on."
    assert [each["state"] for each in last["agent"]["events"] if each["type"] == "tool"] == [
        "called",
        "failed",
    ]
    read = [request.messages[-1].content for request in model.requests if request.messages[-1].name == LIVE]
    assert ["kitchen lamp" in text.casefold() for text in read] == [True, False]


@pytest.mark.parametrize("path", ["mcp", "mcp/assist"])
async def test_as_an_app_agents_switch_a_lamp_by_way_of_the_supervisor_and_its_token(
    house: House, tmp_path: Path, path: str
) -> None:
    config = yaml.safe_load((ROOT / "addon" / "config.yaml").read_text())
    turn_on = [ToolCall("call_on", TURN_ON, {"name": "Kitchen lamp"})]
    model = ScriptedModel(call(LIVE), turn_on, "It is on.")
    port = find_free()
    address = f"http://127.0.0.1:{port}"
    options = [{"name": "house", "url": f"{address}/core/api/{path}", "trusted": True}]
    async with rest(house) as session, standing_in("app-token", config, "127.0.0.1", port) as supervisor:
        supervisor.core = (house.home_assistant.url, house.home_assistant.token)
        (server,) = with_supervisor_token(parse_mcp_servers(options), "app-token", address)
        entry = await flow(session, FLOWS, "mcp_server", {})
        try:
            async with with_agents(server, model, tmp_path) as ask:
                await house.client.service("light.turn_off", LAMP)
                waiting = confirmation(await ask())
                unconfirmed = (await house.client.states())[LAMP]["state"]
                told = await ask(confirm=waiting)
                confirmed = (await house.client.states())[LAMP]["state"]
        finally:
            await session.delete(f"/api/config/config_entries/entry/{entry['result']['entry_id']}")

    assert (unconfirmed, confirmed) == ("off", "on")
    assert told["choices"][0]["message"]["content"] == "It is on."
    assert "kitchen lamp" in model.requests[1].messages[-1].content.casefold()
    assert {asked for _, asked in supervisor.handed_on} == {path}
