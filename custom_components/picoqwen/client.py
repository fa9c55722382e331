"""Talks to the Pico-Qwen server; every wait has a limit, every failure one of three errors."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

CONNECT_SECONDS = 5
MODELS_SECONDS = 10
# The longest silence in an answer; loading a model and reading a long prompt count in.
SILENCE_SECONDS = 90
GENERATE_SECONDS = 300


class PicoQwenError(Exception):
    """The server answered with an error."""


class PicoQwenConnectionError(PicoQwenError):
    """The server cannot be reached, or broke off."""


class PicoQwenAuthError(PicoQwenError):
    """The server does not accept the API key."""


class PicoQwenClient:
    """One server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, api_key: str | None = None) -> None:
        """Use Home Assistant's session; `url` is the server's base, without a path."""
        self._session = session
        self._base = URL(url.rstrip("/") + "/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def models(self) -> list[dict[str, Any]]:
        """The server's models; asking for them needs the key, so it is how a connection is tested."""
        body = await self._json("GET", "api/v1/models", MODELS_SECONDS)
        models: list[dict[str, Any]] = body.get("data", [])
        return models

    async def generate(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Continue a text."""
        return await self._json("POST", "api/v1/generate", GENERATE_SECONDS, body)

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Stream the deltas of an answer. Raises PicoQwenConnectionError when it ends too soon."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        async with self._request("POST", "api/v1/chat", limits, {**body, "stream": True}) as response:
            event = "message"
            async for raw in response.content:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("event:"):
                    event = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                    if data == "[DONE]":
                        return
                    chunk = json.loads(data)
                    if event == "error":
                        raise PicoQwenError(_message(chunk, "the answer failed"))
                    for delta in _deltas(chunk):
                        yield delta
        raise PicoQwenConnectionError("the server broke off in the middle of its answer")

    async def _json(
        self, method: str, path: str, seconds: float, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        async with self._request(method, path, limits, body) as response:
            data = await response.json()
        if not isinstance(data, dict):
            raise PicoQwenError(f"{self._base / path} is no Pico-Qwen server")
        return data

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, limits: aiohttp.ClientTimeout, body: Mapping[str, Any] | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """A checked response; aiohttp's errors become ours here and nowhere else."""
        try:
            async with self._session.request(
                method, self._base.join(URL(path)), json=body, headers=self._headers, timeout=limits
            ) as response:
                if response.status in (401, 403):
                    raise PicoQwenAuthError("the server does not accept the API key")
                if response.status >= 400:
                    raise await _failure(response)
                yield response
        except TimeoutError as err:
            raise PicoQwenConnectionError(f"no answer from {self._base} in time") from err
        except aiohttp.ContentTypeError as err:
            raise PicoQwenError(f"{self._base} is no Pico-Qwen server") from err
        except aiohttp.ClientError as err:
            raise PicoQwenConnectionError(f"{self._base}: {err}") from err
        except ValueError as err:
            raise PicoQwenError(f"{self._base} sent something that is not JSON: {err}") from err


def _deltas(chunk: Any) -> list[dict[str, Any]]:
    """What one event adds to the answer. Raises PicoQwenError when it is no event of a chat."""
    try:
        return [dict(choice["delta"]) for choice in chunk.get("choices", ())]
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise PicoQwenError(f"the server sent an event that is no part of an answer: {chunk!r:.200}") from err


async def _failure(response: aiohttp.ClientResponse) -> PicoQwenError:
    """The error that a response with an error status means."""
    try:
        text = _message(await response.json(), response.reason or "error")
    except (aiohttp.ClientError, ValueError):
        text = response.reason or "error"
    if response.status in (502, 503, 504):
        return PicoQwenConnectionError(text)
    return PicoQwenError(text)


def _message(body: Any, otherwise: str) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("message", otherwise)) if isinstance(error, dict) else otherwise
