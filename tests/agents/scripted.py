"""A model that answers as a script says, a provider of its answers, and a run over it."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from picoqwen_core.agents.limits import Limits
from picoqwen_core.agents.orchestrator import AgentOrchestrator
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.run import Run
from picoqwen_core.agents.tool import READS, Annotations, Described, ToolContext, ToolResult
from picoqwen_core.messages import ChatDelta, ChatRequest, InstalledModel, Message, ToolCall, Usage
from picoqwen_core.providers.provider import ProviderHealth

type Said = str | Mapping[str, Any] | Sequence[ToolCall]


def call(name: str, **arguments: Any) -> list[ToolCall]:
    return [ToolCall(f"call_{name}", name, arguments)]


class ScriptedModel:
    """Each answer is a text, an object (sent as JSON), a list of calls, or a function of the request."""

    def __init__(self, *answers: Said | Callable[[ChatRequest], Said]) -> None:
        self.answers = list(answers)
        self.requests: list[ChatRequest] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        self.requests.append(request)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        said = said(request) if callable(said) else said
        if isinstance(said, str | Mapping):
            yield ChatDelta(content=said if isinstance(said, str) else json.dumps(said))
        else:
            for each in said:
                yield ChatDelta(tool_call=each)
        yield ChatDelta(finish_reason="stop", usage=Usage(100, 10))


class ScriptedProvider:
    """A provider for the router, as far as agents need one."""

    name = "scripted"

    def __init__(self, model: ScriptedModel) -> None:
        self.chat = model.chat
        self.health = ProviderHealth("ready")

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        return (InstalledModel("tiny", 1_000, True),)

    def is_available(self) -> bool:
        return self.health.state == "ready"

    def start(self) -> None:
        self.health = ProviderHealth("ready")

    async def stop(self) -> None:
        self.health = ProviderHealth("stopped")


OK = ToolResult("ok", untrusted=False)


@dataclass(frozen=True, slots=True)
class Recorded(Described):
    """A tool that notes its calls; its result may be a function of the arguments."""

    result: ToolResult | Callable[[Mapping[str, Any]], ToolResult] = OK
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    cost: float = 0.0

    def cost_estimate(self, arguments: Mapping[str, Any]) -> float:
        return self.cost

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        self.calls.append(dict(arguments))
        return self.result(arguments) if callable(self.result) else self.result


def tool(name: str, annotations: Annotations = READS, **more: Any) -> Recorded:
    return Recorded(name, "A tool.", {"type": "object"}, annotations, **more)


def begin(
    model: ScriptedModel,
    *tools: Recorded,
    question: str = "?",
    limits: Limits | None = None,
    can_ask: bool = False,
) -> tuple[AgentOrchestrator, Run, list[Mapping[str, Any]]]:
    events: list[Mapping[str, Any]] = []
    orchestrator = AgentOrchestrator(model.chat, Registry(tools))
    run = orchestrator.begin(question, limits=limits, emit=events.append, can_ask=can_ask)
    return orchestrator, run, events


def asking(
    orchestrator: AgentOrchestrator, text: str = "?", names: Sequence[str] | None = None
) -> ChatRequest:
    """A question with the orchestrator's tools, or those of these names."""
    return ChatRequest((Message("user", text),), tools=orchestrator.tools.specs(names))
