"""Sees to the tools of others: their results are true, and in agents that have a set of actions they ask
before they move what has to be asked for.

Without that an agent that may only ask to unlock a door could unlock it by an intent.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, override

from homeassistant.core import Context, HomeAssistant, callback, split_entity_id
from homeassistant.helpers import llm

from .action_api import ActionsAPI
from .action_tool import ServiceTool, async_wait
from .acts import Act
from .audit import Outcome, async_record
from .confirmation import async_desk
from .meant import Meant, async_meant
from .witness import WitnessedTool, innermost, is_done

# What an intent does to a thing that has to be asked for, as the action that a question names.
_SAME = {
    ("HassTurnOff", "cover"): "cover.close_cover",
    ("HassTurnOff", "lock"): "lock.unlock",
    ("HassTurnOn", "cover"): "cover.open_cover",
    ("HassTurnOn", "lock"): "lock.lock",
}


class GuardedTool(llm.Tool):
    """Another's tool: done at once where it is harmless, else when somebody says yes."""

    def __init__(self, tool: llm.Tool, apis: Sequence[ActionsAPI]) -> None:
        """All that a model sees is the tool's; apis: the sets of its agent, any of which may ask."""
        self.name, self.title, self.description = tool.name, tool.title, tool.description
        self.parameters, self.annotations, self.integration = (
            tool.parameters,
            tool.annotations,
            tool.integration,
        )
        self._tool, self._apis = tool, apis

    @callback
    def heed(self, apis: Sequence[ActionsAPI]) -> None:
        """Ask by the sets as they are now; a conversation keeps its tools."""
        self._apis = apis

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> Any:
        """Wait for a yes where the call would move something that needs one."""
        meant = async_meant(hass, innermost(self._tool).name, tool_input.tool_args, llm_context.assistant)
        asking = next((each for each in self._apis if self._asks(hass, each, meant)), None)
        api = asking or self._apis[0]

        async def run(context: Context | None) -> llm.ToolResult:
            result = await self._tool.async_call(hass, tool_input, replace(llm_context, context=context))
            return result if isinstance(result, llm.ToolResult) else llm.ToolResult(data=result)

        act = Act(
            api_id=api.id,
            entry_id=api.entry_id,
            tool=self.name,
            action=meant.action or self._action(meant.entities),
            arguments=dict(tool_input.tool_args),
            entities=meant.entities,
            run=run,
            llm_context=llm_context,
        )
        if asking is not None:
            return await async_wait(hass, act, asking.rules.seconds)
        result = await self._tool.async_call(hass, tool_input, llm_context)
        told = result if isinstance(result, llm.ToolResult) else llm.ToolResult(data=result)
        turn = async_desk(hass).turn_of(llm_context.context)
        await async_record(hass, Outcome.DONE if is_done(told) else Outcome.FAILED, act, turn, result=told)
        return result

    @staticmethod
    def _asks(hass: HomeAssistant, api: ActionsAPI, meant: Meant) -> bool:
        return meant.is_open or api.rules.must_ask(hass, meant.action, meant.entities)

    def _action(self, entities: Sequence[str]) -> str:
        name = self.name.rpartition("__")[2]
        domains = {split_entity_id(each)[0] for each in entities}
        return _SAME.get((name, domains.pop()), self.name) if len(domains) == 1 else self.name


@callback
def async_guard(instance: llm.APIInstance | None, apis: Sequence[ActionsAPI] = ()) -> None:
    """Put a witness, and where there are sets a guard, before each tool that is not ours and does more than
    read; ours heed all sets. A conversation keeps its tools, so that this is done again in each turn.
    """
    if instance is None:
        return
    instance.tools = [_witnessed(tool) for tool in instance.tools]
    if apis:
        instance.tools = [_guarded(tool, apis) for tool in instance.tools]


def _is_seen_to(tool: llm.Tool) -> bool:
    return isinstance(innermost(tool), ServiceTool | GuardedTool) or tool.annotations.read_only


def _witnessed(tool: llm.Tool) -> llm.Tool:
    return tool if _is_seen_to(tool) or isinstance(tool, WitnessedTool) else WitnessedTool(tool)


def _guarded(tool: llm.Tool, apis: Sequence[ActionsAPI]) -> llm.Tool:
    inner = innermost(tool)
    if isinstance(inner, ServiceTool):
        inner.heed(each.rules for each in apis)
    elif isinstance(inner, GuardedTool):
        inner.heed(apis)
    return tool if _is_seen_to(tool) else GuardedTool(tool, apis)
