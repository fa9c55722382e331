"""The whole demo house: server and Home Assistant started side by side, connected, ready to be spoken to."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from .client import Client, connect
from .conversation import Conversation
from .home_assistant import HomeAssistant, start_home_assistant
from .integration import configure, reload_entry
from .paths import make_folder
from .ports import find_free, require_free
from .server import Server, start_server


@dataclass(frozen=True, slots=True)
class HouseOptions:
    """Where the house keeps its state (None: a temporary folder), and its ports (0: any free one)."""

    state: Path | None = None
    port: int = 0
    home_assistant_port: int = 0


@dataclass(slots=True)
class House:
    """A running house. `server` is replaced by `restart_server`."""

    options: HouseOptions
    folder: Path
    server: Server
    home_assistant: HomeAssistant
    client: Client
    conversation: Conversation

    async def reset(self) -> None:
        """Put every device back to what house.yaml says."""
        (entry,) = await self.client.call("config_entries/get", domain="demo_house")
        await reload_entry(self.home_assistant, entry["entry_id"])

    async def restart_server(self) -> None:
        """Start a new server on the same port after the old one has ended."""
        await self.server.stop()
        self.server = await start_server(self.options.port, self.folder / "server.log")


@contextlib.asynccontextmanager
async def open_house(options: HouseOptions) -> AsyncIterator[House]:
    """Start everything, yield the house, stop everything. Raises HouseError."""
    options = _with_ports(options)
    async with contextlib.AsyncExitStack() as stack:
        folder = options.state or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="picoqwen-", ignore_cleanup_errors=True))
        )
        make_folder(folder)
        server, home_assistant = await _start_both(stack, options, folder)
        client = await stack.enter_async_context(connect(home_assistant.url, home_assistant.token))
        agent_id = await configure(home_assistant, client, server.url, folder / "server-url.txt")
        house = House(
            options, folder, server, home_assistant, client, await Conversation.open(client, agent_id)
        )
        stack.push_async_callback(_stop_current_server, house)
        yield house


async def _stop_current_server(house: House) -> None:
    await house.server.stop()


async def _start_both(
    stack: contextlib.AsyncExitStack, options: HouseOptions, folder: Path
) -> tuple[Server, HomeAssistant]:
    """Start both at once; when one fails, the other is stopped too, and the first failure is raised."""

    async def with_server() -> Server:
        server = await start_server(options.port, folder / "server.log")
        stack.push_async_callback(server.stop)
        return server

    async def with_home_assistant() -> HomeAssistant:
        home_assistant = await start_home_assistant(
            folder / "config", options.home_assistant_port, folder / "home-assistant.log"
        )
        stack.push_async_callback(home_assistant.stop)
        return home_assistant

    try:
        async with asyncio.TaskGroup() as group:
            server = group.create_task(with_server())
            home_assistant = group.create_task(with_home_assistant())
    except* Exception as failures:
        raise failures.exceptions[0] from None
    return server.result(), home_assistant.result()


def _with_ports(options: HouseOptions) -> HouseOptions:
    if options.port:
        require_free(options.port, "--port")
    if options.home_assistant_port:
        require_free(options.home_assistant_port, "--ha-port")
    return replace(
        options,
        port=options.port or find_free(),
        home_assistant_port=options.home_assistant_port or find_free(),
    )
