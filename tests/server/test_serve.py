"""The server as a process: starting, what it weighs, stopping in order, and what it refuses to start with."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import aiohttp
import psutil
import pytest

import picoqwen_core
from tests.home.house import home
from tests.home.test_plan import RECORDED
from tests.server.conftest import KERNEL_CACHE, ROOT, asking
from tests.tiny import write_tiny

PICOQWEN = [sys.executable, "-m", "picoqwen_core"]
SERVE = [*PICOQWEN, "serve", "--port", "0", "--cache-dir", str(KERNEL_CACHE)]
READY = "picoqwen is ready on http://127.0.0.1:"
STOP_SECONDS = 5
# A wall clock that a file sets.
CLOCK = ROOT / "benchmarks" / "clock"
LIMIT = aiohttp.ClientTimeout(total=30)


@asynccontextmanager
async def started(*flags: str):
    """A server process; it is killed where the test has not ended it."""
    process = await asyncio.create_subprocess_exec(
        *SERVE, *flags, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def url_of(process: asyncio.subprocess.Process) -> str:
    line = (await asyncio.wait_for(process.stdout.readline(), 100)).decode().strip()
    assert line.startswith(READY), line
    return line.removeprefix("picoqwen is ready on ")


async def stop(process: asyncio.subprocess.Process, number: int = signal.SIGTERM) -> int:
    """End it, see that its workers have ended too, and return its exit code."""
    workers = psutil.Process(process.pid).children()
    process.send_signal(number)
    code = await asyncio.wait_for(process.wait(), STOP_SECONDS)
    assert not psutil.wait_procs(workers, timeout=1)[1]
    return code


async def test_a_sentence_becomes_a_tool_call_in_a_process_that_stays_small():
    body = {**asking("turn on the kitchen lamp"), "tools": RECORDED, "home": asdict(home())}
    async with started() as process, aiohttp.ClientSession(timeout=LIMIT) as session:
        url = await url_of(process)
        for _ in range(20):
            async with session.post(f"{url}/api/v1/chat", json=body) as response:
                (choice,) = (await response.json())["choices"]
        async with session.get(f"{url}/api/v1/health") as response:
            health = await response.json()
        assert await stop(process) == 0

    assert choice["message"]["tool_calls"][0]["function"]["name"] == "intent__HassTurnOn"
    assert choice["finish_reason"] == "tool_calls"
    assert (health["status"], health["engines"][0]["state"]) == ("ok", "ready")
    assert health["api_rss_mb"] <= 50


async def test_stopping_in_the_middle_of_an_answer_tells_the_client(tmp_path: Path):
    model = str(write_tiny(tmp_path / "tiny.gguf"))
    async with started("--model", model) as process, aiohttp.ClientSession(timeout=LIMIT) as session:
        url = await url_of(process)
        async with session.post(f"{url}/api/v1/chat", json=asking(stream=True)) as response:
            await response.content.readuntil(b"\n\n")
            assert await stop(process) == 0
            text = (await response.content.read()).decode()

    assert "event: error\n" in text
    assert "was stopped" in text
    assert "[DONE]" not in text


async def test_ctrl_c_while_the_model_is_loading_leaves_no_process():
    async with started() as process:
        async with asyncio.timeout(30):
            while not (workers := psutil.Process(process.pid).children()):
                await asyncio.sleep(0.02)
        assert await stop(process, signal.SIGINT) == 0

    assert len(workers) == 1


async def test_a_damaged_model_is_served_as_the_error_it_is(tmp_path: Path):
    model = tmp_path / "broken.gguf"
    model.write_bytes(b"GGUF but not really")
    async with started("--model", str(model)) as process, aiohttp.ClientSession(timeout=LIMIT) as session:
        told = b""
        async with asyncio.timeout(60):
            while b"Serving without a model at " not in told:
                told += await process.stderr.readline()
        url = told.decode().rsplit("Serving without a model at ")[1].split(";")[0]
        async with session.get(f"{url}/api/v1/health") as response:
            health = await response.json()
        async with session.post(f"{url}/api/v1/chat", json=asking()) as response:
            error = (await response.json())["error"]

    assert health["status"] == "degraded"
    assert "broken.gguf" in health["engines"][0]["error"]
    assert response.status == 503
    assert "broken.gguf" in error["message"]


async def test_a_running_server_is_talked_to_from_a_terminal(tmp_path: Path):
    model = str(write_tiny(tmp_path / "tiny.gguf"))
    async with started("--model", model, "--context", "200") as process:
        url = await url_of(process)
        result = await run("chat", "--url", url, typed="hello\n\n/quit\nnever said\n")
        listed = await run("models", "--url", url)

    assert result.returncode == 0
    assert len(result.stdout) > 50
    assert "never said" not in result.stdout
    first, second = listed.stdout.splitlines()
    assert (first.split()[0], second.split()[0]) == ("tiny", "pico-home")
    assert first.endswith("  loaded")


async def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A command to its end; the failure of any is one line."""
    result = await asyncio.to_thread(
        subprocess.run,
        [*PICOQWEN, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stderr
    return result


async def test_a_talk_without_a_server_brings_its_own():
    result = await run("chat", typed="hello\n")

    assert result.returncode == 0
    assert "home" in result.stdout


async def test_without_the_built_in_model_a_server_is_ready_at_once_and_the_first_who_asks_loads_it():
    async with started("--no-built-in") as process, aiohttp.ClientSession(timeout=LIMIT) as session:
        url = await url_of(process)
        assert psutil.Process(process.pid).children() == []
        status, _, said = await _answered(session, f"{url}/api/v1/chat", asking("hello"))
        assert (status, json.loads(said)["model"]) == (200, "pico-home")
        assert await stop(process) == 0


async def test_a_clock_that_jumps_in_the_middle_of_an_answer_breaks_nothing(tmp_path: Path, monkeypatch):
    model = str(write_tiny(tmp_path / "tiny.gguf"))
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    monkeypatch.setenv("PYTHONPATH", str(CLOCK))
    monkeypatch.setenv("SECONDS_AHEAD", str(ahead))
    async with (
        started("--model", model, "--no-built-in") as process,
        aiohttp.ClientSession(timeout=LIMIT) as session,
    ):
        url = await url_of(process)
        for seconds in (365 * 86_400, -86_400):
            body = asking(stream=True, max_tokens=100)
            async with session.post(f"{url}/api/v1/chat", json=body) as response:
                await response.content.readuntil(b"\n\n")
                ahead.write_text(str(seconds))
                assert (await response.text()).endswith("data: [DONE]\n\n")
            status, _, said = await _answered(session, f"{url}/api/v1/chat", asking(max_tokens=2))
            assert status == 200
            assert json.loads(said)["created"] - time.time() == pytest.approx(seconds, abs=3600)
            async with session.get(f"{url}/api/v1/health") as response:
                health = await response.json()
            assert (health["status"], 0 <= health["uptime_s"] < 3600) == ("ok", True)
        assert await stop(process) == 0


@pytest.fixture
def taken_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


async def test_a_port_in_use_is_one_clear_line(taken_port: int):
    result = await run("serve", "--port", str(taken_port))

    assert result.returncode == 1
    assert f"port {taken_port} is already in use" in result.stderr
    assert "--port" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("serve", "--model", "/nowhere/model.gguf"), "model is '/nowhere/model.gguf'"),
        (("serve", "--threads", "many"), "threads is 'many'"),
        (("serve", "--config", "/nowhere/config.toml"), "/nowhere/config.toml: cannot be read"),
        (("generate", "/nowhere/model.gguf", "hi"), "/nowhere/model.gguf"),
        (("chat", "--url", "localhost:8080"), "--url is 'localhost:8080'"),
        (("models", "--url", "http://127.0.0.1:9"), "is the server running?"),
    ],
)
async def test_what_cannot_work_is_told_in_one_line(arguments, told):
    result = await run(*arguments)

    assert result.returncode == 1
    assert result.stderr.startswith("picoqwen: ")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


