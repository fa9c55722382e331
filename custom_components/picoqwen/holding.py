"""Keeps what a model says beside a call until the call is known; what is done with calls is elsewhere.

A model may write "I unlocked it" before it calls the lock, and then a yes is needed first, or the call fails.
Said in a stream of speech it could not be taken back.
"""

from collections.abc import AsyncGenerator, AsyncIterable

from homeassistant.components import conversation
from homeassistant.core import callback
from homeassistant.helpers import llm

from .action_tool import ServiceTool
from .guard import GuardedTool
from .witness import innermost


@callback
def async_harmless_tools(instance: llm.APIInstance | None) -> frozenset[str] | None:
    """The names of the tools that only read; None where no tool waits for a yes, so that nothing has to be
    held back.
    """
    tools = instance.tools if instance is not None else []
    if not any(isinstance(innermost(tool), ServiceTool | GuardedTool) for tool in tools):
        return None
    return frozenset(tool.name for tool in tools if tool.annotations.read_only)


async def held_back(
    deltas: AsyncIterable[conversation.AssistantContentDeltaDict], harmless: frozenset[str]
) -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
    """The deltas of one round, with its text last, and without it where it comes with a call that acts.

    The model answers such a call's result anew, or the question is asked for it.
    """
    held: list[str] = []
    acts = False
    async for delta in deltas:
        made = delta.copy()
        if text := made.pop("content", None):
            held.append(text)
        acts |= any(each.tool_name not in harmless for each in made.get("tool_calls") or ())
        if made:
            yield made
    if held and not acts:
        yield {"content": "".join(held)}
