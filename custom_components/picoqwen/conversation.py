"""The conversation agent."""

import logging
from typing import Any, Literal

from homeassistant.components import conversation
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LLM_HASS_API, CONF_PROMPT, MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import intent
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import PicoQwenConfigEntry
from .client import PicoQwenAuthError, PicoQwenConnectionError, PicoQwenError
from .const import DOMAIN, SUBENTRY_CONVERSATION
from .entity import PicoQwenEntity
from .home import home_context

_LOGGER = logging.getLogger(__name__)

UNREACHABLE = "Sorry, I can't reach the Pico-Qwen server, so I don't know whether anything was done."
REFUSED = "Sorry, the Pico-Qwen server does not accept my API key. Nothing was done."
FAILED = "Sorry, the Pico-Qwen server could not answer."


async def async_setup_entry(
    hass: HomeAssistant, entry: PicoQwenConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """One entity for each conversation subentry."""
    for subentry in entry.subentries.values():
        if subentry.subentry_type == SUBENTRY_CONVERSATION:
            async_add_entities(
                [PicoQwenConversation(entry, subentry)], config_subentry_id=subentry.subentry_id
            )


class PicoQwenConversation(PicoQwenEntity, conversation.ConversationEntity):
    """Answers what people say to Assist."""

    _attr_supports_streaming = True

    def __init__(self, entry: PicoQwenConfigEntry, subentry: ConfigSubentry) -> None:
        """An agent that was given an API can control the home."""
        super().__init__(entry, subentry)
        if subentry.data.get(CONF_LLM_HASS_API):
            self._attr_supported_features = conversation.ConversationEntityFeature.CONTROL

    @property
    def supported_languages(self) -> list[str] | Literal["*"]:
        """The server decides; it says so when it does not understand."""
        return MATCH_ALL

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

        def home() -> dict[str, Any]:
            language = user_input.language
            return home_context(
                self.hass,
                conversation.DOMAIN,
                device_id=user_input.device_id,
                satellite_id=user_input.satellite_id,
                language=language,
            )

        try:
            await self._async_answer(chat_log, home)
            return conversation.async_get_result_from_chat_log(user_input, chat_log)
        except PicoQwenAuthError:
            self.entry.async_start_reauth(self.hass)
            return _apology(user_input, chat_log, REFUSED)
        except PicoQwenConnectionError as err:
            _LOGGER.warning("The Pico-Qwen server cannot be reached: %s", err)
            return _apology(user_input, chat_log, UNREACHABLE)
        except (PicoQwenError, HomeAssistantError) as err:
            _LOGGER.error("The Pico-Qwen server could not answer: %s", err)
            return _apology(user_input, chat_log, FAILED)


def _apology(
    user_input: conversation.ConversationInput, chat_log: conversation.ChatLog, text: str
) -> conversation.ConversationResult:
    response = intent.IntentResponse(language=user_input.language)
    response.async_set_error(intent.IntentResponseErrorCode.FAILED_TO_HANDLE, text)
    return conversation.ConversationResult(response=response, conversation_id=chat_log.conversation_id)