async def test_the_version_is_told():
    assert (await run("--version")).stdout == f"picoqwen {picoqwen_core.__version__}\n"


def test_the_api_process_imports_no_arithmetic():
    code = (
        "import sys, picoqwen_core.server.run, picoqwen_core.__main__\n"
        "heavy = {'numba', 'numpy', 'tokenizers', 'jinja2', 'homeassistant'} & set(sys.modules)\n"
        "print(sorted(heavy), 'aiohttp' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout == "[] True\n"


async def test_where_too_many_wait_the_next_is_told_when_to_come_back(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PICOQWEN_PARALLEL_REQUESTS", "1")
    monkeypatch.setenv("PICOQWEN_MAX_CONNECTIONS", "12")
    model = str(write_tiny(tmp_path / "tiny.gguf"))
    async with started("--model", model, "--no-built-in") as process:
        url = await url_of(process)
        # One is answered and nine wait, so that of eleven one is refused; one connection is left to look.
        async with aiohttp.ClientSession(timeout=LIMIT) as session, asyncio.TaskGroup() as group:
            body = asking(stream=True)
            asked = [group.create_task(_answered(session, f"{url}/api/v1/chat", body)) for _ in range(11)]
            while not (refused := [task.result() for task in asked if task.done()]):
                await asyncio.sleep(0.02)
            async with session.get(f"{url}/metrics") as response:
                counted = await response.text()
            for task in asked:
                task.cancel()
        async with aiohttp.ClientSession(timeout=LIMIT) as session, asyncio.timeout(30):
            while (await _answered(session, f"{url}/api/v1/chat", asking(max_tokens=1)))[0] != 200:
                await asyncio.sleep(0.05)
        assert await stop(process) == 0

    assert 'picoqwen_requests_queued{model="tiny"} 9' in counted.splitlines()
    ((status, retry, text),) = refused
    assert (status, json.loads(text)["error"]["code"]) == (429, "busy")
    assert int(retry) >= 1
    assert "requests are waiting already" in text


async def _answered(session: aiohttp.ClientSession, url: str, body: dict) -> tuple[int, str | None, str]:
    async with session.post(url, json=body) as response:
        return response.status, response.headers.get("Retry-After"), await response.text()


async def test_a_killed_server_fails_its_answers_and_comes_back_with_what_it_kept(
    tmp_path: Path, monkeypatch
):
    models = tmp_path / "models"
    models.mkdir()
    write_tiny(models / "tiny.gguf")
    monkeypatch.setenv("PICOQWEN_API_KEY_FILE", str(tmp_path / "key"))
    flags = ("--model", str(models / "tiny.gguf"), "--models-dir", str(models), "--no-built-in")
    before = sorted(each.name for each in models.iterdir())
    async with started(*flags) as process:
        url = await url_of(process)
        key = {"Authorization": f"Bearer {(tmp_path / 'key').read_text()}"}
        (worker,) = psutil.Process(process.pid).children()
        async with (
            aiohttp.ClientSession(timeout=LIMIT, headers=key) as session,
            session.post(f"{url}/api/v1/chat", json=asking(stream=True)) as response,
        ):
            await response.content.readuntil(b"\n\n")
            process.kill()
            with pytest.raises(aiohttp.ClientPayloadError):
                async with asyncio.timeout(STOP_SECONDS):
                    await response.read()
        assert not psutil.wait_procs([worker], timeout=STOP_SECONDS)[1]

    async with (
        started(*flags, "--port", url.rpartition(":")[2]) as process,
        aiohttp.ClientSession(timeout=LIMIT, headers=key) as session,
    ):
        assert await url_of(process) == url
        assert (await _answered(session, f"{url}/api/v1/chat", asking(max_tokens=2)))[0] == 200
        assert await stop(process) == 0
    assert sorted(each.name for each in models.iterdir()) == before
