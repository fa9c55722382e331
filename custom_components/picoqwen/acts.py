"""What a model wants to do in the home, who it was asked by, and what became of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import Context
from homeassistant.helpers import llm

type Run = Callable[[Context | None], Awaitable[llm.ToolResult]]


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody says something to an agent of ours."""

    text: str
    context: Context
    conversation_id: str
    agent_id: str
    language: str
    device_id: str | None = None
    satellite_id: str | None = None
    # The ids of the APIs that the agent may use; it can be told yes for what they ask.
    apis: frozenset[str] = frozenset()
    # Whether what is said was said by a tool of another turn (conversation.process) and not by a person.
    by_model: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """One call of a tool that changes something; `run` does it, in the context of whoever said yes."""

    api_id: str
    entry_id: str
    tool: str
    # The action that it amounts to ("lock.unlock"), for the question.
    action: str
    arguments: dict[str, Any]
    entities: tuple[str, ...]
    run: Run
    llm_context: llm.LLMContext


@dataclass(slots=True)
class Pending:
    """Acts that wait for a yes. `turn` is None where nobody of ours was spoken to: then nobody was
    asked yet.
    """

    acts: list[Act]
    turn: Turn | None
    cancel_timer: Callable[[], None] = field(default=lambda: None)

    @property
    def api_id(self) -> str:
        """The API that all of them came by."""
        return self.acts[0].api_id

    def is_of(self, context: Context) -> bool:
        """Whether the context comes from the request that asked, so that a model would be telling
        itself yes.
        """
        asked = {act.llm_context.context.id for act in self.acts if act.llm_context.context}
        return context.id in asked or context.parent_id in asked
