"""After every fault: no task, no socket, and not a billionth of a dollar that is not accounted for."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from benchmarks.stand_ins import ENDLESS, FAULTS, StandIn
from picoqwen_core.config import Settings
from picoqwen_core.messages import ChatDelta
from picoqwen_core.router import Router
from picoqwen_core.server.app import make_app
from picoqwen_core.server.other_servers import make_hybrid
from picoqwen_core.server.run import listening
from picoqwen_core.server.state import State
from picoqwen_core.upstreams import Upstream
from tests.server.conftest import END, FakeProvider, asking

PROC = Path("/proc/self/fd")


def sockets() -> int:
    found = 0
    for each in PROC.iterdir():
        try:
            found += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


async def settled(count, most: int) -> None:
    """Wait until no more than so many are left."""
    async with asyncio.timeout(20):
        while count() > most:
            await asyncio.sleep(0.02)


def tasks() -> int:
    return len(asyncio.all_tasks())


@pytest.mark.skipif(not PROC.exists(), reason="open sockets are counted in /proc")
@pytest.mark.parametrize("hedge", ["off", "always"])
async def test_no_fault_leaves_a_task_a_socket_or_a_cent(http, tmp_path, hedge):
    async with StandIn().serving() as server:
        upstreams = tuple(upstream(server, each) for each in (*FAULTS, ENDLESS))
        settings = Settings(
            port=0, upstreams=upstreams, budget_file=tmp_path / "b.db", privacy="everything", hedge=hedge
        )
        before = tasks(), sockets()
        costs = []
        local = FakeProvider(ChatDelta("here"), END)
        hybrid = make_hybrid(settings)
        async with listening(make_app(State(settings, Router([local], hybrid=hybrid))), settings) as url:
            for each in upstreams:
                body = asking(model=each.model_id, max_tokens=20)
                async with http.post(f"{url}/api/v1/chat", json=body) as response:
                    costs.append((await response.json())["picoqwen"]["cost"])
        await http.close()
        await settled(tasks, before[0])
        await settled(sockets, before[1])
    with sqlite3.connect(tmp_path / "b.db") as books:
        rows = books.execute("SELECT nanos, settled FROM spending").fetchall()
    assert all(each for _, each in rows)
    assert sum(nanos for nanos, _ in rows) == round(sum(costs) * 1e9)
    assert len(costs) == len(FAULTS) + 1


async def test_a_crowd_that_asks_at_once_spends_no_more_than_the_cap(http, tmp_path):
    cap = 0.01
    async with StandIn().serving() as server:
        settings = Settings(
            port=0,
            upstreams=(upstream(server, "well"),),
            routing="cloud_first",
            budget_file=tmp_path / "b.db",
            budget_per_day=cap,
        )
        state = State(settings, Router([FakeProvider(ChatDelta("here"), END)], hybrid=make_hybrid(settings)))
        async with listening(make_app(state), settings) as url:

            async def ask() -> str:
                async with http.post(f"{url}/api/v1/chat", json=asking(max_tokens=200)) as response:
                    return (await response.json())["picoqwen"]["provider"]

            asked = await asyncio.gather(*(ask() for _ in range(40)))
        due = (server.prompt_tokens * 1.25 + server.completion_tokens * 10) / 1e6
    assert {"well", "local"} == set(asked)
    assert 0 < due <= cap


def upstream(server: StandIn, fault: str) -> Upstream:
    return Upstream(
        fault.replace("_", "-"),
        server.address(fault),
        fault,
        "key",
        timeout=0.5 if fault.startswith("stall") else 20,
        input_price=1.25,
        output_price=10,
    )
