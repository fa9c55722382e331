"""Real pages of a real Home Assistant, from its app store to its sidebar: script/take-app-pictures.

Home Assistant, its frontend, the server and the clicks are the real ones; the Supervisor is the stand-in, and
the server runs from this folder, not from an image. Started in a network of its own, as check.py is.
"""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import yaml

from house_runner.home_assistant import start_home_assistant
from house_runner.paths import ROOT
from house_runner.process import ChildProcess
from tests.container.shop import Shop, tell
from tests.container.supervisor import ADDRESS, APP_ADDRESS, SLUG, Supervisor, standing_in

TOKEN = "token-of-the-app"
CONFIG = yaml.safe_load((ROOT / "addon" / "config.yaml").read_text())
SECONDS = 300


async def start_server(work: Path) -> ChildProcess:
    """The server as the image's environment starts it."""
    environment = {
        "SUPERVISOR_TOKEN": TOKEN,
        "PICOQWEN_HOST": APP_ADDRESS,
        "PICOQWEN_PORT": str(CONFIG["ingress_port"]),
        "PICOQWEN_INGRESS_ADDRESS": ADDRESS,
        "PICOQWEN_API_KEY_FILE": str(work / "api_key"),
        "PICOQWEN_MODELS_DIR": str(work / "models"),
        "PYTHONPATH": str(ROOT),
    }
    return await ChildProcess.start(
        "the server", [sys.executable, "-m", "picoqwen_core", "serve"], work / "server.log", environment
    )


async def click(browser: str, url: str, token: str, folder: Path) -> None:
    """Let the browser, which has an environment of its own, take the pictures."""
    process = await asyncio.create_subprocess_exec(
        browser, "-m", "tests.container.clicks", url, SLUG, str(folder), env={**os.environ, "TOKEN": token}
    )
    async with asyncio.timeout(SECONDS):
        if await process.wait():
            raise SystemExit("the pictures were not taken")


async def main(work: Path, browser: str, folder: Path) -> None:
    """Start everything, take the pictures, stop everything."""
    shops: list[Shop] = []

    def routes(supervisor: Supervisor) -> list[aiohttp.web.RouteDef]:
        shops.append(Shop(supervisor))
        return shops[0].routes()

    async with standing_in(TOKEN, CONFIG, more=routes), aiohttp.ClientSession() as session:
        house = await start_home_assistant(work / "house", 8123, work / "home-assistant.log")
        started: list[ChildProcess] = []

        async def as_clicked() -> None:
            while not shops[0].is_started:
                await asyncio.sleep(0.1)
            started.append(await start_server(work))
            await tell(session, house.url, house.token, f"panel/{SLUG}")
            while not shops[0].supervisor.told:
                await asyncio.sleep(0.1)
            uuid = shops[0].supervisor.told[0]["uuid"]
            await tell(session, house.url, house.token, f"discovery/{uuid}")

        starting = asyncio.create_task(as_clicked())
        try:
            await click(browser, house.url, house.token, folder)
        finally:
            starting.cancel()
            for each in started:
                await each.stop()
            await house.stop()


if __name__ == "__main__":
    os.environ.update(SUPERVISOR=ADDRESS, SUPERVISOR_TOKEN="token-of-core")
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
