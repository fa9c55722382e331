"""One run: its model, its tools, what it has read, and the one gate that every call goes through."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from picoqwen_core.agents.calling import call_tool
from picoqwen_core.agents.limits import Meter
from picoqwen_core.agents.llm import Emit, Llm
from picoqwen_core.agents.policy import Decision, Trust, decide
from picoqwen_core.agents.registry import Registry
from picoqwen_core.agents.tool import Source, Tool, ToolContext, ToolLimits, ToolResult, failure
from picoqwen_core.errors import RequestError

type Policy = Callable[..., Decision]


def tell_nobody(event: Mapping[str, Any]) -> None:
    """For runs that nobody watches."""


class ConfirmationNeeded(Exception):
    """The user is to be asked before this call; `reason` says why."""

    def __init__(self, name: str, arguments: Mapping[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.name, self.arguments, self.reason = name, arguments, reason


@dataclass(slots=True)
class Run:
    """can_ask: whether there is a user who can be asked; emit: told of every event; steps: the trace."""

    llm: Llm
    tools: Registry
    meter: Meter
    trust: Trust
    emit: Emit = tell_nobody
    owner: str = ""
    can_ask: bool = False
    policy: Policy = decide
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    steps: list[dict[str, Any]] = field(default_factory=list)
    limits_hit: list[str] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)

    async def call(
        self, name: str, arguments: Mapping[str, Any], offered: Collection[str] | None = None
    ) -> ToolResult:
        """Call a tool if it was offered (None: all are) and the policy allows it now.

        Raises ConfirmationNeeded where the user must be asked; a refusal is a result that says so. Raises
        LimitReached.
        """
        if offered is not None and name not in offered:
            unknown = f"there is no tool {name!r}; there is: {', '.join(offered) or 'none'}"
            return self._told(name, arguments, "failed", failure(unknown))
        try:
            tool = self.tools.get(name)
        except RequestError as err:
            return self._told(name, arguments, "failed", failure(str(err)))
        decision = self.policy(name, tool.annotations, arguments, self.trust, can_ask=self.can_ask)
        if decision.verdict == "confirm":
            self._event(name, arguments, "confirm", decision.reason)
            raise ConfirmationNeeded(name, arguments, decision.reason)
        if decision.verdict == "refuse":
            refusal = failure(f"{name} was not called: {decision.reason}")
            return self._told(name, arguments, "refused", refusal)
        return await self.call_allowed(tool, arguments)

    async def call_allowed(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool that the policy or the user has allowed. Raises LimitReached."""
        self.meter.afford(tool.cost_estimate(arguments))
        self._event(tool.name, arguments, "called")
        context = ToolContext(self.id, self.owner, self.trust.tainted)
        limits = ToolLimits(seconds=self.meter.seconds_left())
        result = await call_tool(tool, arguments, context, limits)
        self.trust.read(tool.name, tool.annotations, result)
        return self._told(tool.name, arguments, "failed" if result.error else "done", result)

    def limit(self, name: str, message: str) -> None:
        """Say that a limit was hit."""
        self.limits_hit.append(name)
        self.emit({"type": "limit", "limit": name, "message": message})

    def step(self, name: str, **more: Any) -> None:
        """Say that a step was done."""
        entry = {"step": len(self.steps) + 1, "name": name, **more}
        self.steps.append(entry)
        self.emit({"type": "step", **entry})

    def _told(self, name: str, arguments: Mapping[str, Any], state: str, result: ToolResult) -> ToolResult:
        self._event(name, arguments, state, result.text[:200] if result.error else "")
        return result

    def _event(self, name: str, arguments: Mapping[str, Any], state: str, reason: str = "") -> None:
        event = {"type": "tool", "tool": name, "arguments": dict(arguments), "state": state}
        self.emit({**event, "reason": reason} if reason else event)
