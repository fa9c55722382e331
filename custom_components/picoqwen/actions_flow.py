"""The form of a set of actions that models may use."""

from typing import Any

import probatio as vol
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .const import (
    CONF_ASK_ENTITIES,
    CONF_ASK_SECONDS,
    CONF_ASK_SERVICES,
    CONF_SERVICES,
    DEFAULT_ACTIONS_NAME,
    DEFAULT_ASK_SECONDS,
    DOMAIN,
)

# By these a model could speak to an agent itself, and so say yes to itself.
_NEVER = (DOMAIN, "assist_pipeline", "assist_satellite", "conversation")


class ActionsFlow(ConfigSubentryFlow):
    """Adds or changes a set."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """A new set."""
        if self._get_entry().state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _errors(user_input)
            if not errors:
                data = dict(user_input)
                return self.async_create_entry(title=data.pop(CONF_NAME), data=data)
        name = vol.Schema({vol.Required(CONF_NAME, default=DEFAULT_ACTIONS_NAME): str})
        schema = name.extend(_schema(self.hass).schema)
        shown = user_input or {CONF_ASK_SECONDS: DEFAULT_ASK_SECONDS}
        return self.async_show_form(
            step_id="user", data_schema=self.add_suggested_values_to_schema(schema, shown), errors=errors
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Other actions for a set."""
        if self._get_entry().state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _errors(user_input)
            if not errors:
                return self.async_update_and_abort(self._get_entry(), subentry, data=dict(user_input))
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                _schema(self.hass), user_input or dict(subentry.data)
            ),
            errors=errors,
        )


@callback
def _schema(hass: HomeAssistant) -> vol.Schema:
    """Actions as they are called in automations; one that is not there now may still be kept."""
    known = sorted(
        f"{domain}.{service}"
        for domain, services in hass.services.async_services_internal().items()
        if domain not in _NEVER
        for service in services
    )
    choice = SelectSelector(
        SelectSelectorConfig(
            options=known, multiple=True, custom_value=True, mode=SelectSelectorMode.DROPDOWN
        )
    )
    return vol.Schema(
        {
            vol.Required(CONF_SERVICES): choice,
            vol.Optional(CONF_ASK_SERVICES): choice,
            vol.Optional(CONF_ASK_ENTITIES): EntitySelector(EntitySelectorConfig(multiple=True)),
            vol.Optional(CONF_ASK_SECONDS): NumberSelector(
                NumberSelectorConfig(
                    min=10, max=300, step=5, mode=NumberSelectorMode.BOX, unit_of_measurement="s"
                )
            ),
        }
    )


def _errors(user_input: dict[str, Any]) -> dict[str, str]:
    """What is no action, and what may never be one of a model's."""
    for key in (CONF_SERVICES, CONF_ASK_SERVICES):
        for each in user_input.get(key, ()):
            try:
                cv.service(each)
            except vol.Invalid:
                return {key: "no_action"}
            if each.partition(".")[0] in _NEVER:
                return {key: "never_offered"}
    if not user_input.get(CONF_SERVICES):
        return {CONF_SERVICES: "no_services"}
    return {}
