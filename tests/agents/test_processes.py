"""Flows of one's own, through the terminal, on a server process: run, limited, cancelled, killed, resumed."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.agents.processes import MODEL, Place, Upstream, place, run_command
from tests.server.conftest import KERNEL_CACHE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
ROOMS = """
name: rooms
description: Looks at each room.
start: list
nodes:
  list:
    ask: "List the rooms of: {input}"
    schema: {type: object, required: [rooms], properties: {rooms: {type: array, items: {type: string}}}}
    next: look
  look: {ask: "Look at {item}", for_each: list.rooms, parallel: 3, next: count}
  count: {tool: calculator, for_each: list.rooms, arguments: {expression: "1 + 1"}, next: write}
  write: {ask: "Sum up {look} of {input}"}
"""
TWO = """
name: two
start: first
limits: {steps: 5}
nodes:
  first: {ask: "first of {input}", next: second}
  second: {ask: "second after {first}"}
"""


class Script:
    """Answers of the model; what holds a word of `held` waits until it is let go."""

    def __init__(self) -> None:
        self.hold("")

    def hold(self, words: str) -> None:
        """Let no answer out to what holds these words, until `let_go` is set."""
        self.held, self.let_go, self.reached = words, asyncio.Event(), asyncio.Event()

    async def __call__(self, said: str) -> str:
        if self.held and self.held in said:
            self.reached.set()
            await self.let_go.wait()
        if said.startswith("List the rooms"):
            return '{"rooms": ["hall", "kitchen", "attic"]}'
        return f"seen: {said.split('<data', maxsplit=1)[0].strip()}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def script() -> Script:
    return Script()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream(script: Script) -> AsyncIterator[Upstream]:
    async with Upstream(script).serving() as server:
        yield server
        script.let_go.set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> AsyncIterator[Place]:
    """A server process with two flows of the user's, for all tests: a start takes seconds."""
    async with place(tmp_path_factory.mktemp("flows")) as found:
        found.configure(upstream.url, agent_tools=("calculator",))
        found.flow(TWO)
        found.flow(ROOMS, "rooms.yaml")
        await found.start("--cache-dir", str(KERNEL_CACHE))
        yield found


async def test_a_flow_of_ones_own_is_checked_run_limited_and_remembered(here: Place) -> None:
    rooms = here.flow(ROOMS, "rooms.yaml")
    assert await run_command("flow", "check", str(rooms)) == (
        0,
        f"{rooms}: rooms, 4 nodes; tools: calculator\n",
    )
    code, listed = await here.flow_command("list")
    assert code == 0
    assert re.search(r"rooms +Looks at each room\.", listed)
    assert "research" in listed
    assert "lacks web_search, read_page" in listed

    code, printed = await here.flow_command("run", "rooms", "our house", "--model", MODEL)
    assert code == 0, printed
    assert [
        f"{number}. {name}" in printed for number, name in enumerate(("list", "look", "count", "write"), 1)
    ]
    assert printed.count("calculator(1 + 1): done") == 3
    assert "seen: Sum up" in printed
    assert "(done: 5 calls, 75 tokens" in printed

    code, limited = await here.flow_command("run", "rooms", "our house", "--model", MODEL, "--steps", "2")
    assert code == 0
    assert "limit: the limit of 2 steps is reached" in limited
    assert "limits hit: steps" in limited

    _, runs = await here.flow_command("runs")
    ids = re.findall(r"^(\S+)  (limited|done) +rooms +our house$", runs, re.MULTILINE)
    assert [state for _, state in ids] == ["limited", "done"]
    _, shown = await here.flow_command("show", ids[1][0])
    assert "4. write" in shown
    assert "seen: Sum up" in shown


async def test_what_cannot_be_run_is_said_in_one_line(here: Place) -> None:
    for arguments, said in (
        (("run", "dance", "x"), "there is no flow 'dance'; there is: research"),
        (("run", "research", "x"), "needs the tools web_search, read_page"),
        (("run", "two", "x", "--steps", "0"), "limits.steps"),
        (("run", "two", "x", "--model", "nobody"), "nobody"),
        (("resume", "none"), "there is no run 'none'"),
        (("cancel", "none"), "there is no run 'none'"),
        (("runs", "--limit", "0"), "limit: must be a whole number"),
    ):
        code, printed = await here.flow_command(*arguments)
        assert code == 1, printed
        assert said in printed
        assert "Traceback" not in printed


async def test_a_wrong_flow_is_named_by_the_check_and_stops_the_start(tmp_path: Path) -> None:
    there = Place(tmp_path)
    there.configure()
    bad = there.flow("name: bad\nstart: a\nnodes: {a: {ask: x, next: nowhere}}\n")
    complaint = f"picoqwen: {bad}: nodes.a: leads to 'nowhere', which is no node"
    code, printed = await run_command("flow", "check", str(bad.parent))
    assert code == 1
    assert complaint in printed
    code, printed = await run_command("serve", "--port", "0", "--config", str(tmp_path / "config.toml"))
    assert code == 1
    assert complaint in printed


async def test_a_run_goes_on_after_the_server_was_killed(
    here: Place, upstream: Upstream, script: Script
) -> None:
    script.hold("second after")
    running = asyncio.create_task(here.flow_command("run", "two", "lamps", "--model", MODEL))
    await asyncio.wait_for(script.reached.wait(), 60)

    await here.end(signal.SIGKILL)

    code, printed = await running
    (id_,) = re.findall(r"picoqwen flow resume (\w+)", printed)
    assert code == 1
    assert "1. first" in printed
    script.let_go.set()
    await here.start("--cache-dir", str(KERNEL_CACHE))
    assert re.search(rf"^{id_}  interrupted +two +lamps$", (await here.flow_command("runs"))[1], re.MULTILINE)
    code, printed = await here.flow_command("resume", id_)
    assert code == 0, printed
    assert "2. second" in printed
    assert "seen: second after" in printed
    assert sum(said.startswith("first of") for said in upstream.asked) == 1
    code, printed = await here.flow_command("resume", id_)
    assert code == 1
    assert "is done; only an interrupted one goes on" in printed


async def test_a_run_is_cancelled_from_another_terminal(here: Place, script: Script) -> None:
    script.hold("first of")
    running = asyncio.create_task(here.flow_command("run", "two", "lamps", "--model", MODEL))
    await asyncio.wait_for(script.reached.wait(), 60)
    (id_,) = re.findall(r"^(\w+)  running", (await here.flow_command("runs"))[1], re.MULTILINE)

    assert await here.flow_command("cancel", id_) == (0, f"{id_} is cancelled\n")

    code, printed = await running
    assert code == 1
    assert f"run {id_} is cancelled" in printed
    script.let_go.set()


async def test_flows_are_read_again_without_a_restart(here: Place) -> None:
    here.flow(TWO.replace("name: two", "name: three"), "three.yaml")
    assert here.process is not None
    here.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(60):
        while "three " not in (await here.flow_command("list"))[1]:
            await asyncio.sleep(0.1)
