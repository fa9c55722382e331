"""Flows as tools, for MCP clients: one tool for each flow, carried out by the runner as any other run.

Not in the registry: a model of ours that runs a flow could run flows within flows.
"""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from picoqwen_core.agents.flow import Flow
from picoqwen_core.agents.registry import NAMESPACE, Registry
from picoqwen_core.agents.runner import Runner
from picoqwen_core.agents.tool import Annotations, Described, Source, ToolContext, ToolResult, failure

PREFIX = "flow_"
# Beyond the run's own limit, so that it is the run that says which limit it hit.
_GRACE_SECONDS = 15.0
_TOLD = ("id", "state", "output", "sources", "usage", "limits_hit")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTool(Described):
    """Runs one flow for whoever calls; the run is in their history."""

    flow: str
    runner: Runner

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """The output; `data` is the run without its steps. Cancelling ends the run. Raises PicoQwenError."""
        running = self.runner.start(self.flow, arguments["input"], context.owner)
        async with aclosing(self.runner.events(running)) as events:
            async for event in events:
                if event["type"] == "step":
                    await context.report(event["step"], None, event["name"])
        run = running.result()
        if run["state"] not in ("done", "limited"):
            return failure(str(run.get("error") or f"the run was {run['state']}"), untrusted=True)
        sources = tuple(Source(each["url"], each["title"]) for each in run["sources"])
        text = run["output"] or f"[no output: the limit of {', '.join(run['limits_hit'])} was reached]"
        return ToolResult(text, sources=sources, data={key: run[key] for key in _TOLD})


def flow_tools(runner: Runner) -> Iterator[FlowTool]:
    """A tool for each flow whose tools there are now and are all this server's own."""
    orchestrator = runner.orchestrator
    for flow in orchestrator.flows.values():
        if all(name in orchestrator.tools and NAMESPACE not in name for name in flow.tools):
            yield FlowTool(
                f"{PREFIX}{flow.name}",
                flow.description or f"Runs the flow {flow.name}.",
                _schema(flow),
                _annotations(flow, orchestrator.tools),
                flow.limits.seconds + _GRACE_SECONDS,
                flow=flow.name,
                runner=runner,
            )


def _schema(flow: Flow) -> dict[str, Any]:
    text = {
        "type": "string",
        "minLength": 1,
        "maxLength": 20_000,
        "pattern": r"\S",
        "description": flow.input,
    }
    return {
        "type": "object",
        "properties": {"input": text},
        "required": ["input"],
        "additionalProperties": False,
    }


def _annotations(flow: Flow, tools: Registry) -> Annotations:
    """What its tools do; nobody can be asked in a flow, so that nothing destructive is called."""
    used = [tools.get(name).annotations for name in flow.tools]
    return Annotations(
        read_only=all(each.read_only for each in used),
        destructive=False,
        open_world=any(each.open_world for each in used),
    )
