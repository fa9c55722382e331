"""Telling Home Assistant, through the Supervisor, where this server is: one click then sets it up.

Outside an app there is no Supervisor, and nothing happens. Its interface:
https://developers.home-assistant.io/docs/api/supervisor/endpoints#discovery
"""

import asyncio
import logging
import socket
from typing import Any

import aiohttp

from picoqwen_core.config import Settings, supervisor_token
from picoqwen_core.server.access import mcp_token

_LOGGER = logging.getLogger(__name__)
SUPERVISOR_URL = "http://supervisor"
SERVICE = "picoqwen"
MCP_SERVICE = "mcp"
REQUEST_SECONDS = 10
# Bytes of a refusal that are logged.
_MOST_SAID = 200
# Between attempts, the last one for ever: the Supervisor may be updating itself.
RETRY_SECONDS = (2.0, 10.0, 60.0, 600.0)


async def announce_app(settings: Settings, port: int, *, url: str = SUPERVISOR_URL) -> None:
    """Tell the Supervisor address and key, which hands them to Home Assistant; tried until it succeeds.

    The same news twice is none: https://developers.home-assistant.io/docs/apps/communication
    """
    token = supervisor_token()
    if token is None:
        return
    host = socket.gethostname()
    config: dict[str, Any] = {"host": host, "port": port}
    if settings.api_key is not None:
        config["api_key"] = settings.api_key
    await _told(url, token, {"service": SERVICE, "config": config})
    if settings.mcp:
        # Home Assistant's own MCP client can send no key, so the address holds what is made of it.
        opened = f"/{mcp_token(settings.api_key)}" if settings.api_key is not None else ""
        address = f"http://{host}:{port}/mcp{opened}"
        await _told(url, token, {"service": MCP_SERVICE, "config": {"url": address}})


async def _told(url: str, token: str, message: dict[str, Any]) -> None:
    attempt = 0
    while (trouble := await _refusal(f"{url}/discovery", token, message)) is not None:
        wait = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
        attempt += 1
        if attempt <= len(RETRY_SECONDS):
            _LOGGER.warning(
                "Home Assistant could not be told of %s (%s); trying again in %g s",
                message["service"],
                trouble,
                wait,
            )
        await asyncio.sleep(wait)
    _LOGGER.info("Home Assistant was told of %s", message["service"])


async def _refusal(url: str, token: str, message: dict[str, Any]) -> str | None:
    """Why the Supervisor did not take the message; None where it did."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=message, headers=headers) as response,
        ):
            if response.status == 200:
                return None
            said = (await response.content.read(_MOST_SAID)).decode(errors="replace")
            return f"HTTP {response.status}: {said}"
    except TimeoutError:
        return f"no answer within {REQUEST_SECONDS:g} s"
    except aiohttp.ClientError as err:
        return str(err)
