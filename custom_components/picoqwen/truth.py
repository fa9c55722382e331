"""What was not done in a turn, in words of our own, so that no model's words can claim it.

A model that is told of a failure may say "Done" all the same, and nothing that reads its text notices that
for certain. So the failure is said first, and what the model says of it only where it sounds like one.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant, callback

from .effects import Reason
from .questions import async_told
from .speech import WHY, async_sentences
from .witness import failures_of

# Words of somebody who says that something is not so, by language.
_NOT = {
    "en": r"not|\w+n['’]t|cannot|unable|unavailable|unfortunately|sorry|fail\w*|impossible|without",
    "de": r"nicht|kein\w*|leider|unmöglich|fehlgeschlagen|gescheitert|ohne",
    "fr": r"n['’]\w+|ne|pas|impossible|échou\w*|aucun\w*|malheureusement|désolée?",
    "es": r"no|ningun\w*|imposible|fall\w*|lamentablemente|siento",
    "nl": r"niet|geen|helaas|onmogelijk|mislukt\w*",
    "it": r"non|nessun\w*|impossibile|fallit\w*|purtroppo|spiace",
}
# What names something in the arguments of a call.
_NAMING = ("name", "player_name", "area", "floor", "item", "target")


@dataclass(slots=True)
class Unmet:
    """What a turn was to do and did not, and what it did."""

    # By entity: its name, and why.
    entities: dict[str, tuple[str, Reason]] = field(default_factory=dict)
    # Calls that failed as a whole, by their id: the tool, the round, what it was about.
    calls: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.entities or self.calls)


@callback
def async_unmet(chat_log: conversation.ChatLog) -> Unmet:
    """What the calls of a turn came to short of; those that only read aside.

    What a later call did is met. A call that failed as a whole counts as mended by a later one of its tool.
    """
    unmet, round_ = Unmet(), 0
    calls: dict[str, Mapping[str, Any]] = {}
    tools = chat_log.llm_api.tools if chat_log.llm_api is not None else []
    reading = {tool.name for tool in tools if tool.annotations.read_only}
    for content in chat_log.content[chat_log.llm_input_provided_index :]:
        if isinstance(content, conversation.AssistantContent):
            round_ += 1
            calls |= {call.id: call.tool_args for call in content.tool_calls or ()}
        elif isinstance(content, conversation.ToolResultContent) and content.tool_name not in reading:
            _note(unmet, content, calls.get(content.tool_call_id, {}), round_)
    return unmet


def _note(
    unmet: Unmet, content: conversation.ToolResultContent, arguments: Mapping[str, Any], round_: int
) -> None:
    result, tool = content.result, content.tool_name
    data = result.data if isinstance(result.data, dict) else {}
    if data.get("needs_confirmation"):
        return
    failed = failures_of(data)
    if (result.error or data.get("done", True) is not True) and not failed:
        # Our own tools fail with a sentence, Home Assistant's with what is for a log.
        about = str(data.get("error")) if "done" in data else _about(arguments)
        unmet.calls[content.tool_call_id] = (tool, round_, about)
        return
    unmet.entities |= {each.entity_id: (each.name, each.reason) for each in failed}
    done = _done(data)
    unmet.done += [each for each in done if each not in unmet.done]
    for entity_id in done:
        unmet.entities.pop(entity_id, None)
    if done or not failed:
        mended = [key for key, (name, when, _) in unmet.calls.items() if name == tool and when < round_]
        for key in mended:
            del unmet.calls[key]


def _done(data: Mapping[str, Any]) -> list[str]:
    """Ids of the entities that a result says something was done to."""
    body = data.get("data")
    listed = body.get("success") if isinstance(body, dict) else None
    found = [
        str(each["id"]) for each in listed or () if isinstance(each, dict) and each.get("type") == "entity"
    ]
    states = data.get("states")
    return [*found, *states] if isinstance(states, dict) and data.get("done") is True else found


def _about(arguments: Mapping[str, Any]) -> str:
    for key in _NAMING:
        value = arguments.get(key)
        if isinstance(value, list):
            value = ", ".join(str(each) for each in value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


async def async_words(hass: HomeAssistant, unmet: Unmet, language: str | None) -> str:
    """What was done by the states that are seen, and then what was not, and why."""
    texts = await async_sentences(hass, language)
    said = []
    if unmet.done:
        states = ", ".join([await async_told(hass, each, language) for each in unmet.done])
        said.append(f"{texts['spoken_done']} {states}.")
    for reason, key in WHY.items():
        names = [name for name, why in unmet.entities.values() if why is reason]
        if names:
            said.append(texts[key].format(names=", ".join(dict.fromkeys(names))))
    if unmet.calls:
        about = ", ".join(dict.fromkeys(each for _, _, each in unmet.calls.values() if each))
        said.append(texts["spoken_act_failed"].format(error=about) if about else texts["spoken_not_worked"])
    return " ".join(said)


def admits(text: str, language: str | None) -> bool:
    """Whether a text says that something is not so; what is in no language of ours is not taken to."""
    base = (language or "en").replace("_", "-").split("-", maxsplit=1)[0].lower()
    words = _NOT.get(base)
    return words is not None and re.search(rf"\b(?:{words})\b", text, re.IGNORECASE) is not None


async def corrected(
    deltas: AsyncIterable[conversation.AssistantContentDeltaDict],
    words: Callable[[], Awaitable[str]],
    is_true: Callable[[], bool],
    language: str | None,
) -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
    """The deltas of one round after something was not done, with text that says so, last and whole.

    words: ours; is_true: asked at the end, whether the text is of somebody who tells results as they are.
    """
    held: list[str] = []
    calls = False
    async for delta in deltas:
        made = delta.copy()
        if text := made.pop("content", None):
            held.append(text)
        calls |= bool(made.get("tool_calls"))
        if made:
            yield made
    if calls:
        # It tries again, and what it says meanwhile is not known yet.
        return
    said = "".join(held).strip()
    if not is_true():
        ours = await words()
        said = f"{ours} {said}" if admits(said, language) else ours
    yield {"content": said}
