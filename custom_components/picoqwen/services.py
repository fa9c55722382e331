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

from .chat import tool_input_of
from .const import CONF_ROUTING, DOMAIN, ROUTINGS
from .coordinator import PicoQwenCoordinator
from .errors import PicoQwenConnectionError, PicoQwenError, PicoQwenUnsupportedError
from .measure import served_by

ATTR_CONFIG_ENTRY = "config_entry"
_TARGET = {vol.Optional(ATTR_CONFIG_ENTRY): cv.string}
_MODEL = vol.All(cv.string, vol.Length(min=1))
# A tool is described to the model, and its calls are returned; nothing is called here.
_TOOL = vol.Schema(
    {
        vol.Required("name"): vol.All(cv.string, vol.Match(r"^[A-Za-z0-9_-]{1,64}$")),
        vol.Optional("description", default=""): cv.string,
        vol.Optional("parameters", default={"type": "object", "properties": {}}): dict,
    }
)
_GENERATE = vol.Schema(
    {
        **_TARGET,
        vol.Required("prompt"): cv.string,
        vol.Optional("instructions"): cv.string,
        vol.Optional("model"): _MODEL,
        vol.Optional("schema"): dict,
        vol.Optional("tools"): vol.All(cv.ensure_list, [_TOOL], vol.Length(min=1, max=128)),
        vol.Optional("temperature"): vol.All(vol.Coerce(float), vol.Range(min=0, max=5)),
        vol.Optional("max_tokens"): vol.All(vol.Coerce(int), vol.Range(min=1, max=100_000)),
        vol.Optional("stop"): vol.All(cv.ensure_list, [cv.string], vol.Length(min=1, max=16)),
        vol.Optional("raw", default=False): cv.boolean,
        vol.Optional(CONF_ROUTING): vol.In(ROUTINGS),
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
_RUN_FLOW = vol.Schema(
    {
        **_TARGET,
        vol.Required("flow"): vol.All(cv.string, vol.Length(min=1)),
        vol.Required("input"): vol.All(cv.string, vol.Length(min=1)),
        vol.Optional("steps"): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000)),
        vol.Optional("tokens"): vol.All(vol.Coerce(int), vol.Range(min=1, max=10_000_000)),
        vol.Optional("seconds"): vol.All(vol.Coerce(float), vol.Range(min=1, max=3600)),
        vol.Optional("cost"): vol.All(vol.Coerce(float), vol.Range(min=0, max=1000)),
    }
)
_LIMITS = ("steps", "tokens", "seconds", "cost")

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
    register("run_flow", _RUN_FLOW, SupportsResponse.ONLY, _run_flow)
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
    """That of the entry asked for, or of the only one that is loaded."""
    loaded = [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry.state is ConfigEntryState.LOADED and entry_id in (None, entry.entry_id)
    ]
    if not loaded:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="entry_not_loaded")
    if len(loaded) > 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="several_servers",
            translation_placeholders={"servers": ", ".join(entry.title for entry in loaded)},
        )
    coordinator: PicoQwenCoordinator = loaded[0].runtime_data
    return coordinator


async def _generate(coordinator: PicoQwenCoordinator, data: dict[str, Any]) -> dict[str, Any]:
    """An answer to the prompt, or its raw continuation, with what it took."""
    schema, raw, instructions = data.pop("schema", None), data.pop("raw"), data.pop("instructions", None)
    if raw and (schema is not None or instructions is not None or "tools" in data):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="raw_takes_text_only")
    started = time.perf_counter()
    if raw:
        answer = await coordinator.client.generate(data)
        text, model, reason = answer.get("text"), answer.get("model"), answer.get("finish_reason")
        answer["served"] = answer.get("picoqwen")
    else:
        answer = await coordinator.client.chat_once(_chat_body(data, instructions, schema))
        text, model, reason = answer["text"], answer["model"], answer["finish_reason"]
    response = {
        "text": text,
        "tool_calls": [_called(call) for call in answer.get("tool_calls", ())],
        "model": model,
        "finish_reason": reason,
        "usage": answer.get("usage"),
        "milliseconds": round(1000 * (time.perf_counter() - started), 1),
        **served_by(model, answer.get("served")),
    }
    if schema is None or response["tool_calls"]:
        return response
    return {**response, "data": _parsed(str(text), reason)}


def _called(call: dict[str, Any]) -> dict[str, Any]:
    """A call that the model would make. Raises PicoQwenError for one that cannot be read."""
    made = tool_input_of(call)
    return {"name": made.tool_name, "arguments": made.tool_args}


def _chat_body(data: dict[str, Any], instructions: str | None, schema: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": data.pop("prompt")}]
    if instructions:
        messages.insert(0, {"role": "system", "content": instructions})
    body = {"messages": messages, "enable_thinking": False, **data}
    if "tools" in data:
        body["tools"] = [{"type": "function", "function": tool} for tool in data["tools"]]
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


async def _run_flow(coordinator: PicoQwenCoordinator, data: dict[str, Any]) -> dict[str, Any]:
    """What the agents found. A run that a limit ended has `limits_hit`; one that failed is an error."""
    flow = data["flow"]
    body: dict[str, Any] = {"input": data["input"]}
    limits = {key: data[key] for key in _LIMITS if key in data}
    if limits:
        body["limits"] = limits
    started = time.perf_counter()
    try:
        run = await coordinator.client.run_flow(flow, body, data.get("seconds"))
    except PicoQwenConnectionError:
        raise
    except PicoQwenError:
        await _check_flow(coordinator, flow)
        raise
    if run.get("state") in ("failed", "cancelled", "interrupted"):
        reason = str(run.get("error") or run.get("output") or run["state"])
        raise _error("flow_failed", flow=flow, error=reason)
    return {**run, "milliseconds": round(1000 * (time.perf_counter() - started), 1)}


async def _check_flow(coordinator: PicoQwenCoordinator, flow: str) -> None:
    """Raises ServiceValidationError where the server has no such flow, or none at all."""
    try:
        known = [str(each.get("name")) for each in await coordinator.client.flows()]
    except PicoQwenUnsupportedError as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_flows") from err
    if flow not in known:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_flow",
            translation_placeholders={"flow": flow, "known": ", ".join(known) or "-"},
        )


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


def _error(key: str, **placeholders: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


def _failed(action: str, *, error: str) -> HomeAssistantError:
    return _error("action_failed", action=f"{DOMAIN}.{action}", error=error)
