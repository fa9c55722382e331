"""Talks to the Pico-Qwen server; every wait has a limit, every failure is one of errors.py."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from .errors import PicoQwenConnectionError, PicoQwenError, PicoQwenUnsupportedError, error_of

CONNECT_SECONDS = 5
STATE_SECONDS = 10
# The longest silence in an answer; loading a model and reading a long prompt count in.
SILENCE_SECONDS = 90
# The server pings its watchers every 30 seconds; after two that did not come the connection is dead.
DEAF_SECONDS = 75
# Reading a long prompt, loading a large model.
WORK_SECONDS = 300
# A flow has a limit of its own at the server; this is for one that forgets it.
FLOW_SECONDS = 1800


class PicoQwenClient:
    """One server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, api_key: str | None = None) -> None:
        """Use Home Assistant's session; `url` is the server's base, without a path."""
        self._session = session
        self._base = URL(url.rstrip("/") + "/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    @property
    def url(self) -> str:
        """Where the server is."""
        return str(self._base)

    async def models(self) -> list[dict[str, Any]]:
        """The server's models; asking for them needs the key, so it is how a connection is tested."""
        body = await self._json("GET", "api/v1/models", STATE_SECONDS)
        models = body.get("data")
        if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
            raise PicoQwenError(f"{self._base} is no Pico-Qwen server")
        return models

    async def health(self) -> dict[str, Any]:
        """How the server and its engines are."""
        return await self._json("GET", "api/v1/health", STATE_SECONDS)

    async def status(self) -> dict[str, Any]:
        """The counters of the server and of its engines."""
        return await self._json("GET", "api/v1/status", STATE_SECONDS)

    async def generate(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Continue a raw text."""
        return await self._json("POST", "api/v1/generate", WORK_SECONDS, body)

    async def score(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Weigh the choices as answers to the messages."""
        return await self._json("POST", "api/v1/score", WORK_SECONDS, body)

    async def prime(self, body: Mapping[str, Any]) -> None:
        """Let the server read the beginning of a conversation that will come."""
        await self._json("POST", "api/v1/prime", WORK_SECONDS, body)

    async def load_model(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Load a model; returns when it can answer."""
        return await self._json("POST", f"api/v1/models/{quote(model, safe='')}/load", WORK_SECONDS, body)

    async def unload_model(self, model: str) -> dict[str, Any]:
        """Give the memory of a model back."""
        return await self._json("POST", f"api/v1/models/{quote(model, safe='')}/unload", WORK_SECONDS, {})

    async def flows(self) -> list[dict[str, Any]]:
        """The flows that agents of the server can run. Raises PicoQwenUnsupportedError where it has none."""
        flows = (await self._json("GET", "api/v1/flows", STATE_SECONDS)).get("flows")
        return [each for each in flows if isinstance(each, dict)] if isinstance(flows, list) else []

    async def run_flow(self, name: str, body: Mapping[str, Any], seconds: float | None) -> dict[str, Any]:
        """Run a flow to its end; seconds: what it was given, None for the server's own limit."""
        path = f"api/v1/flows/{quote(name, safe='')}/runs"
        return await self._json("POST", path, FLOW_SECONDS if seconds is None else seconds + 30, body)

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Stream the deltas of an answer; the last ones carry `finish_reason` and `usage`.

        Raises PicoQwenConnectionError when it ends too soon.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        async with self._request("POST", "api/v1/chat", limits, asked) as response:
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
                        raise error_of(chunk, otherwise="the answer failed")
                    for delta in _deltas(chunk):
                        yield delta
        raise PicoQwenConnectionError("the server broke off in the middle of its answer")

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """What happens at the server, as it happens. Raises PicoQwenConnectionError when that ends."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._session.ws_connect(
                    self._base.join(URL("api/v1/events")),
                    headers=self._headers,
                    timeout=aiohttp.ClientWSTimeout(ws_receive=DEAF_SECONDS, ws_close=CONNECT_SECONDS),
                )
            try:
                async for message in socket:
                    event = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
                    if isinstance(event, dict):
                        yield event
            finally:
                await socket.close()
        except aiohttp.WSServerHandshakeError as err:
            if err.status in (404, 405):
                raise PicoQwenUnsupportedError(err.message) from err
            raise error_of(None, err.status, err.message) from err
        except (TimeoutError, ValueError, aiohttp.ClientError) as err:
            raise PicoQwenConnectionError(f"{self._base}: {err}") from err
        raise PicoQwenConnectionError(f"{self._base} ended its events")

    async def chat_once(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole answer: {"text", "tool_calls", "model", "finish_reason", "usage", "served"}."""
        answer: dict[str, Any] = {"text": "", "model": None, "finish_reason": None, "usage": None}
        answer |= {"served": None, "tool_calls": []}
        async for delta in self.chat(body):
            answer["text"] += delta.get("content") or ""
            answer["tool_calls"] += delta.get("tool_calls") or ()
            answer |= {
                key: delta[key] for key in ("model", "finish_reason", "usage", "served") if delta.get(key)
            }
        return answer

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
                method,
                self._base.join(URL(path, encoded=True)),
                json=body,
                headers=self._headers,
                timeout=limits,
            ) as response:
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
        deltas = []
        for choice in chunk.get("choices", ()):
            delta = dict(choice["delta"])
            if choice.get("finish_reason"):
                delta["finish_reason"] = choice["finish_reason"]
            deltas.append(delta)
        if isinstance(chunk.get("picoqwen"), dict):
            deltas.append({"served": chunk["picoqwen"]})
        if chunk.get("usage"):
            deltas.append({"usage": dict(chunk["usage"]), "model": chunk.get("model")})
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise PicoQwenError(f"the server sent an event that is no part of an answer: {chunk!r:.200}") from err
    return deltas


async def _failure(response: aiohttp.ClientResponse) -> PicoQwenError:
    """The error that a response with an error status means."""
    try:
        body = await response.json()
    except (aiohttp.ClientError, ValueError):
        body = None
        if response.status == 404:
            return PicoQwenUnsupportedError(response.reason or "not found")
    return error_of(body, response.status, response.reason or "error")
