"""The orchestrator: a model, tools and flows, and the runs that are made of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from picoqwen_core.agents.flow import Flow, Keep, Shared, keep_nothing, run_flow
from picoqwen_core.agents.limits import Limits, Meter
from picoqwen_core.agents.llm import Chat, Emit, Llm
from picoqwen_core.agents.loop import Outcome, converse
from picoqwen_core.agents.policy import Trust, decide
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.run import Policy, Run, tell_nobody
from picoqwen_core.errors import ConfigError, RequestError
from picoqwen_core.messages import ChatRequest, ToolCall

# Flows that come with the server: the name, and the function of flows/ that makes it.
BUILT_IN: Mapping[str, tuple[str, str]] = {
    "research": ("research", "make"),
    "search": ("think", "search"),
    "think": ("think", "think"),
    "ruminate": ("think", "ruminate"),
}


@dataclass(slots=True)
class AgentOrchestrator:
    """llm: anything that answers a request. tools: come and go. flows: by name. policy: of all calls."""

    llm: Chat
    tools: Registry
    flows: Mapping[str, Flow] = field(default_factory=dict)
    policy: Policy = decide

    def flow(self, name: str) -> Flow:
        """The flow of that name. Raises RequestError naming those there are, or the tools that it lacks."""
        if name not in self.flows:
            raise RequestError(f"there is no flow {name[:60]!r}; there is: {', '.join(self.flows)}")
        flow = self.flows[name]
        missing = [tool for tool in flow.tools if tool not in self.tools]
        if missing:
            raise RequestError(f"flow {name!r} needs the tools {', '.join(missing)}; see agent_tools")
        return flow

    def begin(
        self,
        question: str,
        *,
        limits: Limits | None = None,
        model: str | None = None,
        emit: Emit = tell_nobody,
        owner: str = "",
        can_ask: bool = False,
        trust: Trust | None = None,
    ) -> Run:
        """A new run for a question in the user's own words."""
        meter = Meter(limits or Limits())
        llm = Llm(self.llm, meter, model)
        return Run(llm, self.tools, meter, trust or Trust(question), emit, owner, can_ask, self.policy)

    async def answer(self, run: Run, request: ChatRequest, first: Iterable[ToolCall] = ()) -> Outcome:
        """Answer a conversation with the server's tools."""
        return await converse(run, request, tuple(first))

    async def run(
        self, flow: Flow, run: Run, shared: Shared, *, at: str | None = None, keep: Keep = keep_nothing
    ) -> str:
        """Go through a flow; its output."""
        await run_flow(flow, run, shared, at=at, keep=keep)
        return str(shared.get("output", ""))


def built_in_flows() -> dict[str, Flow]:
    """The flows that come with the server."""
    flows: dict[str, Flow] = {}
    for name, (file, maker) in BUILT_IN.items():
        flows[name] = getattr(import_module(f"picoqwen_core.agents.flows.{file}"), maker)()
    return flows


def all_flows(own: Iterable[Flow]) -> dict[str, Flow]:
    """Those that come with the server and the user's. Raises ConfigError for a name that is taken."""
    flows = built_in_flows()
    for flow in own:
        if flow.name in flows:
            raise ConfigError(f"flow {flow.name!r}: there are two of that name")
        flows[flow.name] = flow
    return flows
