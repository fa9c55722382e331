"""AI tasks: data from instructions, of a given structure where one is given, and weighed questions."""

import logging
from typing import Any, override

import probatio
from homeassistant.components import ai_task, conversation
from homeassistant.components.ai_task.const import DEFAULT_SYSTEM_PROMPT
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API, CONF_MODEL, CONF_PROMPT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util.json import JSON_DECODE_EXCEPTIONS, json_loads

from .action_api import async_actions_apis
from .chat import schema_of
from .const import DOMAIN, SUBENTRY_AI_TASK
from .coordinator import PicoQwenConfigEntry
from .entity import AgentEntity
from .errors import PicoQwenAuthError, PicoQwenError
from .evaluate import answer_of, question_of
from .guard import async_guard

_LOGGER = logging.getLogger(__name__)

PARALLEL_UPDATES = 0
# Home Assistant has weighed questions since 2026.11.
CAN_EVALUATE = hasattr(ai_task.AITaskEntityFeature, "EVALUATE")


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """One entity for each AI task subentry."""
    for subentry in entry.subentries.values():
        if subentry.subentry_type == SUBENTRY_AI_TASK:
            async_add_entities([PicoQwenAITask(entry, subentry)], config_subentry_id=subentry.subentry_id)


class PicoQwenAITask(AgentEntity, ai_task.AITaskEntity):
    """Does AI tasks. Attachments are not supported, and Home Assistant says so to whoever sends some."""

    def __init__(self, entry: PicoQwenConfigEntry, subentry: ConfigSubentry) -> None:
        """What it can do depends on Home Assistant's version alone."""
        super().__init__(entry, subentry)
        self._attr_supported_features = ai_task.AITaskEntityFeature.GENERATE_DATA
        if CAN_EVALUATE:
            self._attr_supported_features |= ai_task.AITaskEntityFeature.EVALUATE

    @override
    async def _async_generate_data(
        self, task: ai_task.GenDataTask, chat_log: conversation.ChatLog
    ) -> ai_task.GenDataTaskResult:
        """Let the model write; a structure is kept by the server's grammar, and checked all the same."""
        await self._async_instruct(task, chat_log)
        # Whoever brings the tools is told what they did; sets of actions ask too.
        async_guard(
            chat_log.llm_api, async_actions_apis(self.hass, self.subentry.data.get(CONF_LLM_HASS_API))
        )
        options = {**self.request_options(), "model": self._model()}
        if task.structure is not None:
            schema = schema_of(task.structure, chat_log.llm_api)
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "data", "schema": schema, "strict": True},
            }
            # A thought ahead of the data is nothing that the structure allows.
            options.setdefault("enable_thinking", False)
        try:
            meter = await self.async_answer(chat_log, options=options)
        except PicoQwenError as err:
            raise self._failed(err) from err
        content = chat_log.content[-1]
        text = (content.content or "") if isinstance(content, conversation.AssistantContent) else ""
        if not text.strip():
            raise _task_error("task_empty")
        if task.structure is None:
            return ai_task.GenDataTaskResult(conversation_id=chat_log.conversation_id, data=text)
        if meter.finish_reason == "length":
            raise _task_error("task_cut_off")
        return ai_task.GenDataTaskResult(
            conversation_id=chat_log.conversation_id, data=_structured(text, task.structure)
        )

    async def _async_instruct(self, task: ai_task.GenDataTask, chat_log: conversation.ChatLog) -> None:
        """Give the model this agent's instructions and tools; tools that the task brings come before them.

        Raises HomeAssistantError for those that cannot be used. What needs a yes waits: nobody is asked.
        """
        instructions, apis = self.subentry.data.get(CONF_PROMPT), self.subentry.data.get(CONF_LLM_HASS_API)
        if not instructions and not apis:
            return
        asked = llm.LLMContext(
            platform=DOMAIN,
            context=self._context,
            language=self.hass.config.language,
            assistant=conversation.DOMAIN,
            device_id=None,
        )
        prompt = "\n".join(each for each in (DEFAULT_SYSTEM_PROMPT, instructions) if each)
        try:
            await chat_log.async_provide_llm_data(asked, task.llm_api or apis, prompt)
        except conversation.ConverseError as err:
            raise _task_error("task_options", error=str(err)) from err

    @override
    async def _async_evaluate(self, task: Any) -> Any:
        """Weigh each question by the probabilities that the model gives to its answers."""
        answers = {}
        for name, question in task.questions.items():
            try:
                asked = question_of(task.state, question)
                weighed = await self.coordinator.client.score(
                    {"model": self._model(), "messages": asked.messages, "choices": list(asked.choices)}
                )
                answers[name] = answer_of(question, weighed)
            except PicoQwenError as err:
                raise self._failed(err) from err
        return ai_task.EvaluationTaskResult(answers=answers)

    def _model(self) -> str:
        """The model that was chosen, or the first that writes texts."""
        state = self.coordinator.data
        chosen: str | None = (
            self.subentry.data.get(CONF_MODEL) or self._preferred() or state.free_text_model()
        )
        built_in = {model.id for model in state.models if model.built_in}
        if chosen is None or chosen in built_in:
            raise _task_error("needs_larger_model")
        return chosen

    def _preferred(self) -> str | None:
        """The model of the select, unless it writes no texts."""
        preferred = self.coordinator.default_model
        writes = {model.id for model in self.coordinator.data.models if not model.built_in}
        return preferred if preferred in writes else None

    def _failed(self, error: PicoQwenError) -> HomeAssistantError:
        if isinstance(error, PicoQwenAuthError):
            self.entry.async_start_reauth(self.hass)
        return _task_error("task_failed", error=str(error))


def _structured(text: str, structure: Any) -> Any:
    """The data as the structure makes it. Raises HomeAssistantError for data that it does not allow."""
    try:
        data = json_loads(text)
    except JSON_DECODE_EXCEPTIONS as err:
        _LOGGER.debug("An answer is no JSON: %s", text)
        raise _task_error("task_no_json") from err
    try:
        structure(data)
    except probatio.Invalid as err:
        raise _task_error("task_wrong_structure", error=str(err)) from err
    return data


def _task_error(key: str, **placeholders: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )
