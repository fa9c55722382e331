"""The forms: connect to a server, renew its key, add and change conversation agents."""

from collections.abc import Mapping
from typing import Any

import probatio as vol
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_API_KEY, CONF_LLM_HASS_API, CONF_NAME, CONF_PROMPT, CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import llm
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TemplateSelector,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .client import PicoQwenAuthError, PicoQwenClient, PicoQwenConnectionError, PicoQwenError
from .const import (
    CONF_MAX_HISTORY,
    DEFAULT_CONVERSATION_NAME,
    DEFAULT_MAX_HISTORY,
    DOMAIN,
    SUBENTRY_CONVERSATION,
)

_KEY = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
_USER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
        vol.Optional(CONF_API_KEY): _KEY,
    }
)
_REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_API_KEY): _KEY})


async def _error(hass: HomeAssistant, url: str, api_key: str | None) -> str | None:
    """What keeps us from using this server, as a translation key."""
    client = PicoQwenClient(async_get_clientsession(hass), url, api_key)
    try:
        await client.models()
    except PicoQwenAuthError:
        return "invalid_auth"
    except PicoQwenConnectionError:
        return "cannot_connect"
    except PicoQwenError:
        return "unknown"
    return None


class PicoQwenConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connects to a server."""

    VERSION = 1

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the URL and the key, and try them."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = {key: value.strip() for key, value in user_input.items() if value.strip()}
            error = await self._checked(data)
            if error is None:
                return self.async_create_entry(
                    title=DEFAULT_CONVERSATION_NAME, data=data, subentries=[_default_agent()]
                )
            errors["base"] = error
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_USER_SCHEMA, user_input or {}),
            errors=errors,
        )

    async def _checked(self, data: dict[str, str]) -> str | None:
        """Normalise the URL in place; an error key, or None when the server answers."""
        try:
            data[CONF_URL] = cv.url(data.get(CONF_URL, "")).rstrip("/")
        except vol.Invalid:
            return "invalid_url"
        self._async_abort_entries_match({CONF_URL: data[CONF_URL]})
        return await _error(self.hass, data[CONF_URL], data.get(CONF_API_KEY))

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The server has a new key."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the new key, and try it."""
        errors: dict[str, str] = {}
        entry = self._get_reauth_entry()
        if user_input is not None:
            api_key = user_input[CONF_API_KEY].strip()
            error = await _error(self.hass, entry.data[CONF_URL], api_key)
            if error is None:
                # The update listener reloads the entry.
                self.hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_API_KEY: api_key})
                if entry.state is not ConfigEntryState.LOADED:
                    self.hass.config_entries.async_schedule_reload(entry.entry_id)
                return self.async_abort(reason="reauth_successful")
            errors["base"] = error
        return self.async_show_form(step_id="reauth_confirm", data_schema=_REAUTH_SCHEMA, errors=errors)

    @classmethod
    @callback
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Conversation agents are subentries."""
        return {SUBENTRY_CONVERSATION: ConversationFlow}


def _default_agent() -> ConfigSubentryData:
    """The agent that every server starts with."""
    return ConfigSubentryData(
        subentry_type=SUBENTRY_CONVERSATION,
        data={CONF_LLM_HASS_API: [llm.LLM_API_ASSIST], CONF_MAX_HISTORY: DEFAULT_MAX_HISTORY},
        title=DEFAULT_CONVERSATION_NAME,
        unique_id=None,
    )


class ConversationFlow(ConfigSubentryFlow):
    """Adds or changes a conversation agent."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """A new agent."""
        if self._get_entry().state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        if user_input is not None:
            return self.async_create_entry(title=user_input.pop(CONF_NAME), data=user_input)
        schema = vol.Schema({vol.Required(CONF_NAME, default=DEFAULT_CONVERSATION_NAME): str})
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                schema.extend(_agent_schema(self.hass).schema), _default_agent()["data"]
            ),
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Other options for an agent."""
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            return self.async_update_and_abort(self._get_entry(), subentry, data=user_input)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_agent_schema(self.hass), subentry.data),
        )


def _agent_schema(hass: HomeAssistant) -> vol.Schema:
    apis = [SelectOptionDict(label=api.name, value=api.id) for api in llm.async_get_apis(hass)]
    return vol.Schema(
        {
            vol.Optional(CONF_PROMPT): TemplateSelector(),
            vol.Optional(CONF_LLM_HASS_API): SelectSelector(
                SelectSelectorConfig(options=apis, multiple=True)
            ),
            vol.Optional(CONF_MAX_HISTORY): NumberSelector(
                NumberSelectorConfig(min=0, max=100, mode=NumberSelectorMode.BOX)
            ),
        }
    )
