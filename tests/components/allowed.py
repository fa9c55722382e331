"""A house whose lock, garage and blind an agent may move by allowed actions, and talking to that agent."""

from typing import Any

import pytest
from fake_server import DONE, call
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, Event, HomeAssistant, ServiceCall, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component

AGENT = "conversation.pico_qwen"
DOOR, GARAGE, BLIND = "lock.front_door", "cover.garage", "cover.blind"
# What agents with several APIs see before the name of a tool; Home Assistant 2026.10 has it for each.
PREFIX = {"ours": "", "assist": ""}
QUESTION = "Shall I unlock the Front door?"
ALLOWED = ["cover.open_cover", "light.turn_on", "lock.unlock", "notify.tell"]


@pytest.fixture
async def house(hass: HomeAssistant, lamps: None, monkeypatch: pytest.MonkeyPatch) -> list[ServiceCall]:
    """A lock, a garage and a blind that are exposed, a lock that is not; returns the calls that move them."""
    # Nothing here moves by itself, so that nothing has to be waited for.
    monkeypatch.setattr("custom_components.picoqwen.questions.SETTLE_SECONDS", 0.05)
    calls: list[ServiceCall] = []
    for name in ("lock", "cover"):
        assert await async_setup_component(hass, name, {})

    @callback
    def move(service: ServiceCall) -> None:
        calls.append(service)
        for each in cv.ensure_list(service.data.get("entity_id", [])):
            state = hass.states.get(each)
            new = {"unlock": "unlocked", "open_cover": "open"}.get(service.service, state.state)
            hass.states.async_set(each, new, state.attributes)

    for domain, service in (("lock", "unlock"), ("cover", "open_cover"), ("notify", "tell")):
        hass.services.async_register(domain, service, move)
    hass.states.async_set(DOOR, "locked", {"friendly_name": "Front door"})
    hass.states.async_set("lock.cellar", "locked", {"friendly_name": "Cellar"})
    hass.states.async_set(
        GARAGE, "closed", {"friendly_name": "Garage", "device_class": "garage", "supported_features": 3}
    )
    hass.states.async_set(
        BLIND, "closed", {"friendly_name": "Blind", "device_class": "blind", "supported_features": 3}
    )
    for each in (DOOR, GARAGE, BLIND):
        async_expose_entity(hass, "conversation", each, True)
    async_expose_entity(hass, "conversation", "lock.cellar", False)
    return calls


async def allow(hass: HomeAssistant, entry: ConfigEntry, services: list[str], **more: Any) -> str:
    """Tick the services in the form; the id of the API that they make."""
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "actions"), context={"source": "user"}
    )
    made = await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"name": "Pico-Qwen actions", "services": services, **more}
    )
    assert made["type"] == "create_entry", made
    await hass.async_block_till_done()
    return next(api.id for api in llm.async_get_apis(hass) if api.name == made["title"])


def do(name: str, arguments: str) -> bytes:
    """The model calls one of the allowed actions."""
    return call(PREFIX["ours"] + name, arguments)


def unlock() -> list[bytes]:
    return [do("lock__unlock", '{"target": ["Front door"]}'), DONE]


@pytest.fixture
async def api_id(hass: HomeAssistant, entry: ConfigEntry, house: list[ServiceCall]) -> str:
    """The agent has Assist and the allowed actions."""
    api_id = await allow(hass, entry, ALLOWED, ask_services=["notify.tell"])
    agent = next(each for each in entry.subentries.values() if each.subentry_type == "conversation")
    hass.config_entries.async_update_subentry(
        entry, agent, data={**agent.data, "llm_hass_api": ["assist", api_id]}
    )
    await hass.async_block_till_done()
    names = list(await tools(hass, ["assist", api_id]))
    PREFIX["ours"] = next(each for each in names if each.endswith("lock__unlock")).removesuffix(
        "lock__unlock"
    )
    PREFIX["assist"] = next(each for each in names if each.endswith("HassTurnOff")).removesuffix(
        "HassTurnOff"
    )
    return api_id


async def say(hass: HomeAssistant, text: str, **more: Any) -> conversation.ConversationResult:
    more = {"conversation_id": None, "context": Context(), **more}
    return await conversation.async_converse(hass, text, agent_id=AGENT, **more)


def speech(result: conversation.ConversationResult) -> str:
    return result.response.speech["plain"]["speech"]


async def tools(hass: HomeAssistant, api_id: str | list[str]) -> dict[str, llm.Tool]:
    context = llm.LLMContext("mcp_server", Context(), "en", "conversation", None)
    return {tool.name: tool for tool in (await llm.async_get_api(hass, api_id, context)).tools}


async def from_outside(hass: HomeAssistant, api_id: str, name: str, **args: Any) -> llm.ToolResult:
    """A tool call that no turn of ours belongs to, as an MCP client makes it."""
    context = llm.LLMContext("mcp_server", Context(), "en", "conversation", None)
    instance = await llm.async_get_api(hass, api_id, context)
    return await instance.async_call_tool(llm.ToolInput(tool_name=name, tool_args=args))


@pytest.fixture
def log(hass: HomeAssistant) -> list[dict[str, Any]]:
    """The records of the audit log."""
    records: list[dict[str, Any]] = []

    @callback
    def note(event: Event) -> None:
        records.append(dict(event.data))

    hass.bus.async_listen("picoqwen_action", note)
    return records
