"""The actions."""

from typing import Any

import pytest
from aiohttp import web
from conftest import connect
from fake_server import DONE, FakeServer, call, event, finish, words
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

TEXT = {"text": "Once.", "model": "pico", "finish_reason": "stop", "usage": {"total_tokens": 5}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


async def act(hass: HomeAssistant, name: str, *, answer: bool = True, **data: Any) -> Any:
    return await hass.services.async_call("picoqwen", name, data, blocking=True, return_response=answer)


async def test_an_answer_and_its_figures_come_back(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [[event({"content": "Once."}), finish(prompt_tokens=3, completion_tokens=2), DONE]]
    asked = {"prompt": "Tell a story.", "temperature": 0.5, "max_tokens": 12, "stop": "The end"}
    told = await act(hass, "generate", **asked, instructions="Be brief.", config_entry=entry.entry_id)
    assert told.pop("milliseconds") > 0
    assert told == {
        "text": "Once.",
        "tool_calls": [],
        "model": "pico-home",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        "rung": "built_in",
        "provider": None,
        "reason": None,
    }
    (chat,) = server.chats
    assert [message["role"] for message in chat["messages"]] == ["system", "user"]
    assert (chat["temperature"], chat["max_tokens"], chat["stop"]) == (0.5, 12, ["The end"])


async def test_what_the_model_would_call_comes_back_and_is_not_called(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [[call("ring", '{"times": 2}'), finish("tool_calls"), DONE]]
    tool = {"name": "ring", "description": "Rings.", "parameters": SCHEMA}
    told = await act(hass, "generate", prompt="Ring twice.", tools=[tool, {"name": "wait"}], schema=SCHEMA)
    assert told["tool_calls"] == [{"name": "ring", "arguments": {"times": 2}}]
    assert "data" not in told
    assert server.chats[0]["tools"] == [
        {"type": "function", "function": tool},
        {
            "type": "function",
            "function": {
                "name": "wait",
                "description": "",
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ]
    with pytest.raises(ServiceValidationError):
        await act(hass, "generate", prompt="Ring.", tools=[tool], raw=True)


async def test_a_schema_makes_data_of_the_answer(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [words('{"n": 3}')]
    told = await act(hass, "generate", prompt="How many?", schema=SCHEMA, model="qwen3-4b")
    assert told["data"] == {"n": 3}
    assert server.chats[0]["response_format"]["json_schema"]["schema"] == SCHEMA
    assert server.chats[0]["model"] == "qwen3-4b"


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (words("three"), "task_no_json"),
        ([event({"content": '{"n": 3'}), finish("length"), DONE], "task_cut_off"),
    ],
)
async def test_an_answer_without_data_is_an_error(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry, answer: Any, key: str
) -> None:
    server.answers = [answer]
    with pytest.raises(HomeAssistantError) as failure:
        await act(hass, "generate", prompt="How many?", schema=SCHEMA)
    assert failure.value.translation_key == key


async def test_raw_text_is_continued_as_it_is(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.generated = web.json_response({"id": "x", **TEXT})
    told = await act(hass, "generate", prompt="Once", raw=True)
    assert told.pop("milliseconds") > 0
    assert TEXT.items() <= told.items()
    assert server.generations == [{"prompt": "Once"}]


async def test_raw_text_may_be_continued_by_another_server(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    served = {"provider": "cloud", "model": "cloud/m", "rung": "cloud", "reason": "routing is cloud_first"}
    server.generated = web.json_response({**TEXT, "picoqwen": served})
    told = await act(hass, "generate", prompt="Once", raw=True, routing="cloud_first")
    assert (told["provider"], told["rung"], told["reason"]) == ("cloud", "cloud", "routing is cloud_first")
    assert server.generations == [{"prompt": "Once", "routing": "cloud_first"}]


async def test_raw_text_has_no_place_for_instructions(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as failure:
        await act(hass, "generate", prompt="Once", raw=True, instructions="Be brief.")
    assert failure.value.translation_key == "raw_takes_text_only"


async def test_the_servers_reason_is_told_when_it_fails(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.answers = [web.json_response({"error": {"message": "the prompt is too long"}}, status=400)]
    with pytest.raises(HomeAssistantError, match=r"picoqwen.generate failed: the prompt is too long"):
        await act(hass, "generate", prompt="x")


async def test_a_server_that_is_away_is_an_error_of_the_action(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    await server.stop()
    with pytest.raises(HomeAssistantError, match=r"picoqwen.generate failed"):
        await act(hass, "generate", prompt="x")


async def test_an_entry_that_is_not_loaded_cannot_be_asked(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as failure:
        await act(hass, "generate", prompt="x", config_entry="another")
    assert failure.value.translation_key == "entry_not_loaded"
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError):
        await act(hass, "generate", prompt="x")
    assert server.chats == []


async def test_models_are_loaded_and_unloaded_by_name(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    server.replies["load"] = server.replies["unload"] = lambda body: {"id": body["model"]}
    told = await act(hass, "load_model", model="Qwen/4B", quantization="Q8_0", context_size=2048)
    assert told == {"id": "Qwen/4B"}
    assert await act(hass, "unload_model", model="Qwen/4B", answer=False) is None
    assert server.asked["load"] == [{"model": "Qwen/4B", "quantization": "Q8_0", "context_size": 2048}]
    assert server.asked["unload"] == [{"model": "Qwen/4B"}]


async def test_a_server_that_cannot_load_models_is_an_error(
    hass: HomeAssistant, server: FakeServer, entry: ConfigEntry
) -> None:
    with pytest.raises(HomeAssistantError, match="load_model failed: no such path"):
        await act(hass, "load_model", model="qwen3-4b")


async def test_of_several_servers_one_has_to_be_named(
    hass: HomeAssistant, server: FakeServer, other_server: FakeServer, entry: ConfigEntry
) -> None:
    await connect(hass, other_server.url)
    await hass.async_block_till_done()
    with pytest.raises(ServiceValidationError) as failure:
        await act(hass, "generate", prompt="Which one?")
    assert failure.value.translation_key == "several_servers"
    assert (server.chats, other_server.chats) == ([], [])
    server.answers = [words("This one.")]
    told = await act(hass, "generate", prompt="Which one?", config_entry=entry.entry_id)
    assert told["text"] == "This one."
