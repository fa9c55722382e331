"""Servers that are found, in a real Home Assistant: the app's through a Supervisor's stand-in, one on the
network by its own announcement, and a key that is changed at the server.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from house_runner.client import Client, connect
from house_runner.conversation import Conversation
from house_runner.home_assistant import HomeAssistant, post, start_home_assistant
from house_runner.paths import ROOT
from house_runner.ports import find_free
from house_runner.server import Server, start_server
from picoqwen_core.config import Settings
from picoqwen_core.server import supervisor as app
from picoqwen_core.server.announce import addresses_of
from tests.container.supervisor import Supervisor, standing_in
from tests.e2e.test_other_integrations import FLOWS, agent_of, rest

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 90
CONFIG = yaml.safe_load((ROOT / "addon" / "config.yaml").read_text())
TOKEN = "token-of-the-app"


@dataclass(frozen=True)
class Home:
    """A Home Assistant that listens to the network and has a Supervisor, but no server yet."""

    home_assistant: HomeAssistant
    client: Client
    supervisor: Supervisor
    supervisor_url: str

    async def flow(self, source: str) -> dict[str, Any]:
        """The flow that Home Assistant began by itself."""

        async def found() -> list[dict[str, Any]]:
            flows = await self.client.call("config_entries/flow/progress")
            ours = [each for each in flows if each["handler"] == "picoqwen"]
            return [each for each in ours if each["context"]["source"] == source]

        return (await until(found))[0]

    async def answer(self, flow: dict[str, Any], **fields: str) -> dict[str, Any]:
        async with rest(self) as session:
            return await post(session, f"{FLOWS}/{flow['flow_id']}", json=fields)

    async def entries(self) -> list[dict[str, Any]]:
        return await self.client.call("config_entries/get", domain="picoqwen")

    async def loaded(self) -> bool:
        return [each["state"] for each in await self.entries()] == ["loaded"]

    async def switches_the_lamp(self) -> bool:
        await self.client.service("light.turn_off", "light.kitchen_lamp")
        return (await self.says("turn on the kitchen lamp")).changes != []

    async def says(self, text: str) -> Any:
        conversation = await Conversation.open(self.client, await agent_of(self, "picoqwen"))
        return await conversation.say(text, path="process")

    async def pushed(self, method: str) -> None:
        """The Supervisor tells Home Assistant that there is a message, or that it is gone."""
        (message,) = self.supervisor.told
        if method == "DELETE":
            self.supervisor.told.clear()
        body = {"service": message["service"], "uuid": message["uuid"]}
        path = f"/api/hassio_push/discovery/{message['uuid']}"
        async with rest(self) as session, session.request(method, path, json=body) as response:
            assert response.status == 200, await response.text()


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """What the condition gives once it gives something."""
    async with asyncio.timeout(SECONDS):
        while not (found := await condition()):
            await asyncio.sleep(0.1)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    folder, port = tmp_path_factory.mktemp("found"), find_free()
    async with standing_in(TOKEN, CONFIG, "127.0.0.1", port) as supervisor:
        home_assistant = await start_home_assistant(
            folder / "config",
            find_free(),
            folder / "home-assistant.log",
            components=("zeroconf",),
            environment={"SUPERVISOR": f"127.0.0.1:{port}", "SUPERVISOR_TOKEN": "token-of-core"},
        )
        try:
            async with connect(home_assistant.url, home_assistant.token) as client:
                yield Home(home_assistant, client, supervisor, f"http://127.0.0.1:{port}")
        finally:
            await home_assistant.stop()


@asynccontextmanager
async def serving(folder: Path, *options: str) -> AsyncIterator[Callable[[str], Awaitable[Server]]]:
    """Starts the server with a key, always on the same port; the one before is stopped."""
    port = find_free()
    running: list[Server] = []

    async def start(key: str) -> Server:
        for each in running:
            await each.stop()
        running.append(await start_server(port, folder / "server.log", *options, "--api-key", key))
        return running[-1]

    try:
        yield start
    finally:
        for each in running:
            await each.stop()


def multicast_works(address: str) -> bool:
    """Whether what is sent to many on a network comes back to this machine."""
    group = "239.255.77.77"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        try:
            one.bind(("", 0))
            one.setsockopt(
                socket.IPPROTO_IP,
                socket.IP_ADD_MEMBERSHIP,
                socket.inet_aton(group) + socket.inet_aton(address),
            )
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            one.sendto(b"here", (group, one.getsockname()[1]))
            return one.recv(16) == b"here"
        except OSError:
            return False


async def test_the_app_is_confirmed_followed_to_its_new_key_and_gone_when_it_is_uninstalled(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", TOKEN)
    # An app's host name is known in Home Assistant's network.
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    async with serving(tmp_path) as start:

        async def announced(key: str) -> None:
            server = await start(key)
            settings = Settings(api_key=key)
            await app.announce_app(settings, int(server.url.rpartition(":")[2]), url=home.supervisor_url)
            await home.pushed("POST")

        await announced("made by the app")
        flow = await home.flow("hassio")
        assert flow["step_id"] == "hassio_confirm"
        assert (await home.answer(flow))["type"] == "create_entry"
        await until(home.loaded)
        assert await home.switches_the_lamp()

        await announced("another key")
        await until(home.loaded)
        await until(home.switches_the_lamp)

        await home.pushed("DELETE")
        assert await home.entries() == []


async def test_a_server_that_announces_itself_is_found_set_up_and_asked_for_its_new_key(
    home: Home, tmp_path: Path
) -> None:
    addresses = addresses_of("0.0.0.0")
    if not addresses or not multicast_works(addresses[0]):
        pytest.skip("this machine has no network on which a server can announce itself")
    async with serving(tmp_path, "--host", "0.0.0.0") as start:
        await start("first")
        flow = await home.flow("zeroconf")
        assert flow["step_id"] == "zeroconf_confirm"
        assert flow["context"]["title_placeholders"]["name"].startswith("Pico-Qwen on ")
        assert (await home.answer(flow))["errors"] == {"base": "invalid_auth"}
        assert (await home.answer(flow, api_key="first"))["type"] == "create_entry"
        await until(home.loaded)
        assert await home.switches_the_lamp()

        await start("second")
        refused = await home.says("turn on the kitchen lamp")
        assert (refused.response_type, refused.changes) == ("error", [])
        assert "key" in refused.text, refused
        flow = await home.flow("reauth")
        assert (await home.answer(flow, api_key="first"))["errors"] == {"base": "invalid_auth"}
        done = await home.answer(flow, api_key="second")
        assert (done["type"], done["reason"]) == ("abort", "reauth_successful")
        await until(home.loaded)
        await until(home.switches_the_lamp)
