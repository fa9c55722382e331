"""What all entities share: the service's device, and the agents' way to have a chat log answered."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from homeassistant.components import conversation
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_MODEL
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .assent import async_say
from .chat import log_deltas, messages_of, tools_of
from .const import (
    CONF_ENABLE_THINKING,
    CONF_MAX_HISTORY,
    CONF_MAX_TOKENS,
    CONF_ROUTING,
    CONF_TEMPERATURE,
    DEFAULT_MAX_HISTORY,
    DOMAIN,
    MANUFACTURER,
)
from .coordinator import PicoQwenConfigEntry, PicoQwenCoordinator
from .holding import async_harmless_tools, held_back
from .measure import Meter
from .truth import async_unmet, async_words, corrected

type Deltas = AsyncGenerator[conversation.AssistantContentDeltaDict]
# A model that calls tools for ever is stopped here.
MAX_TOOL_ITERATIONS = 10


class ServerEntity(CoordinatorEntity[PicoQwenCoordinator]):
    """Something to see or do at the server itself."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: PicoQwenCoordinator, description: EntityDescription) -> None:
        """An entity on the device that stands for the server."""
        super().__init__(coordinator)
        entry = coordinator.config_entry
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = dr.DeviceInfo(
            identifiers={(DOMAIN, entry.entry_id)},
            name=f"{entry.title} server",
            manufacturer=MANUFACTURER,
            sw_version=coordinator.data.version or None,
            entry_type=dr.DeviceEntryType.SERVICE,
        )


class AgentEntity(Entity):
    """An agent of a server, made of a subentry; its device is a service of its own.

    It stays available while the server is away: asked then, it says so, which is more than silence.
    """

    _attr_has_entity_name = True
    _attr_name = None

    def __init__(self, entry: PicoQwenConfigEntry, subentry: ConfigSubentry) -> None:
        """Take the options of one subentry."""
        self.entry = entry
        self.subentry = subentry
        self.coordinator = entry.runtime_data
        self._attr_unique_id = subentry.subentry_id
        self._attr_device_info = dr.DeviceInfo(
            identifiers={(DOMAIN, subentry.subentry_id)},
            name=subentry.title,
            manufacturer=MANUFACTURER,
            model=subentry.data.get(CONF_MODEL),
            sw_version=self.coordinator.data.version or None,
            entry_type=dr.DeviceEntryType.SERVICE,
        )

    def request_options(self) -> dict[str, Any]:
        """The fields of a request that the subentry sets; what is not set is the server's choice."""
        data = self.subentry.data
        coordinator = self.coordinator
        options: dict[str, Any] = {"model": data.get(CONF_MODEL) or coordinator.default_model}
        options["routing"] = data.get(CONF_ROUTING) or coordinator.default_routing
        options["enable_thinking"] = data.get(CONF_ENABLE_THINKING)
        options["temperature"] = data.get(CONF_TEMPERATURE)
        options["max_tokens"] = int(data[CONF_MAX_TOKENS]) if data.get(CONF_MAX_TOKENS) else None
        return {key: value for key, value in options.items() if value is not None}

    async def async_answer(
        self,
        chat_log: conversation.ChatLog,
        *,
        options: dict[str, Any],
        home: Callable[[], dict[str, Any]] | None = None,
        question: Callable[[], Awaitable[str | None]] | None = None,
        language: str | None = None,
    ) -> Meter:
        """Let the model answer and use tools until it has nothing left to call; what it took.

        options: further fields of the requests; home: makes the home's state anew for each round; question:
        what has to be asked before anything else, which ends the answer; language: of somebody who hears the
        answer, so that what was not done is said in it. Raises PicoQwenError for what the server does, and
        HomeAssistantError when the model comes to no end.
        """
        meter = Meter()
        try:
            await self._answer(chat_log, meter, options, home=home, question=question, language=language)
        except Exception as err:
            self.coordinator.async_measured(meter.measurement(err))
            raise
        measurement = meter.measurement()
        chat_log.async_trace({"stats": measurement.as_dict()})
        self.coordinator.async_measured(measurement)
        return meter

    async def _answer(
        self,
        chat_log: conversation.ChatLog,
        meter: Meter,
        options: dict[str, Any],
        *,
        home: Callable[[], dict[str, Any]] | None,
        question: Callable[[], Awaitable[str | None]] | None,
        language: str | None,
    ) -> None:
        tools = tools_of(chat_log.llm_api)
        harmless = async_harmless_tools(chat_log.llm_api)
        most = int(self.subentry.data.get(CONF_MAX_HISTORY, DEFAULT_MAX_HISTORY))
        for _ in range(MAX_TOOL_ITERATIONS):
            meter.round()
            body = {"messages": messages_of(chat_log, most), "tools": tools, **options}
            if home is not None:
                body["home"] = home()
            # Closed at once when something goes wrong, so that the server stops working for nobody.
            async with aclosing(self.coordinator.client.chat(body)) as stream:
                deltas = log_deltas(stream, meter, can_call=bool(tools))
                deltas = self._truthful(deltas, chat_log, meter, language)
                if harmless is not None:
                    deltas = held_back(deltas, harmless)
                async for _content in chat_log.async_add_delta_content_stream(self.entity_id, deltas):
                    pass
            # The model could tell of a thing that waits for a yes as if it were done: the question is asked
            # for it.
            asked = await question() if question is not None else None
            if asked:
                await async_say(chat_log, self.entity_id, asked)
                return
            if not chat_log.unresponded_tool_results:
                return
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="too_many_rounds",
            translation_placeholders={"rounds": str(MAX_TOOL_ITERATIONS)},
        )

    def _truthful(
        self, deltas: Deltas, chat_log: conversation.ChatLog, meter: Meter, language: str | None
    ) -> Deltas:
        """The deltas of a round, which claim nothing that the rounds before it did not do."""
        unmet = async_unmet(chat_log) if language is not None else None
        if not unmet:
            return deltas
        # The server's own words are made of the results.
        own = ("rules", "built_in")
        return corrected(
            deltas, lambda: async_words(self.hass, unmet, language), lambda: meter.rung in own, language
        )
