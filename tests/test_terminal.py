"""Talking to a server from a terminal."""

import asyncio
import json

import pytest

from picoqwen_core.errors import ConfigError, EngineUnavailable, RequestError
from picoqwen_core.messages import ChatDelta, Message
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.server import sse
from picoqwen_core.talk import talk
from picoqwen_core.terminal import Server
from tests.server.conftest import END, FakeProvider, serving


async def answers(server: Server, *lines: str) -> str:
    """What is printed for these lines; the client blocks, so it has a thread of its own."""
    return "".join(await asyncio.to_thread(lambda: list(talk(server, None, iter(lines)))))


async def test_a_talk_carries_everything_said_before():
    provider = FakeProvider(ChatDelta("Grüß "), ChatDelta("dich"), END)
    async with serving(provider) as url:
        printed = await answers(Server(url), "hello", "  ", "and?")

    assert printed == "Grüß dich\nGrüß dich\n"
    assert provider.requests[-1].messages == (
        Message("user", "hello"),
        Message("assistant", "Grüß dich"),
        Message("user", "and?"),
    )


async def test_a_failed_answer_is_told_and_forgotten():
    provider = FakeProvider(ChatDelta("Hel"), EngineUnavailable("it has died"))
    async with serving(provider) as url:
        printed = await answers(Server(url), "hello", "again")

    assert printed == "Hel[it has died]\n" * 2
    assert provider.requests[-1].messages == (Message("user", "again"),)


async def test_the_key_is_sent():
    async with serving(FakeProvider(END), api_key="right") as url:
        (model,) = await asyncio.to_thread(Server(url, "right").models)
        with pytest.raises(RequestError, match="API key is missing or wrong"):
            await asyncio.to_thread(Server(url, "wrong").models)

    assert model["id"] == "tiny"


async def test_a_server_that_has_gone_is_told():
    async with serving(FakeProvider(END)) as url:
        server = Server(url)
    with pytest.raises(EngineUnavailable, match="is the server running"):
        await asyncio.to_thread(server.models)


@pytest.mark.parametrize("url", ["localhost:8080", "file:///etc/passwd", "http://", ""])
def test_only_a_web_address_is_asked(url):
    with pytest.raises(ConfigError, match="allowed: http"):
        Server(url)


async def test_commands_of_a_talk(tmp_path):
    provider = FakeProvider(ChatDelta("hi"), END)
    file = tmp_path / "talk.json"
    async with serving(provider) as url:
        printed = await answers(
            Server(url),
            *("/system Be brief", "hello", "/history", "/retry", f"/save {file}", "/model", "/model other"),
            *("/model tiny", "/models", "/clear", "/history", "/nonsense", "/help"),
        )

    assert "user: hello\nassistant: hi\n" in printed
    assert provider.requests[-1].messages == (Message("system", "Be brief"), Message("user", "hello"))
    assert [each["content"] for each in json.loads(file.read_text())] == ["hello", "hi"]
    for told in (
        "'other' is not installed; there is: tiny",
        "[nothing yet]",
        "/nonsense is not known",
        "/quit",
    ):
        assert told in printed


async def test_who_waits_for_a_model_is_told(monkeypatch):
    monkeypatch.setattr(sse, "_PROGRESS_SECONDS", 0.05)
    provider = FakeProvider(0.5, ChatDelta("at last"), END)
    async with serving(provider) as url:
        provider.health = ProviderHealth("starting")
        printed = await answers(Server(url), "hello")

    assert "[loading the model, 0 s]" in printed
    assert printed.endswith("at last\n")


async def test_an_error_after_the_waiting_is_told_too(monkeypatch):
    monkeypatch.setattr(sse, "_PROGRESS_SECONDS", 0.05)
    provider = FakeProvider(0.5, EngineUnavailable("it did not start"))
    async with serving(provider) as url:
        provider.health = ProviderHealth("starting")
        assert "[it did not start]" in await answers(Server(url), "hello")
