"""The forms that connect to a server: by hand, found by the app or on the network, with a new key."""

from collections.abc import Mapping
from typing import Any, override

import probatio as vol
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_HOST, CONF_PORT, CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

from .actions_flow import ActionsFlow
from .client import PicoQwenClient
from .const import (
    DEFAULT_CONVERSATION_NAME,
    DOMAIN,
    SUBENTRY_ACTIONS,
    SUBENTRY_AI_TASK,
    SUBENTRY_CONVERSATION,
)
from .coordinator import Model, models_of
from .errors import PicoQwenAuthError, PicoQwenConnectionError, PicoQwenError
from .subentry_flow import AITaskFlow, ConversationFlow, default_subentries

_KEY = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
_SERVER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
        vol.Optional(CONF_API_KEY): _KEY,
    }
)
_REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_API_KEY): _KEY})
_OPTIONAL_KEY_SCHEMA = vol.Schema({vol.Optional(CONF_API_KEY): _KEY})


async def _try(hass: HomeAssistant, data: Mapping[str, Any]) -> tuple[str | None, list[Model]]:
    """What keeps us from using a server, as a translation key; and its models, where nothing does."""
    client = PicoQwenClient(async_get_clientsession(hass), data[CONF_URL], data.get(CONF_API_KEY))
    try:
        return None, models_of(await client.models())
    except PicoQwenAuthError:
        return "invalid_auth", []
    except PicoQwenConnectionError:
        return "cannot_connect", []
    except PicoQwenError:
        return "unknown", []


def _cleaned(user_input: Mapping[str, Any]) -> dict[str, str]:
    """The input without blanks around it; what is empty is not there. Raises vol.Invalid for a wrong URL."""
    data = {key: value.strip() for key, value in user_input.items() if value and value.strip()}
    data[CONF_URL] = cv.url(data.get(CONF_URL, "")).rstrip("/")
    return data


class PicoQwenConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connects to a server."""

    VERSION = 1

    def __init__(self) -> None:
        """Nothing was found yet."""
        self._found: dict[str, str] = {}
        self._name = DEFAULT_CONVERSATION_NAME

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the URL and the key, and try them."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                data = _cleaned(user_input)
            except vol.Invalid:
                errors["base"] = "invalid_url"
            else:
                self._async_abort_entries_match({CONF_URL: data[CONF_URL]})
                error, models = await _try(self.hass, data)
                if error is None:
                    return self._created(DEFAULT_CONVERSATION_NAME, data, models)
                errors["base"] = error
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_SERVER_SCHEMA, user_input or {}),
            errors=errors,
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The server has a new key."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the new key, and try it."""
        errors: dict[str, str] = {}
        entry = self._get_reauth_entry()
        if user_input is not None:
            data = {**entry.data, CONF_API_KEY: user_input[CONF_API_KEY].strip()}
            error, _ = await _try(self.hass, data)
            if error is None:
                self._update(entry, data)
                return self.async_abort(reason="reauth_successful")
            errors["base"] = error
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=_REAUTH_SCHEMA,
            errors=errors,
            description_placeholders={"url": entry.data[CONF_URL]},
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The server has moved, or has another key. The agents stay as they are."""
        errors: dict[str, str] = {}
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            try:
                data = _cleaned(user_input)
            except vol.Invalid:
                errors["base"] = "invalid_url"
            else:
                if data[CONF_URL] != entry.data[CONF_URL]:
                    self._async_abort_entries_match({CONF_URL: data[CONF_URL]})
                error, _ = await _try(self.hass, data)
                if error is None:
                    self._update(entry, data)
                    return self.async_abort(reason="reconfigure_successful")
                errors["base"] = error
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(_SERVER_SCHEMA, user_input or entry.data),
            errors=errors,
        )

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """The app tells where it is, and the key that it has made; one click remains."""
        config = discovery_info.config
        host, port, api_key = config.get(CONF_HOST), config.get(CONF_PORT), config.get(CONF_API_KEY)
        if not isinstance(host, str) or not host or not isinstance(port, int) or not 0 < port < 1 << 16:
            return self.async_abort(reason="invalid_discovery_info")
        self._found = {CONF_URL: str(URL.build(scheme="http", host=host, port=port)).rstrip("/")}
        if api_key:
            self._found[CONF_API_KEY] = str(api_key)
        if await self._known(discovery_info.uuid):
            return self.async_abort(reason="already_configured")
        self._name = discovery_info.name
        self.context.update(
            {
                "title_placeholders": {"name": self._name},
                "configuration_url": f"homeassistant://config/app/{discovery_info.slug}/info",
            }
        )
        return await self.async_step_hassio_confirm()

    async def async_step_hassio_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Use the app's server?"""
        return await self._confirmed("hassio_confirm", user_input, vol.Schema({}))

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """A server on the network tells where it is; a key, where it has one, is asked for."""
        if discovery_info.port is None:
            return self.async_abort(reason="invalid_discovery_info")
        url = URL.build(scheme="http", host=discovery_info.host, port=discovery_info.port)
        self._found = {CONF_URL: str(url).rstrip("/")}
        if await self._known(discovery_info.name):
            return self.async_abort(reason="already_configured")
        self._name = discovery_info.name.partition(f".{discovery_info.type}")[0]
        self.context["title_placeholders"] = {"name": self._name}
        return await self.async_step_zeroconf_confirm()

    async def async_step_zeroconf_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Use the server that was found?"""
        return await self._confirmed("zeroconf_confirm", user_input, _OPTIONAL_KEY_SCHEMA)

    async def _known(self, unique_id: str) -> bool:
        """Whether what was found is set up already; its entry then learns the address and the key."""
        entry = await self.async_set_unique_id(unique_id)
        if entry is None:
            entries = self._async_current_entries(include_ignore=False)
            entry = next((each for each in entries if each.data[CONF_URL] == self._found[CONF_URL]), None)
        if entry is None:
            return False
        if entry.unique_id is None:
            self.hass.config_entries.async_update_entry(entry, unique_id=unique_id)
        self._update(entry, {**entry.data, **self._found})
        return True

    async def _confirmed(
        self, step_id: str, user_input: dict[str, Any] | None, schema: vol.Schema
    ) -> ConfigFlowResult:
        """Ask, then try; what fails can be tried again."""
        errors: dict[str, str] = {}
        if user_input is not None:
            given = (user_input.get(CONF_API_KEY) or "").strip()
            data = {**self._found, CONF_API_KEY: given} if given else dict(self._found)
            error, models = await _try(self.hass, data)
            if error is None:
                return self._created(self._name, data, models)
            errors["base"] = error
        return self.async_show_form(
            step_id=step_id,
            data_schema=schema,
            errors=errors,
            description_placeholders={"name": self._name, "url": self._found[CONF_URL]},
        )

    def _created(self, title: str, data: dict[str, str], models: list[Model]) -> ConfigFlowResult:
        subentries: list[ConfigSubentryData] = default_subentries(models)
        return self.async_create_entry(title=title, data=data, subentries=subentries)

    @callback
    def _update(self, entry: ConfigEntry, data: Mapping[str, Any]) -> None:
        """A loaded entry has a listener that reloads it; any other has to be told."""
        loaded = entry.state is ConfigEntryState.LOADED
        if self.hass.config_entries.async_update_entry(entry, data=data) and not loaded:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Agents are subentries."""
        return {
            SUBENTRY_CONVERSATION: ConversationFlow,
            SUBENTRY_AI_TASK: AITaskFlow,
            SUBENTRY_ACTIONS: ActionsFlow,
        }
