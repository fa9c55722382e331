"""The server as a process, with a real engine worker and the built-in model."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest

from tests.home.house import home
from tests.home.test_plan import RECORDED

SERVE = [sys.executable, "-m", "picoqwen_core", "serve", "--port"]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
async def server() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(*SERVE, str(port), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 100)
    assert line.decode().strip() == f"picoqwen is ready on http://127.0.0.1:{port}"
    yield process, f"http://127.0.0.1:{port}"
    if process.returncode is None:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


def home_json() -> dict[str, object]:
    from dataclasses import asdict

    return asdict(home())


async def test_a_sentence_becomes_a_tool_call_and_stopping_leaves_nothing(
    server: tuple[asyncio.subprocess.Process, str],
) -> None:
    process, url = server
    workers = psutil.Process(process.pid).children()
    body = {
        "messages": [{"role": "user", "content": "turn on the kitchen lamp"}],
        "tools": RECORDED,
        "home": home_json(),
    }
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        async with session.post(f"{url}/api/v1/chat", json=body) as response:
            (choice,) = (await response.json())["choices"]
        async with session.get(f"{url}/api/v1/health") as response:
            health = await response.json()
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "intent__HassTurnOn"
    assert choice["finish_reason"] == "tool_calls"
    assert health["engines"][0]["state"] == "ready"
    assert health["api_rss_mb"] < 60, "the API process must stay small"
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        result = subprocess.run([*SERVE, str(port)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert f"port {port} is already in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_is_not_there_is_told() -> None:
    command = [sys.executable, "-m", "picoqwen_core", "generate", "/nowhere/model.gguf", "hi"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "/nowhere/model.gguf" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_api_process_imports_no_arithmetic() -> None:
    code = (
        "import sys, picoqwen_core.server.run\n"
        "heavy = {'numba', 'numpy', 'tokenizers', 'jinja2', 'homeassistant'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "[]"
