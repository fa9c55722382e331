"""What goes wrong around the app: its options, its flows, its folders. The home goes on and is told why."""

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from picoqwen_core.config import BUILT_IN_MODEL, Settings, load_settings
from picoqwen_core.server.as_app import spared
from tests.server.conftest import KERNEL_CACHE

LIMIT = aiohttp.ClientTimeout(total=30)
READY = re.compile(r"picoqwen is ready on (http://\S+)")
STARTING_SECONDS = 100


@asynccontextmanager
async def app(folder: Path, options: str, **environment: str):
    """The server as the app's service starts it; its URL and its process."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "options.json").write_text(options)
    given = {
        "SUPERVISOR_TOKEN": "t",
        "PICOQWEN_HOST": "127.0.0.1",
        "PICOQWEN_PORT": "0",
        "PICOQWEN_API_KEY_FILE": str(folder / "data" / "api_key"),
        "PICOQWEN_MODELS_DIR": str(folder / "config" / "models"),
        "PICOQWEN_CACHE_DIR": str(KERNEL_CACHE),
        "PICOQWEN_BUDGET_FILE": str(folder / "data" / "budget.db"),
        "PICOQWEN_AGENTS_DIR": str(folder / "config" / "agents"),
        **environment,
    }
    command = [sys.executable, "-m", "picoqwen_core", "serve", "--options", str(folder / "data/options.json")]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=os.environ | given, stdout=log, stderr=asyncio.subprocess.STDOUT
        )
    try:
        async with asyncio.timeout(STARTING_SECONDS):
            while not (ready := READY.search((folder / "log").read_text())):
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        yield ready.group(1)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def health_of(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession(timeout=LIMIT) as session, session.get(f"{url}/api/v1/health") as answer:
        return await answer.json()


async def asked_with(url: str, key: str) -> tuple[int, list[str]]:
    """What a client with the key is answered, and the end of the log as the page shows it."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(timeout=LIMIT) as session,
        session.get(f"{url}/api/v1/logs", headers=headers) as answer,
    ):
        return answer.status, (await answer.json())["lines"]


@pytest.mark.parametrize(
    ("options", "trouble"),
    [
        ('{"resources": {', "options.json: cannot be read"),
        (
            '{"api_key": "mine", "resources": {"threads": "many"}}',
            "threads is 'many'; allowed: a whole number",
        ),
        ('{"api_key": "mine", "model": "/share/none.gguf"}', "model is '/share/none.gguf'"),
    ],
    ids=["broken", "ill-typed", "no such model"],
)
async def test_options_that_cannot_be_taken_are_told_and_the_home_goes_on(
    tmp_path: Path, options: str, trouble: str
) -> None:
    async with app(tmp_path, options) as url:
        health = await health_of(url)
        known = "mine" if "mine" in options else (tmp_path / "data" / "api_key").read_text()
        status, logs = await asked_with(url, known)

    assert health["status"] == "degraded"
    assert any(trouble in line for line in logs)
    assert trouble in health["trouble"]
    assert health["models"] == ["pico-home"]
    assert status == 200
    log = (tmp_path / "log").read_text()
    assert re.search(rf"ERROR .*{re.escape(trouble)}.* the built-in model answers alone", log)


async def test_a_flow_with_a_mistake_takes_the_agents_away_and_not_the_home(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "mine.yaml").write_text("steps: [")
    agents = {"agents": True, "flows_dir": str(tmp_path / "flows")}
    async with app(tmp_path, json.dumps({"agents": agents})) as url:
        health = await health_of(url)

    assert "mine.yaml" in health["trouble"]
    assert health["agents"] is False
    assert [each["state"] for each in health["engines"]] == ["ready"]


async def test_folders_that_cannot_be_written_are_told_and_the_home_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    beneath = str(tmp_path / "file" / "x")
    places = dict.fromkeys(("PICOQWEN_API_KEY_FILE", "PICOQWEN_MODELS_DIR", "PICOQWEN_BUDGET_FILE"), beneath)
    async with app(tmp_path, "{}", **places) as url:
        health = await health_of(url)

    assert health["status"] == "ok"
    log = (tmp_path / "log").read_text()
    assert re.search(
        r"WARNING .*api_key_file .*file/x cannot be read or made: .* each start takes another", log
    )


def test_outside_of_an_app_a_key_has_to_last_and_in_one_it_stays_while_the_app_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {"PICOQWEN_API_KEY_FILE": str(tmp_path / "file" / "key"), "SUPERVISOR_TOKEN": "t"}
    first = load_settings(environment=environment).api_key

    assert first is not None
    assert load_settings(environment=environment).api_key == first


def test_what_is_left_out_of_the_settings_is_what_can_be_missing() -> None:
    chosen = Settings(api_key="k", model=Path("/share/none.gguf"), agents=True, privacy="nothing", mcp=True)
    left = spared(chosen)

    assert (left.api_key, left.privacy, left.mcp) == ("k", "nothing", True)
    assert (left.model, left.agents, left.upstreams) == (BUILT_IN_MODEL, False, ())
