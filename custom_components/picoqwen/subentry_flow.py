"""The forms that add and change agents: conversations and AI tasks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import probatio as vol
from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryData,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_LLM_HASS_API, CONF_MODEL, CONF_NAME, CONF_PROMPT
from homeassistant.core import HomeAssistant
from homeassistant.helpers import llm
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TemplateSelector,
)

from .const import (
    CONF_ENABLE_THINKING,
    CONF_MAX_HISTORY,
    CONF_MAX_TOKENS,
    CONF_ROUTING,
    CONF_TEMPERATURE,
    DEFAULT_AI_TASK_NAME,
    DEFAULT_CONVERSATION_NAME,
    DEFAULT_MAX_HISTORY,
    ROUTINGS,
    SUBENTRY_AI_TASK,
    SUBENTRY_CONVERSATION,
)
from .coordinator import Model

_CONVERSATION_OPTIONS: dict[str, Any] = {
    CONF_LLM_HASS_API: [llm.LLM_API_ASSIST],
    CONF_MAX_HISTORY: DEFAULT_MAX_HISTORY,
}


def default_subentries(models: Sequence[Model]) -> list[ConfigSubentryData]:
    """The agents that a server starts with: a conversation, and an AI task where a model can do it."""
    made = [
        ConfigSubentryData(
            subentry_type=SUBENTRY_CONVERSATION,
            data=_CONVERSATION_OPTIONS,
            title=DEFAULT_CONVERSATION_NAME,
            unique_id=None,
        )
    ]
    if any(not model.built_in for model in models):
        made.append(
            ConfigSubentryData(
                subentry_type=SUBENTRY_AI_TASK, data={}, title=DEFAULT_AI_TASK_NAME, unique_id=None
            )
        )
    return made


class AgentFlow(ConfigSubentryFlow, ABC):
    """Adds or changes an agent."""

    default_name: str
    default_options: dict[str, Any]

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """A new agent."""
        if self._get_entry().state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        if user_input is not None:
            return self.async_create_entry(title=user_input.pop(CONF_NAME), data=_cleaned(user_input))
        schema = vol.Schema({vol.Required(CONF_NAME, default=self.default_name): str})
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                schema.extend(self.schema({}).schema), self.default_options
            ),
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Other options for an agent."""
        if self._get_entry().state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            return self.async_update_and_abort(self._get_entry(), subentry, data=_cleaned(user_input))
        options = _without_unknown_apis(self.hass, dict(subentry.data))
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(self.schema(options), options),
        )

    @abstractmethod
    def schema(self, options: dict[str, Any]) -> vol.Schema:
        """The form, without a name."""

    def models(self, *, built_in: bool) -> list[str]:
        """The ids of the server's models, of the last look."""
        models: Sequence[Model] = self._get_entry().runtime_data.data.models
        return [model.id for model in models if built_in or not model.built_in]


class ConversationFlow(AgentFlow):
    """Adds or changes a conversation agent."""

    default_name = DEFAULT_CONVERSATION_NAME
    default_options = _CONVERSATION_OPTIONS

    def schema(self, options: dict[str, Any]) -> vol.Schema:
        """How much it remembers, and what every agent has."""
        return vol.Schema(
            {
                **_role_fields(self.hass),
                vol.Optional(CONF_MAX_HISTORY): NumberSelector(
                    NumberSelectorConfig(min=0, max=100, mode=NumberSelectorMode.BOX)
                ),
                **_model_fields(self.models(built_in=True)),
            }
        )


class AITaskFlow(AgentFlow):
    """Adds or changes an agent for AI tasks."""

    default_name = DEFAULT_AI_TASK_NAME
    default_options: dict[str, Any] = {}  # noqa: RUF012  # never changed; a class of the form above

    def schema(self, options: dict[str, Any]) -> vol.Schema:
        """What every agent has; the built-in model writes no texts, so it is not offered."""
        return vol.Schema({**_role_fields(self.hass), **_model_fields(self.models(built_in=False))})


def _role_fields(hass: HomeAssistant) -> dict[Any, Any]:
    """What an agent is told, and what it may use."""
    apis = [SelectOptionDict(label=api.name, value=api.id) for api in llm.async_get_apis(hass)]
    return {
        vol.Optional(CONF_PROMPT): TemplateSelector(),
        vol.Optional(CONF_LLM_HASS_API): SelectSelector(SelectSelectorConfig(options=apis, multiple=True)),
    }


def _model_fields(models: list[str]) -> dict[Any, Any]:
    return {
        vol.Optional(CONF_ROUTING): SelectSelector(
            SelectSelectorConfig(
                options=list(ROUTINGS), translation_key="routing", mode=SelectSelectorMode.DROPDOWN
            )
        ),
        vol.Optional(CONF_MODEL): SelectSelector(
            SelectSelectorConfig(options=models, custom_value=True, mode=SelectSelectorMode.DROPDOWN)
        ),
        vol.Optional(CONF_ENABLE_THINKING): BooleanSelector(),
        vol.Optional(CONF_TEMPERATURE): NumberSelector(
            NumberSelectorConfig(min=0, max=2, step=0.05, mode=NumberSelectorMode.BOX)
        ),
        vol.Optional(CONF_MAX_TOKENS): NumberSelector(
            NumberSelectorConfig(min=1, max=100_000, mode=NumberSelectorMode.BOX)
        ),
    }


def _cleaned(user_input: dict[str, Any]) -> dict[str, Any]:
    """What was left empty is the server's choice, and is not kept."""
    return {key: value for key, value in user_input.items() if value not in (None, "", [])}


def _without_unknown_apis(hass: HomeAssistant, options: dict[str, Any]) -> dict[str, Any]:
    """An API that has gone cannot be chosen again, and would make the form refuse itself."""
    known = {api.id for api in llm.async_get_apis(hass)}
    if CONF_LLM_HASS_API in options:
        options[CONF_LLM_HASS_API] = [each for each in options[CONF_LLM_HASS_API] if each in known]
    return options
