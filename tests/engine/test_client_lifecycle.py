"""A worker's death, the engine's recovery, and the end of both; each test has its own worker."""

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import aclosing, asynccontextmanager

import psutil
import pytest

from picoqwen_core.engine.connection import WorkerConnection
from picoqwen_core.errors import BusyError, EngineError, EngineUnavailable
from picoqwen_core.messages import ChatRequest, GenerateRequest, Message
from tests.engine.conftest import GREEDY, KERNEL_CACHE, ROOT, collect, new_client, until, until_status

HELLO = ChatRequest((Message("user", "hello there"),), sampling=GREEDY, max_tokens=5)
ENDLESS = GenerateRequest("on and on", sampling=GREEDY)


@asynccontextmanager
async def started(path, **options):
    client = new_client(path, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


async def test_a_killed_worker_fails_its_answers_at_once_and_comes_back(tiny_model):
    async with started(tiny_model, restart_delays=(0.3,)) as client:
        killed = client.worker_pid
        async with aclosing(client.generate(ENDLESS)) as stream:
            await anext(stream)
            waiting = asyncio.create_task(collect(client.chat(HELLO)))
            await asyncio.sleep(0)
            os.kill(killed, signal.SIGKILL)
            with pytest.raises(EngineUnavailable, match="signal 9"):
                await asyncio.wait_for(collect(stream), 3)
            with pytest.raises(EngineUnavailable):
                await asyncio.wait_for(waiting, 3)
        await until(lambda: client.state == "starting")
        with pytest.raises(EngineUnavailable, match=r"starting.*signal 9"):
            await collect(client.chat(HELLO))
        await until(lambda: client.state == "ready")
        assert client.worker_pid != killed
        assert client.restarts == 1
        assert client.error is None
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


async def test_a_worker_that_hangs_is_killed_and_comes_back(tiny_model):
    async with started(tiny_model, restart_delays=(0.1,)) as client:
        client.hung_seconds = 1.0
        hung = client.worker_pid
        async with aclosing(client.generate(ENDLESS)) as stream:
            await anext(stream)
            os.kill(hung, signal.SIGSTOP)
            with pytest.raises(EngineUnavailable, match="signal 9"):
                await asyncio.wait_for(collect(stream), 60)
        await until(lambda: client.state == "ready" and client.worker_pid != hung)
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


async def test_a_worker_without_memory_fails_the_answer_and_answers_again(tiny_model):
    long = GenerateRequest("on and on " * 500, sampling=GREEDY, max_tokens=500)
    async with started(tiny_model, restart_delays=(0.05,)) as client:
        worker = psutil.Process(client.worker_pid)
        # No page more than it has by now: whatever it asks for next, the kernel refuses.
        worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms, psutil.RLIM_INFINITY))
        with pytest.raises(EngineError):
            await asyncio.wait_for(collect(client.generate(long)), 30)
        if psutil.pid_exists(worker.pid):
            worker.rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        await until(lambda: client.state == "ready")
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


async def test_a_model_that_is_swapped_for_a_damaged_one_is_told_and_mended(tiny_model, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_model.read_bytes())
    # Mended, it is tried again before its time.
    async with started(path, restart_delays=(0.05, 600.0)) as client:
        (tmp_path / "bad").write_bytes(b"GGUF and no more")
        (tmp_path / "bad").rename(path)
        # What is loaded goes on with the file that it has open.
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"

        os.kill(client.worker_pid, signal.SIGKILL)
        await until(lambda: client.state == "failed")
        assert "model.gguf" in client.error
        path.write_bytes(tiny_model.read_bytes())
        await until(lambda: client.state == "ready")
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


async def test_a_long_computation_is_no_silence(tiny_model):
    async with started(tiny_model) as client:
        client.hung_seconds = 20.0
        long = GenerateRequest("on and on", sampling=GREEDY, max_tokens=300)
        assert (await collect(client.generate(long)))[1] is not None
        assert client.restarts == 0


