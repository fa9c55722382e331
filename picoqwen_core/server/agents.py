"""Agents while the server lives: made where the settings ask for them, imported then and not before."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from picoqwen_core.config import Settings, agents_folder
from picoqwen_core.errors import RequestError
from picoqwen_core.server.state import STATE, State

if TYPE_CHECKING:
    from picoqwen_core.agents.orchestrator import AgentOrchestrator
    from picoqwen_core.agents.pending import Pending
    from picoqwen_core.agents.runner import Runner

_MOST_CLEAN = 2000


@dataclass(slots=True)
class CleanAnswers:
    """Answers that were given before anything untrusted was read, by their hashes.

    A client sends the conversation anew each time; an answer that is not known here may repeat what others
    wrote.
    """

    _known: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def add(self, text: str) -> None:
        """Remember an answer."""
        self._known[sha256(text.encode()).digest()] = None
        while len(self._known) > _MOST_CLEAN:
            self._known.popitem(last=False)

    def __contains__(self, text: str) -> bool:
        return sha256(text.encode()).digest() in self._known


@dataclass(slots=True)
class Agents:
    """What the handlers need."""

    orchestrator: "AgentOrchestrator"
    runner: "Runner"
    pending: "Pending"
    clean: CleanAnswers = field(default_factory=CleanAnswers)
    # Told when there are other flows than before.
    other_flows: list[Callable[[], None]] = field(default_factory=list)


AGENTS: web.AppKey[Agents] = web.AppKey("agents", Agents)


async def agents(app: web.Application) -> AsyncIterator[None]:
    """Live while the application does. Raises ConfigError where a tool or a flow cannot be had."""
    if not app[STATE].settings.agents:
        yield
        return
    app[AGENTS] = _make(app[STATE])
    app[STATE].rereads.append(partial(_flows_again, app[AGENTS], flows_folder(app[STATE].settings)))
    yield
    await app[AGENTS].runner.stop()


def agents_of(request: web.Request) -> Agents:
    """The agents. Raises RequestError where they are off."""
    if AGENTS not in request.app:
        raise RequestError("agents are off; set `agents` to true in the settings and restart the server")
    return request.app[AGENTS]


async def stop_runs(app: web.Application) -> None:
    """Before open connections are waited for: a stream of a run would hold the server up."""
    if AGENTS in app:
        await app[AGENTS].runner.interrupt()


def flows_folder(settings: Settings) -> Path:
    """Where the users' flows are."""
    return settings.flows_dir or agents_folder(settings) / "flows"


def _flows_again(agents: Agents, folder: Path) -> Callable[[], str]:
    """Read the users' flows again. Raises ConfigError; what comes back lets them count for new runs."""
    from picoqwen_core.agents.flow_file import read_flows  # noqa: PLC0415
    from picoqwen_core.agents.orchestrator import all_flows  # noqa: PLC0415

    found = all_flows(read_flows(folder))

    def take() -> str:
        old = agents.orchestrator.flows
        if {name: flow.source for name, flow in found.items()} == {
            name: flow.source for name, flow in old.items()
        }:
            return ""
        agents.orchestrator.flows = found
        for tell in agents.other_flows:
            tell()
        return "flows"

    return take


def _make(state: State) -> Agents:
    from picoqwen_core.agents.flow_file import read_flows  # noqa: PLC0415
    from picoqwen_core.agents.orchestrator import AgentOrchestrator, all_flows  # noqa: PLC0415
    from picoqwen_core.agents.pending import Pending  # noqa: PLC0415
    from picoqwen_core.agents.registry import built_in  # noqa: PLC0415
    from picoqwen_core.agents.run_store import RunStore  # noqa: PLC0415
    from picoqwen_core.agents.runner import Runner  # noqa: PLC0415
    from picoqwen_core.agents.toolbox import Toolbox  # noqa: PLC0415

    settings = state.settings
    folder = agents_folder(settings)
    box = Toolbox(
        search=settings.web_search_engine,
        searxng_url=settings.searxng_url,
        allowed_hosts=settings.allowed_hosts,
        notes=folder / "notes.db",
    )
    for tool in built_in(settings.agent_tools, box):
        state.registry.add(tool)
    flows = all_flows(read_flows(flows_folder(settings)))
    orchestrator = AgentOrchestrator(lambda request: state.router.route(request)[0], state.registry, flows)
    return Agents(orchestrator, Runner(orchestrator, RunStore(folder / "runs.db")), Pending())
