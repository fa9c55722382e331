"""Those who run flows against the real server: what it answers is what its document says and they expect."""

import asyncio
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest

from picoqwen_core.terminal import Server
from tests.server.flow_contract import complaints, hold, hold_events
from tests.server.test_agents_api import serve  # noqa: F401 - a fixture

THOUGHTS = ({"thought": "It is November.", "more_needed": False}, "It holds.", "No.")
RUNS = "/api/v1/flows/{id}/runs"
INTEGRATION = Path(__file__).resolve().parents[2] / "custom_components" / "picoqwen"


@pytest.fixture
def integration(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The integration's client without its package, which would bring Home Assistant in."""
    package = ModuleType("integration_alone")
    package.__path__ = [str(INTEGRATION)]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    return importlib.import_module(f"{package.__name__}.client")


@pytest.fixture
async def client(serve: Any) -> Any:  # noqa: F811
    return await serve(*THOUGHTS)


async def test_the_document_of_the_server_is_the_contract(client: Any) -> None:
    document = await client.get("/api/v1/openapi.json")
    answer = document["paths"][RUNS]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    events = document["components"]["schemas"]["FlowEvent"]
    run = await client.post("/api/v1/flows/think/runs", {"input": "Is it warm?"})
    assert complaints(answer, run) == []
    assert complaints(answer, {**run, "state": "perhaps"}) != []
    assert complaints(answer, {key: each for key, each in run.items() if key != "sources"}) != []
    assert complaints(events, {"type": "done", **run}) == []
    assert complaints(events, {"type": "step"}) != []


async def test_every_answer_of_a_flow_is_as_the_document_says(client: Any) -> None:
    hold("GET", "/api/v1/flows", await client.get("/api/v1/flows"))
    limited = await client.post("/api/v1/flows/think/runs", {"input": "?", "limits": {"steps": 1}})
    failed = await client.post("/api/v1/flows/think/runs", {"input": "?"})
    assert (limited["state"], failed["state"]) == ("limited", "failed")
    for run in (limited, failed):
        hold("POST", RUNS, run)
        hold("GET", "/api/v1/flows/runs/{id}", await client.get(f"/api/v1/flows/runs/{run['id']}"))
    hold("GET", "/api/v1/flows/runs", await client.get("/api/v1/flows/runs"))
    async with client.session.delete(f"{client.url}/api/v1/flows/runs/{failed['id']}") as response:
        hold("DELETE", "/api/v1/flows/runs/{id}", await response.json())


async def test_the_integrations_client_understands_the_real_server(
    client: Any, integration: ModuleType
) -> None:
    async with aiohttp.ClientSession() as session:
        home = integration.PicoQwenClient(session, client.url)
        flows = await home.flows()
        run = await home.run_flow("think", {"input": "Is it warm?", "limits": {"steps": 9}}, 60)
        with pytest.raises(integration.PicoQwenError, match="there is no flow 'dance'"):
            await home.run_flow("dance", {"input": "?"}, None)
    assert [each["name"] for each in flows] == ["research", "search", "think", "ruminate"]
    hold("POST", RUNS, run)
    assert (run["state"], run["output"], run["limits_hit"]) == ("done", "No.", [])


async def test_the_terminals_client_understands_the_real_server(client: Any) -> None:
    server = Server(client.url)
    body = {"input": "Is it warm?", "stream": True}
    events = await asyncio.to_thread(lambda: list(server.events("/api/v1/flows/think/runs", body)))
    hold_events(events)
    assert await asyncio.to_thread(server.get, f"/api/v1/flows/runs/{events[0]['id']}") == {
        key: value for key, value in events[-1].items() if key != "type"
    }
