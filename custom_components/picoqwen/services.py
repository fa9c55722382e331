"""The actions: texts from prompts, models loaded and unloaded, agents primed."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import probatio as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JSON_DECODE_EXCEPTIONS, json_loads

from .const import DOMAIN
from .coordinator import PicoQwenCoordinator
from .errors import PicoQwenError

ATTR_CONFIG_ENTRY = "config_entry"
_TARGET = {vol.Optional(ATTR_CONFIG_ENTRY): cv.string}
_MODEL = vol.All(cv.string, vol.Length(min=1))
_GENERATE = vol.Schema(
    {
        **_TARGET,
        vol.Required("prompt"): cv.string,
        vol.Optional("instructions"): cv.string,
        vol.Optional("model"): _MODEL,
        vol.Optional("schema"): dict,
        vol.Optional("temperature"): vol.All(vol.Coerce(float), vol.Range(min=0, max=5)),
        vol.Optional("max_tokens"): vol.All(vol.Coerce(int), vol.Range(min=1, max=100_000)),
        vol.Optional("stop"): vol.All(cv.ensure_list, [cv.string], vol.Length(min=1, max=16)),
        vol.Optional("raw", default=False): cv.boolean,
    }
)
_LOAD = vol.Schema(
    {
        **_TARGET,
        vol.Required("model"): _MODEL,
        vol.Optional("quantization"): cv.string,
        vol.Optional("context_size"): vol.All(vol.Coerce(int), vol.Range(min=64, max=1_000_000)),
    }
)
_UNLOAD = vol.Schema({**_TARGET, vol.Required("model"): _MODEL})
_PRIME = vol.Schema(_TARGET)

type _Act = Callable[[PicoQwenCoordinator, dict[str, Any]], Awaitable[dict[str, Any]]]


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""

    def register(name: str, schema: vol.Schema, response: SupportsResponse, act: _Act) -> None:
        hass.services.async_register(
            DOMAIN, name, _handler(hass, act), schema=schema, supports_response=response
        )

    register("generate", _GENERATE, SupportsResponse.ONLY, _generate)
    register("load_model", _LOAD, SupportsResponse.OPTIONAL, _load_model)
    register("unload_model", _UNLOAD, SupportsResponse.OPTIONAL, _unload_model)
    register("prime", _PRIME, SupportsResponse.NONE, _prime)


def _handler(hass: HomeAssistant, act: _Act) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
    """The action on the server that was asked for; what the server says of a failure is shown."""

    async def handle(call: ServiceCall) -> ServiceResponse:
        data = dict(call.data)
        coordinator = _coordinator(hass, data.pop(ATTR_CONFIG_ENTRY, None))
        try:
            response = await act(coordinator, data)
        except PicoQwenError as err:
            raise _failed(call.service, error=str(err)) from err
        return response if call.return_response else None

    return handle


def _coordinator(hass: HomeAssistant, entry_id: str | None) -> PicoQwenCoordinator:
    """That of the entry asked for, or of the first that is loaded."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED and entry_id in (None, entry.entry_id):
            coordinator: PicoQwenCoordinator = entry.runtime_data
            return coordinator
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key="entry_not_loaded")


async def _generate(coordinator: PicoQwenCoordinator, data: dict[str, Any]) -> dict[str, Any]:
    """An answer to the prompt, or its raw continuation, with what it took."""
    schema, raw, instructions = data.pop("schema", None), data.pop("raw"), data.pop("instructions", None)
    if raw and (schema is not None or instructions is not None):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="raw_takes_text_only")
    started = time.perf_counter()
    if raw:
        answer = await coordinator.client.generate(data)
        text, model, reason = answer.get("text"), answer.get("model"), answer.get("finish_reason")
    else:
        answer = await coordinator.client.chat_once(_chat_body(data, instructions, schema))
        text, model, reason = answer["text"], answer["model"], answer["finish_reason"]
    response = {
        "text": text,
        "model": model,
        "finish_reason": reason,
        "usage": answer.get("usage"),
        "milliseconds": round(1000 * (time.perf_counter() - started), 1),
    }
    return response if schema is None else {**response, "data": _parsed(str(text), reason)}


def _chat_body(data: dict[str, Any], instructions: str | None, schema: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": data.pop("prompt")}]
    if instructions:
        messages.insert(0, {"role": "system", "content": instructions})
    body = {"messages": messages, "enable_thinking": False, **data}
    if schema is not None:
        shape = {"name": "data", "schema": schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    return body


def _parsed(text: str, finish_reason: str | None) -> Any:
    """The data that was asked for. Raises HomeAssistantError when the answer holds none."""
    if finish_reason == "length":
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="task_cut_off")
    try:
        return json_loads(text)
    except JSON_DECODE_EXCEPTIONS as err:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="task_no_json") from err


async def _load_model(coordinator: PicoQwenCoordinator, data: dict[str, Any]) -> dict[str, Any]:
    """Load a model, and let the entities know."""
    response = await coordinator.client.load_model(data.pop("model"), data)
    await coordinator.async_request_refresh()
    return response


async def _unload_model(coordinator: PicoQwenCoordinator, data: dict[str, Any]) -> dict[str, Any]:
    """Unload a model, and let the entities know."""
    response = await coordinator.client.unload_model(data["model"])
    await coordinator.async_request_refresh()
    return response


async def _prime(coordinator: PicoQwenCoordinator, data: dict[str, Any]) -> dict[str, Any]:
    """Let every agent of the server prime it, one after the other."""
    await coordinator.async_prime_agents()
    return {}


def _failed(action: str, *, error: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="action_failed",
        translation_placeholders={"action": f"{DOMAIN}.{action}", "error": error},
    )
