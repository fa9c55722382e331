"""Talking to a server from a terminal."""

import asyncio

import pytest

from picoqwen_core.errors import ConfigError, EngineUnavailable, RequestError
from picoqwen_core.messages import ChatDelta, Message
from picoqwen_core.terminal import Server, talk
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
