"""Keys of other servers: in no log, error, report, metric, dump or message of a start that failed."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
import traceback

import pytest

from benchmarks.stand_ins import FAULTS, StandIn
from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable, PicoQwenError
from picoqwen_core.messages import ChatRequest, Message
from picoqwen_core.providers.anthropic import AnthropicProvider
from picoqwen_core.providers.openai import OpenAIProvider
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import ROOT, FakeProvider, asking

# The one that the stand-in quotes when it refuses it.
KEY = "top-secret"
FAST = [each for each in FAULTS if not each.startswith(("stall", "endless"))]


def upstream(server: StandIn, fault: str, **more) -> Upstream:
    more = {"input_price": 1, "output_price": 1, "timeout": 20} | more
    return Upstream(fault.replace("_", "-"), server.address(fault), fault, KEY, **more)


async def test_no_fault_makes_a_key_be_told(http, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    async with StandIn().serving() as server:
        settings = Settings(
            port=0,
            upstreams=tuple(upstream(server, each) for each in FAST),
            routing="cloud_first",
            budget_file=tmp_path / "b.db",
            api_key="house-key",
        )
        app = make_app(
            State(settings, Router([FakeProvider(EngineUnavailable("gone"))], hybrid=make_hybrid(settings)))
        )
        async with listening(app, settings) as url:
            told = []
            mine = {"Authorization": "Bearer house-key"}
            for method, path in (("post", "api/v1/chat"), ("get", "api/v1/health"), ("get", "metrics")):
                body = {"json": asking()} if method == "post" else {}
                async with http.request(method, f"{url}/{path}", headers=mine, **body) as response:
                    told.append(await response.text())
        assert server.keys
        assert all(KEY in each for each in server.keys)
    assert "nobody could answer" in told[0]
    assert "http-401" in told[1]
    for text in (*told, caplog.text, repr(settings), str(settings)):
        assert KEY not in text
        assert "house-key" not in text


@pytest.mark.parametrize("kind", [OpenAIProvider, AnthropicProvider])
@pytest.mark.parametrize("fault", ["http_401", "http_500", "garbage", "refused"])
async def test_a_traceback_holds_no_key(kind, fault):
    async with StandIn().serving() as server:
        provider = kind(upstream(server, fault))
        try:
            with pytest.raises(PicoQwenError) as raised:
                async for _ in provider.chat(ChatRequest((Message("user", "hi"),))):
                    pass
        finally:
            await provider.stop()
    assert KEY not in str(raised.value)
    # What a log would show of it: the whole chain that led to it.
    ours = [each for each in chain(raised.value) if isinstance(each, PicoQwenError)]
    assert ours
    assert KEY not in "".join("".join(traceback.format_exception_only(each)) for each in ours)
    assert KEY not in repr(provider.upstream)


def chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def environment(upstreams: object, **more: str) -> dict[str, str]:
    return {**os.environ, "PICOQWEN_UPSTREAMS": json.dumps(upstreams), **more}


@pytest.mark.parametrize(
    "wrong",
    [
        [{"name": "a", "base_url": "ftp://x", "model": "m", "api_key": KEY}],
        [{"name": "a", "base_url": "http://x/v1", "model": "m", "api_key": [KEY]}],
        [{"name": "a", "base_url": "http://x/v1", "model": "m", "api_key": KEY, "what": 1}],
        [{"name": "a", "base_url": "http://x/v1", "model": "m", "api_key": KEY}] * 2,
    ],
)
def test_settings_that_are_refused_are_refused_without_the_key(wrong):
    done = subprocess.run(
        [sys.executable, "-m", "picoqwen_core", "serve"],
        cwd=ROOT,
        env=environment(wrong),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "upstreams" in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_dump_of_a_crash_holds_no_key(tmp_path):
    """The process is made to dump all its threads and die, as a fault in a library would."""
    upstreams = [{"name": "a", "base_url": "http://127.0.0.1:1/v1", "model": "m", "api_key": KEY}]
    log = tmp_path / "out.txt"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "picoqwen_core", "serve", "--port", "0"],
            cwd=ROOT,
            env=environment(upstreams, PICOQWEN_LOG_LEVEL="debug"),
            stdout=out,
            stderr=out,
        )
        try:
            ends = time.monotonic() + 60
            while "http://" not in log.read_text() and server.poll() is None and time.monotonic() < ends:
                time.sleep(0.05)
            server.send_signal(signal.SIGABRT)
            server.wait(30)
        finally:
            server.kill()
            server.wait()
    told = log.read_text()
    assert "Fatal Python error: Aborted" in told
    assert KEY not in told
