"""The questions before an act, and what is said after it, in the speaker's language and true to what
happened.
"""

import asyncio
from collections.abc import Sequence

from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import llm
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.translation import async_get_translations

from .acts import Act
from .speech import WHY, async_sentences
from .witness import failures_of

_ASK = {
    "alarm_control_panel.alarm_arm_away": "spoken_ask_arm",
    "alarm_control_panel.alarm_arm_home": "spoken_ask_arm",
    "alarm_control_panel.alarm_arm_night": "spoken_ask_arm",
    "alarm_control_panel.alarm_arm_vacation": "spoken_ask_arm",
    "alarm_control_panel.alarm_disarm": "spoken_ask_disarm",
    "cover.close_cover": "spoken_ask_close",
    "cover.open_cover": "spoken_ask_open",
    "lock.lock": "spoken_ask_lock",
    "lock.open": "spoken_ask_open",
    "lock.unlock": "spoken_ask_unlock",
}
# How long a lock or a door is given to arrive, before its state is told as it is then.
SETTLE_SECONDS = 3.0
# Other than before, and still not done.
_ON_THE_WAY = {
    *("arming", "closing", "disarming", "jammed", "locking", "opening", "pending", "unavailable", "unknown"),
    "unlocking",
}


async def async_question(hass: HomeAssistant, acts: Sequence[Act], language: str | None) -> str:
    """One question for each act."""
    texts = await async_sentences(hass, language)
    asked = []
    for act in acts:
        names = ", ".join(_name(hass, each) for each in act.entities)
        action = await _title(hass, act.action, language)
        key = _ASK.get(act.action, "spoken_ask_other") if names else "spoken_ask_bare"
        asked.append(texts[key].format(names=names, action=action))
    return " ".join(dict.fromkeys(asked))


async def async_report(
    hass: HomeAssistant,
    acts: Sequence[Act],
    results: Sequence[llm.ToolResult],
    before: dict[str, str | None],
    language: str | None,
) -> str:
    """What was done, by the states that are seen; what failed, with its reason."""
    texts = await async_sentences(hass, language)
    said = [_failure(result, texts) for result in results if result.error]
    done = [act for act, result in zip(acts, results, strict=True) if not result.error]
    entities = list(dict.fromkeys(each for act in done for each in act.entities if hass.states.get(each)))
    if done:
        arrived = await _arrived(hass, entities, before)
        states = ", ".join([await async_told(hass, each, language) for each in entities])
        key = "spoken_done" if arrived else "spoken_passed_on"
        said.append(" ".join([texts[key], f"{states}." if states else ""]).strip())
    return " ".join(said)


def _failure(result: llm.ToolResult, texts: dict[str, str]) -> str:
    """Why nothing was done, in the language where it is known by more than a text."""
    failed = failures_of(result.data)
    if not failed:
        return texts["spoken_act_failed"].format(error=result.data.get("error"))
    return " ".join(texts[WHY[each.reason]].format(names=each.name) for each in failed)


async def _arrived(hass: HomeAssistant, entities: Sequence[str], before: dict[str, str | None]) -> bool:
    """Whether every entity is in another state than before, and no longer on its way, now or shortly."""
    changed = asyncio.Event()

    def all_arrived() -> bool:
        now = {each: state.state if (state := hass.states.get(each)) else None for each in entities}
        return all(now[each] != before.get(each) and now[each] not in _ON_THE_WAY for each in entities)

    @callback
    def look(_: Event[EventStateChangedData]) -> None:
        if all_arrived():
            changed.set()

    stop = async_track_state_change_event(hass, entities, look)
    try:
        if not all_arrived():
            async with asyncio.timeout(SETTLE_SECONDS):
                await changed.wait()
    except TimeoutError:
        return False
    finally:
        stop()
    return True


def _name(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    return state.name if state is not None else entity_id


async def async_told(hass: HomeAssistant, entity_id: str, language: str | None) -> str:
    """An entity and its state, as its domain says it in the language."""
    state = hass.states.get(entity_id)
    if state is None:
        return entity_id
    texts = await async_get_translations(
        hass, language or hass.config.language, "entity_component", {state.domain}
    )
    kind = state.attributes.get("device_class") or "_"
    prefix = f"component.{state.domain}.entity_component"
    said = texts.get(f"{prefix}.{kind}.state.{state.state}") or texts.get(f"{prefix}._.state.{state.state}")
    return f"{state.name}: {said or state.state}"


async def _title(hass: HomeAssistant, action: str, language: str | None) -> str:
    """The action's name, in the language where there is one."""
    domain, _, service = action.partition(".")
    texts = await async_get_translations(hass, language or hass.config.language, "services", {domain})
    return texts.get(f"component.{domain}.services.{service}.name") or action
