"""What the app tells Home Assistant, through a Supervisor that takes or refuses it."""

import asyncio
import stat
from pathlib import Path

import pytest
from aiohttp import web

from picoqwen_core.config import Settings, load_settings
from picoqwen_core.errors import ConfigError
from picoqwen_core.server import supervisor
from picoqwen_core.server.access import mcp_token

# No text of any kind that a client could count on.
REFUSAL = b'\xff{"result": "error", "message": "no"}' + b"x" * 1000
SILENT = 599


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch):
    """A Supervisor that answers with these statuses, the last one for ever; its URL and what it was sent."""
    runners = []

    async def start(*statuses: int):
        told: list[tuple[str, object]] = []
        left = list(statuses)

        async def discovery(request: web.Request) -> web.Response:
            told.append((request.headers["Authorization"], await request.json()))
            status = left.pop(0) if len(left) > 1 else left[0]
            if status == SILENT:
                await asyncio.sleep(5)
            return web.Response(status=status, body=REFUSAL if status != 200 else b"{}")

        app = web.Application()
        app.add_routes([web.post("/discovery", discovery)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}", told

    monkeypatch.setenv("SUPERVISOR_TOKEN", "t")
    monkeypatch.setattr(supervisor, "RETRY_SECONDS", (0.01,))
    yield start
    for runner in runners:
        await runner.cleanup()


async def test_home_assistant_is_told_the_address_and_the_key(hub) -> None:
    url, told = await hub(200)
    await supervisor.announce_app(Settings(api_key="k"), 8080, url=url)

    ((authorization, message),) = told
    assert authorization == "Bearer t"
    assert message["service"] == "picoqwen"
    assert set(message["config"]) == {"host", "port", "api_key"}
    assert (message["config"]["port"], message["config"]["api_key"]) == (8080, "k")


async def test_home_assistants_mcp_client_is_told_an_address_for_the_tools_alone(hub) -> None:
    url, told = await hub(200)
    await supervisor.announce_app(Settings(api_key="k", mcp=True), 8080, url=url)

    message = told[1][1]
    assert message["service"] == "mcp"
    assert message["config"]["url"].endswith(f":8080/mcp/{mcp_token('k')}")


async def test_a_refusal_is_a_warning_and_tried_again(hub, caplog) -> None:
    url, told = await hub(403, 200)
    await supervisor.announce_app(Settings(api_key="secret"), 8080, url=url)

    assert len(told) == 2
    assert "HTTP 403" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("status", [400, 401, 500, 502])
async def test_whatever_the_supervisor_answers_it_is_told_and_tried_again(hub, caplog, status: int) -> None:
    url, told = await hub(status, status, 200)
    await supervisor.announce_app(Settings(api_key="secret"), 8080, url=url)

    assert len(told) == 3
    assert f"HTTP {status}: {REFUSAL.decode(errors='replace')[:50]}" in caplog.text
    assert "secret" not in caplog.text


async def test_a_supervisor_that_does_not_answer_in_time_is_asked_again(hub, caplog, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "REQUEST_SECONDS", 0.2)
    url, told = await hub(SILENT, 200)
    await supervisor.announce_app(Settings(api_key="secret"), 8080, url=url)

    assert len(told) == 2
    assert "no answer within 0.2 s" in caplog.text


async def test_who_is_refused_for_ever_stops_filling_the_log(hub, caplog) -> None:
    url, told = await hub(403)
    task = asyncio.create_task(supervisor.announce_app(Settings(api_key="k"), 8080, url=url))
    async with asyncio.timeout(30):
        while len(told) < 5:
            await asyncio.sleep(0.01)
    task.cancel()

    assert caplog.text.count("could not be told") == len(supervisor.RETRY_SECONDS)


async def test_outside_of_an_app_nobody_is_told(hub, monkeypatch) -> None:
    url, told = await hub(200)
    monkeypatch.delenv("SUPERVISOR_TOKEN")
    await supervisor.announce_app(Settings(), 8080, url=url)
    assert told == []


async def test_a_supervisor_that_is_not_there_is_asked_until_it_is(hub) -> None:
    task = asyncio.create_task(supervisor.announce_app(Settings(), 1, url="http://127.0.0.1:1"))
    await asyncio.sleep(0.1)
    assert not task.done()
    task.cancel()


def test_a_key_is_made_once_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "data" / "api_key"
    environment = {"PICOQWEN_API_KEY_FILE": str(file)}
    key = load_settings(environment=environment).api_key

    assert key is not None
    assert len(key) == 32
    assert load_settings(environment=environment).api_key == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_key_of_the_options_is_taken_where_there_is_one(tmp_path: Path) -> None:
    file, options = tmp_path / "api_key", tmp_path / "options.json"
    options.write_text('{"api_key": "mine"}')

    assert load_settings(options=options, environment={"PICOQWEN_API_KEY_FILE": str(file)}).api_key == "mine"
    assert not file.exists()


def test_a_key_file_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"api_key_file .*file/key cannot be read or made"):
        load_settings(environment={"PICOQWEN_API_KEY_FILE": str(tmp_path / "file" / "key")})
