"""Limits of money, of requests and of time, of servers that may answer too."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.stand_ins import LAST_ONE, StandIn
from picoqwen_core.config import Settings
from picoqwen_core.messages import ChatDelta
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from tests.server.conftest import END, FakeProvider
from tests.server.others import HERE, THERE, ask, cloud, text


@asynccontextmanager
async def house(tmp_path: Path, *upstreams, failover_seconds: float = 4.6, **more):
    """This machine after these servers; its URL, and what chooses among them."""
    settings = Settings(
        port=0, upstreams=upstreams, routing="cloud_first", budget_file=tmp_path / "b.db", **more
    )
    hybrid = make_hybrid(settings)
    hybrid._failover_seconds = failover_seconds
    state = State(settings, Router([FakeProvider(ChatDelta(HERE), END)], hybrid=hybrid))
    async with listening(make_app(state), settings) as url:
        yield url, hybrid


@pytest.fixture
async def server():
    async with StandIn().serving() as found:
        yield found


async def test_many_at_once_do_not_pass_the_cap(http, server, tmp_path):
    priced = cloud(server, input_price=10, output_price=100)
    async with house(tmp_path, priced, budget_per_day=0.02) as (url, _):
        answers = await asyncio.gather(*(ask(http, url, max_tokens=50) for _ in range(20)))
    paid = [each["picoqwen"]["cost"] for each in answers if each["picoqwen"]["provider"] == "cloud"]
    # What the server counted itself; each may have cost 0.0051 when it was booked.
    due = server.prompt_tokens * 10e-6 + server.completion_tokens * 100e-6
    assert len(answers) == 20
    assert 0 < len(paid) < 20
    assert sum(paid) == pytest.approx(due)
    assert due <= 0.02


async def test_who_says_that_nothing_is_left_is_not_asked_again(http, server, tmp_path):
    async with house(tmp_path, cloud(server, LAST_ONE)) as (url, _):
        assert [text(await ask(http, url)) for _ in range(2)] == [THERE, HERE]
    assert len(server.bodies) == 1


async def test_a_second_silent_server_gets_what_time_is_left(http, server, tmp_path):
    first = cloud(server, "stall_first", "first", timeout=0.7)
    second = cloud(server, "stall_first", "second", timeout=3600)
    async with house(tmp_path, first, second, failover_seconds=1.0) as (url, hybrid):
        answer = await ask(http, url)
    assert text(answer) == HERE
    assert "second: nothing in the " in answer["picoqwen"]["notes"][1]
    # It was not given its time, so it has not failed.
    vitals = hybrid.as_json()["providers"]
    assert [(each["name"], each["failures"]) for each in vitals[1:]] == [("first", 1), ("second", 0)]
