"""What the turn before said and did, as far as the next request may refer to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from picoqwen_core.home.results import read_result
from picoqwen_core.messages import HomeContext, Message


@dataclass(frozen=True, slots=True)
class History:
    """The previous request, the entities it acted on or asked about, and whether we asked "which one?"."""

    previous_text: str = ""
    previous_entities: tuple[str, ...] = ()
    clarifying: bool = False


def history_of(messages: Sequence[Message], home: HomeContext) -> History | None:
    """The turn before the last user message; None when there is none."""
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    if len(users) < 2:
        return None
    turn = messages[users[-2] : users[-1]]
    spoken = next((m.content for m in reversed(turn) if m.role == "assistant" and m.content), "")
    clarifying = spoken.rstrip().endswith("?")
    entities = tuple(dict.fromkeys((*_acted_on(turn), *_mentioned(spoken, home))))
    return History(turn[0].content, entities, clarifying)


def _acted_on(turn: Sequence[Message]) -> Iterator[str]:
    """Entities that the turn's tool results report as changed."""
    for message in turn:
        if message.role == "tool":
            yield from (entity_id for entity_id, _ in read_result(message.content).succeeded)


def _mentioned(spoken: str, home: HomeContext) -> Iterator[str]:
    """Entities that our answer named: those we asked about, or told the state of."""
    text = spoken.casefold()
    for entity in home.entities:
        if len(entity.name) > 2 and entity.name.casefold() in text:
            yield entity.id