async def test_an_engine_whose_model_vanished_says_failed_and_recovers_when_it_is_back(tiny_model, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_model.read_bytes())
    async with started(path, restart_delays=(0.05,)) as client:
        path.rename(tmp_path / "elsewhere")
        os.kill(client.worker_pid, signal.SIGKILL)
        await until(lambda: client.state == "failed")
        assert "model.gguf" in client.error
        (tmp_path / "elsewhere").rename(path)
        await until(lambda: client.state == "ready")


async def test_stopping_fails_the_answers_in_flight_and_leaves_an_engine_that_can_start_again(tiny_model):
    async with started(tiny_model) as client:
        pid = client.worker_pid
        with pytest.raises(EngineError, match="already started"):
            await client.start()
        async with aclosing(client.generate(ENDLESS)) as stream:
            await anext(stream)
            await asyncio.wait_for(client.stop(), 5)
            with pytest.raises(EngineUnavailable):
                await collect(stream)
        assert gone(pid)
        assert client.state == "stopped"
        await client.stop()
        await client.start()
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


async def test_a_worker_that_hangs_is_given_up_by_answers_and_killed_by_stopping(tiny_model):
    async with started(tiny_model, silence_timeout=0.2) as client:
        pid = client.worker_pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(EngineUnavailable, match=r"silent for 0\.2 s"):
            await collect(client.chat(HELLO))
        await asyncio.wait_for(client.stop(), 5)
        assert gone(pid)


async def test_a_start_that_gets_nowhere_leaves_no_process(tiny_model):
    client = new_client(tiny_model, start_timeout=0.05)
    with pytest.raises(EngineUnavailable, match=r"no progress in starting for 0\.05 s"):
        await client.start()
    assert client.state == "failed"
    assert children("picoqwen_core.engine.worker") == []


async def test_a_slow_start_that_gets_on_is_waited_for_and_counted(tiny_model, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    client = new_client(tiny_model, start_timeout=2.5)
    ready = WorkerConnection.ready

    async def slowly(connection, compiled):
        for done in range(6):
            await asyncio.sleep(0.5)
            compiled(done, 6)
        client._start_timeout = 60
        compiled(6, 6)
        return await ready(connection, compiled)

    monkeypatch.setattr(WorkerConnection, "ready", slowly)
    await client.start()
    try:
        assert (client.state, client.compiled) == ("ready", (6, 6))
        counted = re.findall(r"The first start prepares \S+ for this processor: (\d) of 6", caplog.text)
        assert counted == ["0", "1", "2", "3", "4", "5", "6"]
    finally:
        await client.stop()


async def test_a_full_queue_answers_busy(tiny_model):
    async with started(tiny_model, queue_limit=1, sequences=1) as client:
        answers = [asyncio.create_task(collect(client.generate(ENDLESS))) for _ in range(4)]
        done, working = await asyncio.wait(answers, timeout=20, return_when=asyncio.FIRST_EXCEPTION)
        with pytest.raises(BusyError, match="waiting"):
            done.pop().result()
        for answer in working:
            answer.cancel()
        await asyncio.wait(answers, timeout=20)
        await until_status(client, lambda s: not s.active and not s.queued)
        assert (await collect(client.chat(HELLO)))[1].finish_reason == "length"


def test_a_worker_ends_when_its_parent_is_killed(tiny_model):
    program = f"""
import asyncio, pathlib
from picoqwen_core.engine.client import EngineClient
async def main():
    client = EngineClient(pathlib.Path({str(tiny_model)!r}), model_id="tiny", threads=1,
                          cache_dir=pathlib.Path({str(KERNEL_CACHE)!r}))
    await client.start()
    print(client.worker_pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 5
    while not gone(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(worker)


def test_the_client_keeps_the_api_process_small():
    heavy = ("numba", "numpy", "tokenizers", "jinja2", "llvmlite")
    program = (
        f"import sys, picoqwen_core.engine.client;print([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.strip() == "[]"


def children(needle: str) -> list[int]:
    return [
        child.pid
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and needle in " ".join(child.cmdline())
    ]
