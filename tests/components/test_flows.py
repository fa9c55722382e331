"""Agents of the server run by an action: what is sent, what comes back, and what is said of failures."""

from typing import Any

import pytest
from aiohttp import web
from fake_server import DONE, FakeServer, event, finish
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

RUN = {
    "id": "r1",
    "flow": "research",
    "state": "done",
    "started": 1795780800.0,
    "input": "Why?",
    "output": "It is so.",
    "sources": [{"title": "A page", "url": "http://a.example"}],
    "steps": [],
    "usage": {"steps": 3, "prompt_tokens": 10, "completion_tokens": 5, "seconds": 1.5, "cost": 0.0},
    "limits_hit": [],
}


def test_the_answers_of_these_tests_are_what_the_server_promises() -> None:
    pytest.importorskip("jsonschema", reason="not in the environment of the oldest Home Assistant")
    from tests.server.flow_contract import hold

    for run in (
        RUN,
        {**RUN, "state": "limited", "limits_hit": ["steps"]},
        {**RUN, "state": "failed", "error": "no"},
    ):
        hold("POST", "/api/v1/flows/{id}/runs", run)


async def run(hass: HomeAssistant, **data: Any) -> Any:
    return await hass.services.async_call(
        "picoqwen",
        "run_flow",
        {"flow": "research", "input": "Why?", **data},
        blocking=True,
        return_response=True,
    )


async def test_what_the_agents_found_comes_back(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.flows, server.run_replies = ["research"], [web.json_response(RUN)]
    told = await run(hass, steps=5, seconds=60)
    assert told.pop("milliseconds") > 0
    assert told == RUN
    assert server.runs == [{"input": "Why?", "limits": {"steps": 5, "seconds": 60.0}}]


async def test_a_run_that_a_limit_ended_says_so(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    limited = {**RUN, "state": "limited", "limits_hit": ["steps"]}
    server.flows, server.run_replies = ["research"], [web.json_response(limited)]
    assert (await run(hass))["limits_hit"] == ["steps"]
    assert server.runs == [{"input": "Why?"}]


async def test_a_run_that_failed_is_an_error(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    failed = {**RUN, "state": "failed", "output": "", "error": "no search engine answers"}
    server.flows, server.run_replies = ["research"], [web.json_response(failed)]
    with pytest.raises(HomeAssistantError, match="no search engine answers"):
        await run(hass)


@pytest.mark.parametrize(("flows", "key"), [(None, "no_flows"), (["poem"], "unknown_flow")])
async def test_a_flow_that_is_not_there_is_told(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, flows: list[str] | None, key: str
) -> None:
    server.flows = flows
    with pytest.raises(ServiceValidationError) as failure:
        await run(hass)
    assert failure.value.translation_key == key


async def test_a_refused_input_is_told_with_the_servers_reason(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    refusal = web.json_response({"error": {"message": "input is too long"}}, status=400)
    server.flows, server.run_replies = ["research"], [refusal]
    with pytest.raises(HomeAssistantError, match="input is too long"):
        await run(hass)


async def test_a_server_that_is_away_is_told(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await server.stop()
    with pytest.raises(HomeAssistantError) as failure:
        await run(hass)
    assert failure.value.translation_key == "action_failed"


@pytest.mark.parametrize(
    ("served", "rung", "reason"),
    [
        (None, "built_in", None),
        ({"provider": "local", "model": "qwen3-4b"}, "local", None),
        (
            {"provider": "big", "model": "gpt", "notes": ["local: the engine ended"]},
            "cloud",
            "local: the engine ended",
        ),
        (
            {"rung": "rules", "model": "rules", "reason": "one device, one verb"},
            "rules",
            "one device, one verb",
        ),
    ],
)
async def test_an_answer_says_which_rung_gave_it_and_why(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, served: Any, rung: str, reason: str | None
) -> None:
    last = finish(served=served, prompt_tokens=3, completion_tokens=2)
    server.answers = [[event({"content": "Once."}), last, DONE]]
    told = await hass.services.async_call(
        "picoqwen",
        "generate",
        {"prompt": "Tell a story.", "routing": "cloud_first"},
        blocking=True,
        return_response=True,
    )
    assert (told["rung"], told["reason"]) == (rung, reason)
    assert server.chats[0]["routing"] == "cloud_first"
