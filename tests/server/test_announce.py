"""The network is told of the server: found by a real browser, taken back, and silent where it has to be."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from zeroconf import ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

from picoqwen_core import __version__
from picoqwen_core.config import Settings
from picoqwen_core.server import announce
from picoqwen_core.server.announce import SERVICE_TYPE, addresses_of, announce_server

HERE = ["127.0.0.1"]
EVERYWHERE = Settings(host="0.0.0.0", api_key="k")


class Watch:
    """What a browser on this machine has seen."""

    def __init__(self) -> None:
        self.zeroconf = AsyncZeroconf(interfaces=HERE)
        self.changes: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()
        self.browser = AsyncServiceBrowser(self.zeroconf.zeroconf, SERVICE_TYPE, handlers=[self.note])

    def note(self, zeroconf: Any, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        self.changes.put_nowait((name, state_change))

    async def until(self, wanted: ServiceStateChange) -> str:
        async with asyncio.timeout(60):
            while True:
                name, change = await self.changes.get()
                if change is wanted:
                    return name


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    watch = Watch()
    yield watch
    await watch.browser.async_cancel()
    await watch.zeroconf.async_close()


@contextmanager
def announcing(settings: Settings) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(announce_server(settings, 8123, interfaces=HERE))
    yield task
    task.cancel()


async def test_a_server_is_found_with_its_address_and_taken_back_when_it_stops(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "addresses_of", lambda host: HERE)
    with announcing(EVERYWHERE) as task:
        name = await watch.until(ServiceStateChange.Added)
        found = await watch.zeroconf.async_get_service_info(SERVICE_TYPE, name, 30_000)
        assert found is not None
        assert (found.parsed_addresses(), found.port) == (HERE, 8123)
        assert found.decoded_properties == {"version": __version__, "key": "yes"}
        assert name.startswith("Pico-Qwen on ")
    assert await watch.until(ServiceStateChange.Removed) == name
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(host="localhost"), Settings(host="::1"), Settings(host="0.0.0.0", announce=False)],
    ids=["by default", "localhost", "IPv6 loopback", "switched off"],
)
async def test_nothing_is_announced_where_nobody_else_can_ask(settings: Settings) -> None:
    async with asyncio.timeout(30):
        await announce_server(settings, 8123, interfaces=HERE)


async def test_an_app_leaves_it_to_its_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "supervisor_token", lambda: "token")
    async with asyncio.timeout(30):
        await announce_server(EVERYWHERE, 8123, interfaces=HERE)


async def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announce, "addresses_of", lambda host: HERE)
    monkeypatch.setitem(__import__("sys").modules, "zeroconf", None)
    with caplog.at_level(logging.INFO):
        await announce_server(EVERYWHERE, 8123)
    assert "picoqwen[announce]" in caplog.text


def test_the_addresses_are_those_that_others_reach() -> None:
    assert addresses_of("192.0.2.7") == ["192.0.2.7"]
    assert addresses_of("127.0.0.1") == []
    assert all(not each.startswith("127.") for each in addresses_of("0.0.0.0"))
