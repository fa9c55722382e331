"""A real Home Assistant as a child process: started, given an owner, and connected to the server."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from .configuration import write_configuration
from .errors import HouseError
from .paths import HOUSE
from .ports import HOST
from .process import ChildProcess

USERNAME = "demo"
PASSWORD = "picoqwen"  # noqa: S105  # a demonstration that only this machine can reach
START_SECONDS = 90
REQUEST_SECONDS = 30
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """A running Home Assistant with an owner; `token` is good for its REST and WebSocket interfaces."""

    process: ChildProcess
    url: str
    token: str

    async def stop(self) -> None:
        """Stop it."""
        await self.process.stop()


async def start_home_assistant(
    folder: Path,
    port: int,
    log: Path,
    house: Path = HOUSE / "house.yaml",
    *,
    components: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> HomeAssistant:
    """Start it on `folder` (made where missing) and wait until it runs. Raises HouseError."""
    write_configuration(folder, port, house, components)
    # Everything is installed beforehand: --skip-pip keeps it from asking a package index at each start.
    # -P and no PYTHONPATH: it shall find the custom_components of `folder`, not the repository's.
    command = [
        sys.executable,
        "-P",
        "-m",
        "homeassistant",
        "--config",
        str(folder),
        "--skip-pip",
        "--log-no-color",
    ]
    process = await ChildProcess.start(
        "Home Assistant", command, log, {"PYTHONPATH": "", **(environment or {})}
    )
    url = f"http://{HOST}:{port}"
    try:
        token = await asyncio.wait_for(_become_ready(process, url, folder / "session.json"), START_SECONDS)
    except TimeoutError as err:
        await process.stop()
        raise HouseError(
            f"Home Assistant was not running after {START_SECONDS} s:\n{process.log_tail()}"
        ) from err
    except BaseException:
        await process.stop()
        raise
    return HomeAssistant(process, url, token)


async def _become_ready(process: ChildProcess, url: str, session_file: Path) -> str:
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        token = _stored_token(session_file)
        if token is None:
            await _until_listening(process, session, url)
            token = await _make_owner(session, url)
            _store_token(session_file, token)
        await _until_running(process, session, url, token)
    return token


def _stored_token(path: Path) -> str | None:
    if not path.exists():
        return None
    token: str = json.loads(path.read_text(encoding="utf-8"))["token"]
    return token


def _store_token(path: Path, token: str) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps({"token": token}), encoding="utf-8")


async def _until_listening(process: ChildProcess, session: aiohttp.ClientSession, url: str) -> None:
    while True:
        process.require_alive()
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(f"{url}/api/onboarding") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(POLL_SECONDS)


async def _until_running(process: ChildProcess, session: aiohttp.ClientSession, url: str, token: str) -> None:
    while True:
        process.require_alive()
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with session.get(f"{url}/api/config", headers=bearer(token)) as response:
                if response.status == 401:
                    raise HouseError(
                        "Home Assistant no longer accepts the stored login; start once with --fresh"
                    )
                if response.status == 200 and (await response.json())["state"] == "RUNNING":
                    return
        await asyncio.sleep(POLL_SECONDS)


async def _make_owner(session: aiohttp.ClientSession, url: str) -> str:
    """Make the owner and a token of his that lasts."""
    client = f"{url}/"
    owner = {
        "client_id": client,
        "name": "Demo",
        "username": USERNAME,
        "password": PASSWORD,
        "language": "en",
    }
    code = (await post(session, f"{url}/api/onboarding/users", json=owner))["auth_code"]
    grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
    access = (await post(session, f"{url}/auth/token", data=grant))["access_token"]
    async with session.ws_connect(f"{url}/api/websocket") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": access})
        await socket.receive_json()
        await socket.send_json(
            {"id": 1, "type": "auth/long_lived_access_token", "client_name": "script/run", "lifespan": 3650}
        )
        token: str = (await socket.receive_json())["result"]
        return token


async def post(session: aiohttp.ClientSession, url: str, **body: Any) -> dict[str, Any]:
    """POST and return the JSON answer. Raises HouseError with what Home Assistant said."""
    async with session.post(url, **body) as response:
        if response.status >= 400:
            raise HouseError(f"Home Assistant answered {response.status} to {url}: {await response.text()}")
        answer: dict[str, Any] = await response.json()
        return answer


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
