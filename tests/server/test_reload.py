"""Settings read again while requests are answered, and what systemd is told."""

import asyncio
import os
import signal
import socket

import pytest

from picoqwen_core.config import Settings, Source
from picoqwen_core.messages import ChatDelta
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.server.conftest import END, FakeProvider, asking
from tests.server.test_serve import SERVE, stop


@pytest.fixture
async def server(tmp_path):
    """A server from a file, over a provider that takes a second: (url, file)."""
    config = tmp_path / "config.toml"
    config.write_text('[server]\nport = 0\napi_key = "old"\n')
    state = State(
        Settings(port=0, api_key="old"),
        Router([FakeProvider(1.0, ChatDelta("hi"), END)]),
        source=Source(config),
    )
    async with listening(make_app(state), state.settings) as url:
        yield url, config


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_new_key_counts_and_a_request_in_flight_is_answered(server, http):
    url, config = server
    asked = asyncio.create_task(http.post(f"{url}/api/v1/chat", json=asking(), headers=bearer("old")))
    await asyncio.sleep(0.2)
    config.write_text('[server]\nport = 1234\napi_key = "new"\n')

    async with http.post(f"{url}/api/v1/reload", headers=bearer("old")) as response:
        assert await response.json() == {"changed": ["api_key"], "needs_restart": ["port"]}
    async with http.get(f"{url}/api/v1/models", headers=bearer("old")) as response:
        assert response.status == 401
    async with http.get(f"{url}/api/v1/models", headers=bearer("new")) as response:
        assert response.status == 200
    async with await asked as response:
        assert (await response.json())["choices"][0]["message"]["content"] == "hi"


async def test_wrong_settings_change_nothing(server, http):
    url, config = server
    config.write_text("[server]\nmax_connections = 0\n")
    async with http.post(f"{url}/api/v1/reload", headers=bearer("old")) as response:
        error = (await response.json())["error"]
    assert (response.status, error["code"]) == (422, "settings_refused")
    assert error["message"] == "the settings stay as they were: max_connections is 0; allowed: 1 or more"
    async with http.get(f"{url}/api/v1/models", headers=bearer("old")) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\nmax_connection = 5\n", "unknown option 'max_connection' in [server]; known: host, port,"),
        ('[server]\nlog_level = "loud"\n', "log_level is 'loud'; allowed: debug, info, warning, error"),
        ("[server\n", "cannot be read"),
    ],
)
async def test_wrong_settings_are_named_with_what_is_allowed(server, http, text, told):
    url, config = server
    config.write_text(text)
    async with http.post(f"{url}/api/v1/reload", headers=bearer("old")) as response:
        assert (response.status, told in (await response.text())) == (422, True)


async def test_systemd_is_told_of_ready_alive_reload_and_stop(tmp_path):
    place = tmp_path / "notify"
    config = tmp_path / "config.toml"
    config.write_text("[server]\nport = 0\n")
    environment = {**os.environ, "NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "200000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(place))
        heard.settimeout(30)
        process = await asyncio.create_subprocess_exec(
            *(*SERVE, "--config", str(config)),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

        async def until(word: str) -> None:
            async with asyncio.timeout(30):
                while word not in (await asyncio.to_thread(heard.recv, 4096)).decode():
                    pass

        try:
            await until("READY=1")
            await until("WATCHDOG=1")
            process.send_signal(signal.SIGHUP)
            await until("RELOADING=1")
            await until("READY=1")
            config.write_text("[server]\nport = 0\nrate_limit = -1\n")
            process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(30):
                while b"stay as they were: rate_limit is -1; allowed: 0 or more" not in (
                    await process.stderr.readline()
                ):
                    pass
            await until("READY=1")
            assert await stop(process) == 0
            await until("STOPPING=1")
        finally:
            if process.returncode is None:
                process.kill()
