"""The LLM APIs that are made of the actions a user allows; agents of Home Assistant and its MCP server offer
them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import llm

from .action_tool import ServiceTool
from .const import (
    CONF_ASK_ENTITIES,
    CONF_ASK_SECONDS,
    CONF_ASK_SERVICES,
    CONF_SERVICES,
    DEFAULT_ASK_SECONDS,
    DOMAIN,
    SUBENTRY_ACTIONS,
)
from .coordinator import PicoQwenConfigEntry
from .danger import Rules
from .service_schema import async_actions

_PROMPT = (
    'Use these tools only for what the user asks for. A result with "done": false means that nothing '
    'happened: say so. Never say that something was done unless its result has "done": true. Where a result '
    'has "needs_confirmation", ask its question; only the user can confirm.'
)


@dataclass(slots=True, kw_only=True)
class ActionsAPI(llm.API):
    """One set of allowed actions, as tools."""

    entry_id: str
    rules: Rules

    @override
    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        """The tools that have something to work on, for the entities exposed now."""
        actions = await async_actions(self.hass, llm_context.assistant, sorted(self.rules.services))
        return llm.APIInstance(
            api=self,
            api_prompt=_PROMPT,
            llm_context=llm_context,
            tools=[ServiceTool(self.id, self.entry_id, each, self.rules) for each in actions],
            custom_serializer=llm.selector_serializer,
        )


def api_id_of(subentry: ConfigSubentry) -> str:
    """Short, because names of tools that two APIs have are made of it."""
    return f"{DOMAIN}_{subentry.subentry_id.lower()}"


@callback
def rules_of(subentry: ConfigSubentry) -> Rules:
    """What the user allowed and marked."""
    data = subentry.data
    return Rules(
        services=frozenset(data.get(CONF_SERVICES, ())),
        ask_services=frozenset(data.get(CONF_ASK_SERVICES, ())),
        ask_entities=frozenset(data.get(CONF_ASK_ENTITIES, ())),
        seconds=float(data.get(CONF_ASK_SECONDS, DEFAULT_ASK_SECONDS)),
    )


@callback
def async_register_apis(hass: HomeAssistant, entry: PicoQwenConfigEntry) -> list[Callable[[], None]]:
    """Offer each set; returns what takes them back."""
    return [
        llm.async_register_api(
            hass,
            ActionsAPI(
                hass=hass,
                id=api_id_of(subentry),
                name=subentry.title,
                entry_id=entry.entry_id,
                rules=rules_of(subentry),
            ),
        )
        for subentry in entry.subentries.values()
        if subentry.subentry_type == SUBENTRY_ACTIONS
    ]


@callback
def async_actions_apis(hass: HomeAssistant, api_ids: list[str] | None) -> list[ActionsAPI]:
    """Those of the APIs that are sets of allowed actions."""
    known = {api.id: api for api in llm.async_get_apis(hass)}
    found = [known.get(each) for each in api_ids or ()]
    return [each for each in found if isinstance(each, ActionsAPI)]
