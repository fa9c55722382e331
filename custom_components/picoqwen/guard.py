"""Asks before Home Assistant's own tools move what has to be asked for, in agents that have a set of actions.

Without it an agent that may only ask to unlock a door could unlock it by an intent.
"""

from dataclasses import replace
from typing import Any, override

from homeassistant.core import Context, HomeAssistant, callback, split_entity_id
from homeassistant.helpers import intent, llm

from .action_api import ActionsAPI
from .action_tool import ServiceTool, async_wait
from .acts import Act
from .audit import Outcome, async_record
from .confirmation import async_desk

# What an intent does to a thing that has to be asked for, as the action that a question names.
_SAME = {
    ("HassTurnOff", "cover"): "cover.close_cover",
    ("HassTurnOff", "lock"): "lock.unlock",
    ("HassTurnOn", "cover"): "cover.open_cover",
    ("HassTurnOn", "lock"): "lock.lock",
}


class GuardedTool(llm.Tool):
    """Another's tool: done at once where it is harmless, else when somebody says yes."""

    def __init__(self, tool: llm.Tool, api: ActionsAPI) -> None:
        """All that a model sees is the tool's."""
        self.name, self.title, self.description = tool.name, tool.title, tool.description
        self.parameters, self.annotations, self.integration = (
            tool.parameters,
            tool.annotations,
            tool.integration,
        )
        self._tool, self._api = tool, api

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> Any:
        """Wait for a yes where the call would move something that needs one."""
        entities = _meant(hass, tool_input.tool_args, llm_context.assistant)
        name = innermost(self._tool).name
        entities += [name.replace("__", ".", 1)] if name.startswith("script__") else []

        async def run(context: Context | None) -> llm.ToolResult:
            result = await self._tool.async_call(hass, tool_input, replace(llm_context, context=context))
            return result if isinstance(result, llm.ToolResult) else llm.ToolResult(data=result)

        act = Act(
            api_id=self._api.id,
            entry_id=self._api.entry_id,
            tool=self.name,
            action=self._action(entities),
            arguments=dict(tool_input.tool_args),
            entities=tuple(entities),
            run=run,
            llm_context=llm_context,
        )
        if self._api.rules.must_ask(hass, None, entities):
            return await async_wait(hass, act, self._api.rules.seconds)
        result = await self._tool.async_call(hass, tool_input, llm_context)
        failed = isinstance(result, llm.ToolResult) and result.error
        told = result if isinstance(result, llm.ToolResult) else llm.ToolResult(data=result)
        turn = async_desk(hass).turn_of(llm_context.context)
        await async_record(hass, Outcome.FAILED if failed else Outcome.DONE, act, turn, result=told)
        return result

    def _action(self, entities: list[str]) -> str:
        name = self.name.rpartition("__")[2]
        domains = {split_entity_id(each)[0] for each in entities}
        return _SAME.get((name, domains.pop()), self.name) if len(domains) == 1 else self.name


@callback
def async_guard(instance: llm.APIInstance | None, apis: list[ActionsAPI]) -> None:
    """Put a guard before each tool that is not ours and does more than read."""
    if instance is None or not apis:
        return
    instance.tools = [_guarded(tool, apis[0]) for tool in instance.tools]


def innermost(tool: llm.Tool) -> llm.Tool:
    """A tool without the names of the APIs that it came by."""
    while isinstance(tool, llm.NamespacedTool):
        tool = tool.tool
    return tool


def _guarded(tool: llm.Tool, api: ActionsAPI) -> llm.Tool:
    if isinstance(innermost(tool), ServiceTool | GuardedTool) or tool.annotations.read_only:
        return tool
    return GuardedTool(tool, api)


@callback
def _meant(hass: HomeAssistant, arguments: dict[str, Any], assistant: str | None) -> list[str]:
    """The entities that an intent with these arguments would find; none where it is about something else."""
    constraints = intent.MatchTargetsConstraints(
        name=_text(arguments.get("name")),
        area_name=_text(arguments.get("area")),
        floor_name=_text(arguments.get("floor")),
        domains=_several(arguments.get("domain")),
        device_classes=_several(arguments.get("device_class")),
        assistant=assistant,
        allow_duplicate_names=True,
    )
    if not constraints.has_constraints:
        return []
    return [state.entity_id for state in intent.async_match_targets(hass, constraints).states]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _several(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value] if value else None
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) and value else None
