"""Connects Home Assistant to the server as a user would: the config flow, then the Assist pipeline."""

from pathlib import Path
from typing import Any

import aiohttp

from .client import Client
from .errors import HouseError
from .home_assistant import HomeAssistant, bearer, post

DOMAIN = "picoqwen"
REQUEST_SECONDS = 60


async def configure(home_assistant: HomeAssistant, client: Client, server_url: str, note: Path) -> str:
    """Make the integration use `server_url` and answer Assist; its conversation entity id.

    `note` is the file that remembers which server an earlier start connected to.
    """
    async with _rest(home_assistant) as session:
        entries = await client.call("config_entries/get", domain=DOMAIN)
        if entries and _remembered(note) != server_url:
            await _remove(session, entries)
            entries = []
        if entries:
            await _reload_where_not_loaded(session, entries)
        else:
            await run_config_flow(session, server_url)
            _remember(note, server_url)
    agent_id = await _agent(client)
    await _use_in_pipeline(client, agent_id)
    return agent_id


async def reload_entry(home_assistant: HomeAssistant, entry_id: str) -> None:
    """Unload one config entry and set it up anew."""
    async with _rest(home_assistant) as session:
        await _reload(session, entry_id)


def _rest(home_assistant: HomeAssistant) -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    return aiohttp.ClientSession(home_assistant.url, headers=bearer(home_assistant.token), timeout=timeout)


async def _reload(session: aiohttp.ClientSession, entry_id: str) -> None:
    await post(session, f"/api/config/config_entries/entry/{entry_id}/reload")


def _remembered(note: Path) -> str | None:
    return note.read_text(encoding="utf-8") if note.exists() else None


def _remember(note: Path, server_url: str) -> None:
    note.write_text(server_url, encoding="utf-8")


async def _remove(session: aiohttp.ClientSession, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        async with session.delete(f"/api/config/config_entries/entry/{entry['entry_id']}") as response:
            response.raise_for_status()


async def _reload_where_not_loaded(session: aiohttp.ClientSession, entries: list[dict[str, Any]]) -> None:
    """Home Assistant may have come up before the server; it would try again only seconds later."""
    for entry in entries:
        if entry["state"] != "loaded":
            await _reload(session, entry["entry_id"])


async def add_entry(home_assistant: HomeAssistant, server_url: str, **more: str) -> str:
    """Set up one more server, as a user does; its entry id."""
    async with _rest(home_assistant) as session:
        return await run_config_flow(session, server_url, **more)


async def remove_entry(home_assistant: HomeAssistant, entry_id: str) -> None:
    """Delete one config entry."""
    async with _rest(home_assistant) as session:
        await _remove(session, [{"entry_id": entry_id}])


async def run_config_flow(session: aiohttp.ClientSession, server_url: str, **more: str) -> str:
    """Fill in the form of the integration; the id of the entry. Raises HouseError where that fails."""
    flows = "/api/config/config_entries/flow"
    step = await post(session, flows, json={"handler": DOMAIN})
    if step["type"] == "form":
        step = await post(session, f"{flows}/{step['flow_id']}", json={"url": server_url, **more})
    if step["type"] != "create_entry":
        reason = step.get("errors") or step.get("reason")
        raise HouseError(f"the integration could not be added for {server_url}: {reason}")
    entry_id: str = step["result"]["entry_id"]
    return entry_id


async def _agent(client: Client) -> str:
    for entity in await client.call("config/entity_registry/list"):
        if entity["platform"] == DOMAIN and entity["entity_id"].startswith("conversation."):
            agent_id: str = entity["entity_id"]
            return agent_id
    raise HouseError("the integration was added but made no conversation entity")


async def _use_in_pipeline(client: Client, agent_id: str) -> None:
    pipelines = await client.call("assist_pipeline/pipeline/list")
    preferred = pipelines["preferred_pipeline"]
    pipeline = next(row for row in pipelines["pipelines"] if row["id"] == preferred)
    wanted = {
        **pipeline,
        "name": "Pico-Qwen",
        "conversation_engine": agent_id,
        "prefer_local_intents": False,
    }
    if wanted != pipeline:
        del wanted["id"]
        await client.call("assist_pipeline/pipeline/update", pipeline_id=preferred, **wanted)
