"""Lets the server read the beginning of every request ahead of the request.

That beginning is the instructions, the home's names and the tools: it changes when the registries do, and not
with the states. A change is waited out, because changes come in crowds.
"""

import logging
from typing import TYPE_CHECKING, Any

from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_listen_entity_updates
from homeassistant.const import CONF_LLM_HASS_API, CONF_PROMPT
from homeassistant.core import CALLBACK_TYPE, Context, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import floor_registry as fr
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.start import async_at_started
from homeassistant.util.event_type import EventType
from homeassistant.util.ulid import ulid_now

from .chat import messages_of, tools_of
from .const import DOMAIN
from .errors import PicoQwenError, PicoQwenUnsupportedError
from .home import home_context

if TYPE_CHECKING:
    from .entity import AgentEntity

_LOGGER = logging.getLogger(__name__)

COOLDOWN_SECONDS = 5.0
_EVENTS: tuple[EventType[Any], ...] = (
    ar.EVENT_AREA_REGISTRY_UPDATED,
    dr.EVENT_DEVICE_REGISTRY_UPDATED,
    er.EVENT_ENTITY_REGISTRY_UPDATED,
    fr.EVENT_FLOOR_REGISTRY_UPDATED,
)


class Primer:
    """Primes the server for one agent."""

    def __init__(self, agent: "AgentEntity") -> None:
        """Nothing is listened to yet."""
        self._agent = agent
        self._hass = agent.hass
        self._language: str | None = None
        self._supported = True
        self._debouncer: Debouncer[Any] = Debouncer(
            self._hass,
            _LOGGER,
            cooldown=COOLDOWN_SECONDS,
            immediate=False,
            function=self._async_prime,
            background=True,
        )

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Listen to the registries, from the end of Home Assistant's start on; returns what ends it."""
        unsubscribe: list[CALLBACK_TYPE] = [async_at_started(self._hass, self._async_changed)]
        unsubscribe += [self._hass.bus.async_listen(each, self._async_changed) for each in _EVENTS]
        unsubscribe.append(
            async_listen_entity_updates(self._hass, conversation.DOMAIN, self._async_exposure_changed)
        )

        primers = self._agent.coordinator.primers
        primers.append(self.async_prime)

        @callback
        def stop() -> None:
            primers.remove(self.async_prime)
            for each in unsubscribe:
                each()
            self._debouncer.async_shutdown()

        return stop

    @callback
    def async_prime_now(self, language: str | None) -> None:
        """Prime without delay, beside whatever the caller does next."""
        self._language = language
        self._agent.entry.async_create_background_task(
            self._hass, self._async_prime(), f"priming {self._agent.entity_id}"
        )

    @callback
    def _async_changed(self, event: Any) -> None:
        if self._supported and self._hass.is_running:
            self._debouncer.async_schedule_call()

    @callback
    def _async_exposure_changed(self) -> None:
        self._async_changed(None)

    async def async_prime(self) -> None:
        """Send what a request would begin with. Raises PicoQwenError."""
        await self._agent.coordinator.client.prime(await self._body())

    async def _async_prime(self) -> None:
        """Prime as a courtesy: what fails here is done by the request itself."""
        if not self._supported:
            return
        try:
            await self.async_prime()
        except PicoQwenUnsupportedError:
            _LOGGER.debug("The server of %s cannot be primed", self._agent.entity_id)
            self._supported = False
        except (PicoQwenError, HomeAssistantError) as err:
            _LOGGER.debug("%s was not primed: %s", self._agent.entity_id, err)

    async def _body(self) -> dict[str, Any]:
        agent, options = self._agent, self._agent.subentry.data
        language = self._language or self._hass.config.language
        chat_log = conversation.ChatLog(self._hass, ulid_now())
        coming = conversation.ConversationInput(
            text="",
            context=Context(),
            conversation_id=None,
            device_id=None,
            satellite_id=None,
            language=language,
            agent_id=agent.entity_id,
        )
        await chat_log.async_provide_llm_data(
            coming.as_llm_context(DOMAIN),
            options.get(CONF_LLM_HASS_API),
            options.get(CONF_PROMPT),
        )
        return {
            "messages": messages_of(chat_log, 0),
            "tools": tools_of(chat_log.llm_api),
            "home": home_context(self._hass, conversation.DOMAIN, language=language),
            **agent.request_options(),
        }
