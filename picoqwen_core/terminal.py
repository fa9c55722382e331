"""Talking to a server from a terminal: a plain HTTP client without an event loop (talk.py talks)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from picoqwen_core.errors import ConfigError, EngineUnavailable, RequestError

READY_LINE = "picoqwen is ready on "
# The longest silence in an answer: a model may be loading, or reading a long prompt.
SILENCE_SECONDS = 330.0
_STOP_SECONDS = 10.0


class Server:
    """A server that can be talked to."""

    def __init__(self, url: str, api_key: str | None = None, *, patience: float = SILENCE_SECONDS) -> None:
        """url: http://host:port; patience: seconds of silence. Raises ConfigError for another url."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ConfigError(f"--url is {url!r}; allowed: http://HOST:PORT or https://HOST:PORT")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._patience = patience

    def models(self) -> list[dict[str, Any]]:
        """The entries of GET /api/v1/models."""
        with self._open("/api/v1/models") as response:
            data: list[dict[str, Any]] = json.load(response)["data"]
            return data

    def get(self, path: str) -> dict[str, Any]:
        """The object that a path answers."""
        with self._open(path) as response:
            found: dict[str, Any] = json.load(response)
            return found

    def delete(self, path: str) -> dict[str, Any]:
        """The object that deleting a path answers."""
        with self._open(path, method="DELETE") as response:
            found: dict[str, Any] = json.load(response)
            return found

    def chat(self, messages: Sequence[dict[str, str]], model: str | None = None) -> Iterator[dict[str, Any]]:
        """The deltas of an answer, in OpenAI's shape; {"loading": seconds} while its model is being loaded.

        Raises RequestError with what the server says.
        """
        body: dict[str, Any] = {"messages": list(messages), "model": model, "stream": True}
        body["stream_options"] = {"include_progress": True}
        for event, data in self._stream("/api/v1/chat", body):
            if event == "progress":
                yield {"loading": data["waited_s"]}
            else:
                yield from (choice["delta"] for choice in data["choices"])

    def events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of a run. Raises RequestError with what the server says."""
        for _, data in self._stream(path, body):
            yield data

    def _stream(self, path: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        with self._open(path, body) as response:
            event = "message"
            for raw in response:
                field, _, value = raw.decode().strip().partition(":")
                value = value.strip()
                if field == "event":
                    event = value
                elif field == "data" and event == "error":
                    raise RequestError(json.loads(value)["error"]["message"])
                elif field == "data" and value != "[DONE]":
                    yield event, json.loads(value)
                    event = "message"

    @contextmanager
    def _open(
        self, path: str, body: dict[str, Any] | None = None, method: str | None = None
    ) -> Iterator[HTTPResponse]:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        request = Request(self._url + path, data, headers, method=method)  # noqa: S310 - checked above
        try:
            with urlopen(request, timeout=self._patience) as response:  # noqa: S310
                yield response
        except HTTPError as err:
            raise RequestError(f"{self._url} answers: {_message(err)}") from err
        except (OSError, HTTPException) as err:
            reason = err.reason if isinstance(err, URLError) else err
            raise EngineUnavailable(f"no answer from {self._url} ({reason}); is the server running?") from err


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


@contextmanager
def own_server(model: str | None) -> Iterator[Server]:
    """A server of our own on a free port, for as long as the block lasts."""
    command = [sys.executable, "-m", "picoqwen_core", "serve", "--port", "0", "--log-level", "error"]
    command += ["--model", model, "--no-built-in"] if model else []
    # In a session of its own, so that Ctrl-C reaches only us and we stop it in order.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(READY_LINE):
                raise EngineUnavailable("the server did not start; what is wrong stands above")
            yield Server(line.removeprefix(READY_LINE).strip())
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
