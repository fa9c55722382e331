"""One action of Home Assistant as a tool: checked, asked for where that is due, done, and written down."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, override

import probatio as vol
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.helpers.json import json_dumps
from homeassistant.util.json import json_loads

from .acts import Act
from .audit import Outcome, async_record
from .confirmation import async_desk, refusal
from .const import DOMAIN
from .danger import Rules
from .effects import is_checked, of_action
from .questions import async_question
from .reach import beyond_reach, entities_in, entity_of
from .service_schema import TARGET, Action
from .witness import Failed, async_unreached, hindered, is_done, notes_on, target_of

_LOGGER = logging.getLogger(__name__)

CALL_SECONDS = 60
# What is done to these can be undone by saying so; of everything else a client should assume the worst.
_HARMLESS = {
    *(
        "climate",
        "fan",
        "humidifier",
        "input_boolean",
        "input_number",
        "input_select",
        "light",
        "media_player",
    ),
    *("scene", "switch", "timer", "todo", "vacuum", "water_heater"),
}
_REPEATABLE = ("turn_o", "set_", "open_", "close_", "lock", "unlock", "select_option", "alarm_")
_OUTWARD = ("notify", "rest_command", "shell_command", "telegram_bot", "tts", "weather")


class ServiceTool(llm.Tool):
    """Calls an action with what a model gives, on exposed entities only."""

    integration = DOMAIN

    def __init__(self, api_id: str, entry_id: str, action: Action, rules: Rules) -> None:
        """The tool of one request; entities and their names are those of now."""
        self._api_id, self._entry_id = api_id, entry_id
        self._action, self._own = action, rules
        self._rules: tuple[Rules, ...] = (rules,)
        self.name = f"{action.domain}__{action.service}"
        self.title = action.title
        self.description = action.description
        self.parameters = action.parameters
        self.annotations = annotations_of(action)

    @callback
    def heed(self, rules: Iterable[Rules]) -> None:
        """Ask for what any of these rules asks for too: those of all the sets that an agent has, as they are
        now. A conversation keeps its tools.
        """
        self._rules = (self._own, *rules)

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        """Do it, or wait for a yes. What the model learns is what happened, and nothing better."""
        data = dict(tool_input.tool_args)
        try:
            data, entities = self._checked(data)
        except vol.Invalid as err:
            act = self._act(hass, tool_input, {}, (), llm_context)
            return await _refused(hass, act, str(err))
        act = self._act(hass, tool_input, data, entities, llm_context)
        outside = beyond_reach(hass, llm_context.assistant, data)
        if outside is not None:
            return await _refused(hass, act, f"{outside} is not exposed, and cannot be used")
        # Data may name things too, such as the states that a scene is made of.
        moved = (*act.entities, *entities_in(hass, data))
        asks = any(each.must_ask(hass, self._action.full_name, moved) for each in self._rules)
        if asks and not self.annotations.read_only:
            return await async_wait(hass, act, self._own.seconds)
        tool, asked = of_action(self._action.full_name, data)
        before = {each: state for each in entities if (state := hass.states.get(each)) is not None}
        result = await act.run(llm_context.context)
        if not result.error and is_checked(tool):
            failed = await async_unreached(hass, tool, asked, entities, before)
            result = _settled(hass, result, entities, failed)
        if not self.annotations.read_only:
            outcome = Outcome.DONE if is_done(result) else Outcome.FAILED
            turn = async_desk(hass).turn_of(llm_context.context)
            await async_record(hass, outcome, act, turn, result=result)
        return result

    def _checked(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The data of the action, and the entities in it. Raises vol.Invalid."""
        found: list[str] = []
        data = {key: value for key, value in arguments.items() if key not in self._action.choices}
        for key, names in self._action.choices.items():
            given = arguments.get(key)
            if given is None and key != TARGET:
                continue
            if given == [] and key == TARGET:
                raise vol.Invalid(f"nothing is chosen of {', '.join(names)}", [key])
            ids = [_known(key, name, names) for name in (given if isinstance(given, list) else [given])]
            found += ids
            data[ATTR_ENTITY_ID if key == TARGET else key] = ids if isinstance(given, list) else ids[0]
        rest = {
            marker: check
            for marker, check in self.parameters.schema.items()
            if str(marker) not in self._action.choices
        }
        checked = vol.Schema(rest)({k: v for k, v in arguments.items() if k not in self._action.choices})
        return {**data, **checked}, tuple(dict.fromkeys(found))

    def _act(
        self,
        hass: HomeAssistant,
        tool_input: llm.ToolInput,
        data: dict[str, Any],
        entities: tuple[str, ...],
        llm_context: llm.LLMContext,
    ) -> Act:
        # An action that is a script moves what the script moves, whatever it is given.
        itself = (self._action.full_name,) if self._action.domain == "script" else ()

        async def run(context: Context | None) -> llm.ToolResult:
            return await _call(hass, self._action, data, entities, context)

        return Act(
            api_id=self._api_id,
            entry_id=self._entry_id,
            tool=self.name,
            action=self._action.full_name,
            arguments=dict(tool_input.tool_args),
            entities=entities or itself,
            run=run,
            llm_context=llm_context,
        )


