"""A turn of a conversation in which questions before acts are asked, answered, and the acts then done."""

from collections.abc import AsyncGenerator

from homeassistant.components import conversation
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent, llm

from .acts import Act, Pending, Turn
from .audit import Outcome, async_record
from .confirmation import async_desk
from .consent import Reply
from .questions import async_question, async_report
from .speech import async_sentences
from .witness import is_done


async def async_heard(hass: HomeAssistant, turn: Turn, response: intent.IntentResponse) -> str | None:
    """What to say to a sentence that answers a question; None where it is for the model to answer.

    An act that fails makes the response an error.
    """
    desk = async_desk(hass)
    heard = await desk.hear(turn)
    if heard.pending is None:
        return None
    if heard.ask:
        return await _question(hass, heard.pending, turn)
    if heard.reply is Reply.NO:
        await desk.decline(heard.pending, turn)
        return (await async_sentences(hass, turn.language))["spoken_declined"]
    return await _done(hass, desk.take(heard.pending), heard.pending, turn, response)


async def async_open_question(hass: HomeAssistant, turn: Turn) -> str | None:
    """What a turn has to end with, where something waits for a yes that nobody was asked for yet."""
    questions = [await _question(hass, each, turn) for each in async_desk(hass).to_ask(turn)]
    return " ".join(questions) or None


async def _question(hass: HomeAssistant, pending: Pending, turn: Turn) -> str:
    async_desk(hass).asked(pending, turn)
    return await async_question(hass, pending.acts, turn.language)


async def _done(
    hass: HomeAssistant, acts: list[Act], pending: Pending, turn: Turn, response: intent.IntentResponse
) -> str:
    entities = {each for act in acts for each in act.entities}
    before = {each: state.state if (state := hass.states.get(each)) else None for each in entities}
    results = [await _result(act, turn) for act in acts]
    for act, result in zip(acts, results, strict=True):
        outcome = Outcome.DONE if is_done(result) else Outcome.FAILED
        await async_record(hass, outcome, act, turn, result=result, asked_in=pending.turn)
    said = await async_report(hass, acts, results, before, turn.language)
    if all(result.error for result in results):
        response.async_set_error(intent.IntentResponseErrorCode.FAILED_TO_HANDLE, said)
    return said


async def _result(act: Act, turn: Turn) -> llm.ToolResult:
    """Do it in the name of whoever said yes."""
    try:
        return await act.run(turn.context)
    except HomeAssistantError as err:
        return llm.ToolResult(data={"done": False, "error": str(err) or type(err).__name__}, error=True)


async def async_say(chat_log: conversation.ChatLog, agent_id: str, text: str) -> None:
    """Say it as an answer of the agent, into a stream of speech too."""

    async def deltas() -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
        yield {"role": "assistant", "content": text}

    async for _ in chat_log.async_add_delta_content_stream(agent_id, deltas()):
        pass
