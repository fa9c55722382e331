"""A real Home Assistant that is told of the app, and has a browser take its pictures: script/take-pictures.

The Supervisor is the stand-in of tests/container; the server is the real one with its built-in model. What
the browser does is in camera.py, which runs in an environment of its own.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from house_runner.client import Client, connect
from house_runner.home_assistant import HomeAssistant, start_home_assistant
from house_runner.integration import _agent, _use_in_pipeline
from house_runner.paths import ROOT
from house_runner.ports import find_free
from house_runner.server import start_server
from picoqwen_core.config import Settings
from picoqwen_core.server.supervisor import announce_app
from tests.container.supervisor import standing_in
from tests.e2e.test_other_integrations import SUBENTRIES, flow, rest

KEY, TOKEN = "made by the app", "token-of-the-app"
CONFIG = yaml.safe_load((ROOT / "addon" / "config.yaml").read_text())
CAMERA_SECONDS = 300
SECONDS = 60


class House:
    """What the helpers of the end-to-end tests need."""

    def __init__(self, home_assistant: HomeAssistant, client: Client) -> None:
        self.home_assistant, self.client = home_assistant, client


async def picture(python: str, house: House, name: str, out: Path) -> None:
    """Have the browser take one series of pictures. Raises SystemExit where it cannot."""
    where = json.dumps({"url": house.home_assistant.url, "token": house.home_assistant.token})
    camera = await asyncio.create_subprocess_exec(
        python, "-m", "tests.pictures.camera", name, str(out), cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(CAMERA_SECONDS):
            await camera.communicate(where.encode())
    finally:
        if camera.returncode is None:
            camera.kill()
            await camera.wait()
    if camera.returncode != 0:
        raise SystemExit(f"the pictures of {name!r} could not be taken")


async def entry_of(client: Client) -> dict[str, Any]:
    """The entry of the integration, once it is loaded with its agent."""
    async with asyncio.timeout(SECONDS):
        while True:
            entries = await client.call("config_entries/get", domain="picoqwen")
            states = await client.states()
            there = states.get("conversation.pico_qwen", {"state": "unavailable"})["state"] != "unavailable"
            if there and [each["state"] for each in entries] == ["loaded"]:
                return entries[0]
            await asyncio.sleep(0.1)


async def allow_unlocking(house: House) -> None:
    """A set of allowed actions with the front door's lock, for the agent."""
    entry = await entry_of(house.client)
    async with rest(house) as session:
        fields = {"name": "Doors", "services": ["lock.lock", "lock.unlock"]}
        await flow(session, SUBENTRIES, [entry["entry_id"], "actions"], fields)
    await entry_of(house.client)
    subentries = await house.client.call("config_entries/subentries/list", entry_id=entry["entry_id"])
    (agent,) = [each["subentry_id"] for each in subentries if each["subentry_type"] == "conversation"]
    apis = [each["id"] for each in (await house.client.call("llm/api/list"))["apis"]]
    ours = [each for each in apis if each.startswith("picoqwen")]
    async with rest(house) as session:
        started = {"handler": [entry["entry_id"], "conversation"], "subentry_id": agent}
        async with session.post(SUBENTRIES, json=started) as response:
            number = (await response.json())["flow_id"]
        chosen = {"llm_hass_api": ["assist", *ours], "max_history": 20}
        async with session.post(f"{SUBENTRIES}/{number}", json=chosen) as response:
            response.raise_for_status()
    await entry_of(house.client)


async def main(python: str, out: Path) -> None:
    """Everything, in the order in which a user meets it."""
    os.environ["SUPERVISOR_TOKEN"] = TOKEN
    port, supervisor_port = find_free(), find_free()
    with tempfile.TemporaryDirectory(prefix="picoqwen-pictures-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with standing_in(TOKEN, CONFIG, "127.0.0.1", supervisor_port) as supervisor:
            # An app's host name is known in Home Assistant's network.
            socket.gethostname = lambda: "localhost"
            server = await start_server(port, folder / "server.log", "--api-key", KEY)
            await announce_app(Settings(api_key=KEY), port, url=f"http://127.0.0.1:{supervisor_port}")
            assert supervisor.told
            try:
                home_assistant = await start_home_assistant(
                    folder / "config",
                    find_free(),
                    folder / "home-assistant.log",
                    environment={
                        "SUPERVISOR": f"127.0.0.1:{supervisor_port}",
                        "SUPERVISOR_TOKEN": "token-of-core",
                    },
                )
                try:
                    async with connect(home_assistant.url, home_assistant.token) as client:
                        house = House(home_assistant, client)
                        await picture(python, house, "found", out)
                        await allow_unlocking(house)
                        await _use_in_pipeline(client, await _agent(client))
                        await picture(python, house, "spoken", out)
                        await picture(python, house, "device", out)
                finally:
                    await home_assistant.stop()
            finally:
                await server.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
