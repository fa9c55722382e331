"""The conversation agents."""

import logging
from typing import Any, Literal, override

from homeassistant.components import conversation
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API, CONF_PROMPT, MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .action_api import async_actions_apis
from .acts import Turn
from .assent import async_heard, async_open_question, async_say
from .confirmation import async_desk
from .const import DOMAIN, SUBENTRY_CONVERSATION
from .coordinator import PicoQwenConfigEntry
from .entity import AgentEntity
from .errors import PicoQwenAuthError, PicoQwenConnectionError, PicoQwenError
from .guard import async_guard
from .home import home_context
from .priming import Primer
from .speech import async_apology

_LOGGER = logging.getLogger(__name__)

# The server keeps its own queue, and says when it is full.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """One entity for each conversation subentry."""
    for subentry in entry.subentries.values():
        if subentry.subentry_type == SUBENTRY_CONVERSATION:
            async_add_entities(
                [PicoQwenConversation(entry, subentry)], config_subentry_id=subentry.subentry_id
            )


class PicoQwenConversation(AgentEntity, conversation.ConversationEntity):
    """Answers what people say to Assist."""

    _attr_supports_streaming = True

    def __init__(self, entry: PicoQwenConfigEntry, subentry: ConfigSubentry) -> None:
        """An agent that was given an API can control the home."""
        super().__init__(entry, subentry)
        self._primer: Primer | None = None
        if subentry.data.get(CONF_LLM_HASS_API):
            self._attr_supported_features = conversation.ConversationEntityFeature.CONTROL

    @property
    @override
    def supported_languages(self) -> list[str] | Literal["*"]:
        """The server decides; it says so when it does not understand."""
        return MATCH_ALL

    @override
    async def async_added_to_hass(self) -> None:
        """Keep the server ready for the home as it is."""
        await super().async_added_to_hass()
        self._primer = Primer(self)
        self.async_on_remove(self._primer.async_start())

    @override
    async def async_prepare(self, language: str | None = None) -> None:
        """A request is coming: wake the model, and let it read what every request begins with."""
        if self._primer is not None:
            self._primer.async_prime_now(language)

    @override
    async def _async_handle_message(
        self, user_input: conversation.ConversationInput, chat_log: conversation.ChatLog
    ) -> conversation.ConversationResult:
        """Answer one message; whatever goes wrong is said, and nothing is claimed."""
        options = self.subentry.data
        try:
            await chat_log.async_provide_llm_data(
                user_input.as_llm_context(DOMAIN),
                options.get(CONF_LLM_HASS_API),
                options.get(CONF_PROMPT),
                user_input.extra_system_prompt,
            )
        except conversation.ConverseError as err:
            return err.as_conversation_result()
        apis = async_actions_apis(self.hass, options.get(CONF_LLM_HASS_API))
        async_guard(chat_log.llm_api, apis)
        turn = Turn(
            text=user_input.text,
            context=user_input.context,
            conversation_id=chat_log.conversation_id,
            agent_id=self.entity_id,
            language=user_input.language,
            device_id=user_input.device_id,
            satellite_id=user_input.satellite_id,
            apis=frozenset(api.id for api in apis),
        )
        with async_desk(self.hass).turn(turn) as turn:
            response = intent.IntentResponse(language=user_input.language)
            said = await async_heard(self.hass, turn, response) if apis else None
            if said is None:
                return await self._answered(user_input, chat_log, turn)
            await async_say(chat_log, self.entity_id, said)
            response.async_set_speech(said)
            return conversation.ConversationResult(
                response=response,
                conversation_id=chat_log.conversation_id,
                continue_conversation=chat_log.continue_conversation,
            )

    async def _answered(
        self, user_input: conversation.ConversationInput, chat_log: conversation.ChatLog, turn: Turn
    ) -> conversation.ConversationResult:
        """The model's answer, or an apology."""

        def home() -> dict[str, Any]:
            return home_context(
                self.hass,
                conversation.DOMAIN,
                device_id=user_input.device_id,
                satellite_id=user_input.satellite_id,
                language=user_input.language,
            )

        async def question() -> str | None:
            return await async_open_question(self.hass, turn) if turn.apis else None

        try:
            await self.async_answer(
                chat_log,
                options=self.request_options(),
                home=home,
                question=question,
                language=user_input.language,
            )
            return conversation.async_get_result_from_chat_log(user_input, chat_log)
        except PicoQwenAuthError as err:
            self.entry.async_start_reauth(self.hass)
            return await self._apology(user_input, chat_log, err)
        except PicoQwenConnectionError as err:
            _LOGGER.warning("The Pico-Qwen server cannot be reached: %s", err)
            return await self._apology(user_input, chat_log, err)
        except (PicoQwenError, HomeAssistantError) as err:
            _LOGGER.error("The Pico-Qwen server could not answer: %s", err)
            return await self._apology(user_input, chat_log, err)

    async def _apology(
        self, user_input: conversation.ConversationInput, chat_log: conversation.ChatLog, error: Exception
    ) -> conversation.ConversationResult:
        """An error that is spoken; it stays in the log too, so that the next turn knows of it."""
        acted = any(
            isinstance(content, conversation.ToolResultContent)
            for content in chat_log.content[chat_log.llm_input_provided_index :]
        )
        response = intent.IntentResponse(language=user_input.language)
        text = await async_apology(self.hass, user_input.language, error, acted=acted)
        response.async_set_error(intent.IntentResponseErrorCode.FAILED_TO_HANDLE, text)
        return conversation.ConversationResult(
            response=response, conversation_id=chat_log.conversation_id, continue_conversation=False
        )