def annotations_of(action: Action) -> llm.ToolAnnotations:
    """What a client may assume of an action, from what Home Assistant says of it and from its name."""
    reads = action.response is SupportsResponse.ONLY and action.service.startswith(
        ("get_", "list_", "search")
    )
    destroys = action.service.startswith(("remove", "delete", "clear"))
    return llm.ToolAnnotations(
        read_only=reads,
        destructive=not reads and (destroys or action.domain not in _HARMLESS),
        idempotent=reads or action.service.startswith(_REPEATABLE),
        open_world=action.domain in _OUTWARD,
    )


async def async_wait(hass: HomeAssistant, act: Act, seconds: float) -> llm.ToolResult:
    """Keep the act until somebody says yes."""
    desk = async_desk(hass)
    pending = desk.wait(act, seconds)
    turn = desk.turn_of(act.llm_context.context)
    language = turn.language if turn is not None else act.llm_context.language
    await async_record(hass, Outcome.ASKED, act, turn)
    return refusal(await async_question(hass, pending.acts, language))


async def _refused(hass: HomeAssistant, act: Act, reason: str) -> llm.ToolResult:
    result = llm.ToolResult(data={"done": False, "error": reason}, error=True)
    turn = async_desk(hass).turn_of(act.llm_context.context)
    await async_record(hass, Outcome.REFUSED, act, turn, result=result)
    return result


async def _call(
    hass: HomeAssistant,
    action: Action,
    data: dict[str, Any],
    entities: tuple[str, ...],
    context: Context | None,
) -> llm.ToolResult:
    """Call the action, and say what came of it; whatever an integration raises is a failure, and
    told as one.
    """
    answers = action.response is not SupportsResponse.NONE
    tool, asked = of_action(action.full_name, data)
    targets = [state for each in entities if (state := hass.states.get(each)) is not None]
    if failed := hindered(tool, asked, targets):
        return _failure(notes_on(failed))
    try:
        async with asyncio.timeout(CALL_SECONDS):
            response = await hass.services.async_call(
                action.domain, action.service, data, blocking=True, context=context, return_response=answers
            )
    except TimeoutError:
        return _failure(f"it was begun, and had not ended after {CALL_SECONDS} seconds", done=None)
    except (HomeAssistantError, vol.Invalid) as err:
        return _failure(str(err) or type(err).__name__)
    except Exception as err:
        # The action belongs to any integration, and a model must not take its failure for success.
        _LOGGER.exception("%s failed", action.full_name)
        return _failure(f"{type(err).__name__}: {err}")
    result: dict[str, Any] = {"done": True, "states": _states(hass, entities)}
    if answers:
        # An action may return dates and the like.
        result["response"] = json_loads(json_dumps(response))
    return llm.ToolResult(data=result)


def _settled(
    hass: HomeAssistant, result: llm.ToolResult, entities: Iterable[str], failed: Sequence[Failed]
) -> llm.ToolResult:
    """The result, with the states of a moment later, and done only where they are what was asked for."""
    assert isinstance(result.data, dict)
    data: dict[str, Any] = {**result.data, "states": _states(hass, entities)}
    if failed:
        targets = [target_of(each) for each in failed]
        data |= {"done": None, "data": {"failed": targets}, "note": notes_on(failed)}
    return llm.ToolResult(data=data)


def _states(hass: HomeAssistant, entities: Iterable[str]) -> dict[str, str]:
    return {each: state.state for each in entities if (state := hass.states.get(each)) is not None}


def _failure(reason: str, *, done: bool | None = False) -> llm.ToolResult:
    return llm.ToolResult(data={"done": done, "error": reason}, error=True)


def _known(key: str, name: Any, names: Any) -> str:
    entity_id = entity_of(name, names) if isinstance(name, str) else None
    if entity_id is None:
        raise vol.Invalid(f"{name!r} is none of {', '.join(names)}", [key])
    return entity_id
