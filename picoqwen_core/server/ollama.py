"""Ollama's API as its clients and Home Assistant's `ollama` integration use it.

The bodies are translated into OpenAI's, so that one set of checks serves both. The interface:
https://docs.ollama.com/api. Not offered: embeddings, images, creating and pushing models.
"""

import re
import time
from collections.abc import AsyncGenerator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from picoqwen_core import __version__
from picoqwen_core.catalog import find_offer
from picoqwen_core.errors import ModelNotFound, RequestError
from picoqwen_core.hub.downloads import Download
from picoqwen_core.messages import ChatDelta, InstalledModel, Usage
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.provider import Provider
from picoqwen_core.raw_text import as_chat
from picoqwen_core.server.downloads import downloads_of
from picoqwen_core.server.fields import shown, validated
from picoqwen_core.server.metrics import measured
from picoqwen_core.server.ndjson import stream_lines
from picoqwen_core.server.ollama_bodies import CHAT, GENERATE, NAMED, chat_body, common, model_of, name_of
from picoqwen_core.server.patience import patient
from picoqwen_core.server.schemas import chat_request, generate_request, read_body
from picoqwen_core.server.state import state_of

_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(ms|s|m|h)?\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


async def version(_request: web.Request) -> web.Response:
    """Our version; Ollama's clients only show it."""
    return web.json_response({"version": __version__})


async def tags(request: web.Request) -> web.Response:
    """The installed models."""
    providers = state_of(request).router.providers
    found = [_listed(model, provider) for provider in providers for model in provider.models]
    return web.json_response({"models": found})


async def ps(request: web.Request) -> web.Response:
    """The loaded models."""
    providers = state_of(request).router.providers
    found = [
        {**_listed(model, provider), "size_vram": 0, "expires_at": "9999-12-31T23:59:59Z"}
        for provider in providers
        for model in provider.models
        if model.loaded
    ]
    return web.json_response({"models": found})


async def show(request: web.Request) -> web.Response:
    """What is known of a model."""
    name = name_of(validated(NAMED, await read_body(request)))
    provider, found = state_of(request).router.choose(name)
    model = next(each for each in provider.models if each.id == found)
    info = model.info
    architecture = info.architecture if info else "qwen3"
    return web.json_response(
        {
            "details": _listed(model, provider)["details"],
            "capabilities": ["completion", "tools", "thinking"],
            "model_info": {
                "general.architecture": architecture,
                "general.parameter_count": info.parameters if info else None,
                f"{architecture}.context_length": info.context_length if info else None,
            },
        }
    )


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a conversation, as lines of JSON unless `stream` is false."""
    body = validated(CHAT, await read_body(request))
    # An empty conversation asks only to load the model.
    loading = body.get("messages") in (None, [])
    parsed = chat_request(chat_body({**body, "messages": [{"role": "user"}]} if loading else body))
    provider, name = state_of(request).router.choose(parsed.model)
    _keep_alive(provider, body.get("keep_alive"))
    if loading:
        return web.json_response(
            await _loaded(provider, body.get("model") or name, {"message": _message(ChatDelta())})
        )
    state = state_of(request)
    answer, name = state.router.route(parsed)
    deltas = measured(patient(answer, state.settings), state, name)
    return await _answer(request, body, _Lines(body.get("model") or name, "message"), deltas)


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer a prompt: as a conversation of one message, or with `raw` as plain text to continue."""
    body = validated(GENERATE, await read_body(request))
    state = state_of(request)
    prompt = body.get("prompt") or ""
    provider, name = state.router.choose(model_of(body))
    _keep_alive(provider, body.get("keep_alive"))
    if not prompt:
        return web.json_response(await _loaded(provider, body.get("model") or name, {"response": ""}))
    if body.get("raw"):
        raw = generate_request({**common(body), "prompt": prompt})
        deltas, name = state.router.route(as_chat(raw))
    else:
        system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
        turns = [*system, {"role": "user", "content": prompt}]
        asked = chat_request(chat_body({**body, "messages": turns, "tools": None}))
        deltas, name = state.router.route(asked)
    lines = _Lines(body.get("model") or name, "response")
    return await _answer(request, body, lines, measured(patient(deltas, state.settings), state, name))


async def pull(request: web.Request) -> web.StreamResponse:
    """Fetch a model of the catalogue, or OWNER/NAME[:FORMAT] from the hub, with its progress."""
    body = validated(NAMED, await read_body(request))
    name = name_of(body)
    downloads = downloads_of(request)
    job = downloads.begin(*_wanted(name))
    events = _pulling(downloads.watch(job))
    if body["stream"]:
        return await stream_lines(request, events)
    async for event in events:
        last = event
    return web.json_response(last)


async def delete(request: web.Request) -> web.Response:
    """Remove a model from the models folder."""
    router = state_of(request).router
    name = name_of(validated(NAMED, await read_body(request)))
    if router.pool is None:
        raise ModelNotFound(f"model {name!r} is not installed")
    await router.pool.delete(router.pool.find(name))
    return web.json_response({})


class _Lines:
    """Turns the deltas of one answer into Ollama's objects; `field` is where the text goes."""

    def __init__(self, model: str, field: str) -> None:
        self._model = model
        self._field = field
        self._start = time.monotonic_ns()
        self._first: int | None = None

    def line(self, delta: ChatDelta) -> dict[str, Any] | None:
        """What is sent for a delta."""
        self._first = self._first or time.monotonic_ns()
        done = delta.finish_reason is not None
        if not (delta.content or delta.reasoning or delta.tool_call or done):
            return None
        head = {"model": self._model, "created_at": datetime.now(UTC).isoformat(), **self._text(delta)}
        return {**head, "done": False} if not done else {**head, **self._end(delta)}

    def _text(self, delta: ChatDelta) -> dict[str, Any]:
        if self._field == "message":
            return {"message": _message(delta)}
        return {"response": delta.content, **({"thinking": delta.reasoning} if delta.reasoning else {})}

    def _end(self, delta: ChatDelta) -> dict[str, Any]:
        usage, now = delta.usage or Usage(), time.monotonic_ns()
        first = self._first or now
        return {
            "done": True,
            "done_reason": "length" if delta.finish_reason == "length" else "stop",
            "total_duration": now - self._start,
            "load_duration": 0,
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": first - self._start,
            "eval_count": usage.completion_tokens,
            "eval_duration": now - first,
            **({} if usage.truncated is None else {"truncated": asdict(usage.truncated)}),
        }


def _message(delta: ChatDelta) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": delta.content}
    if delta.reasoning:
        message["thinking"] = delta.reasoning
    if delta.tool_call is not None:
        call = delta.tool_call
        message["tool_calls"] = [{"function": {"name": call.name, "arguments": dict(call.arguments)}}]
    return message


async def _answer(
    request: web.Request, body: dict[str, Any], lines: _Lines, deltas: AsyncGenerator[ChatDelta]
) -> web.StreamResponse:
    async def objects() -> AsyncGenerator[dict[str, Any]]:
        async for delta in deltas:
            if (line := lines.line(delta)) is not None:
                yield line

    if body["stream"] is not False:
        return await stream_lines(request, objects())
    return web.json_response(_merged([line async for line in objects()]))


def _merged(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """All lines of an answer as one."""
    whole = dict(lines[-1])
    if "message" in whole:
        messages = [line["message"] for line in lines]
        text = "".join(each["content"] for each in messages)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thinking := "".join(each.get("thinking", "") for each in messages):
            message["thinking"] = thinking
        if calls := [call for each in messages for call in each.get("tool_calls", ())]:
            message["tool_calls"] = calls
        whole["message"] = message
    else:
        whole["response"] = "".join(line["response"] for line in lines)
    return whole


def _keep_alive(provider: Provider, value: Any) -> None:
    """Seconds, or "5m"; negative is for ever."""
    if value is None:
        return
    match = _DURATION.match(str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise RequestError(f"keep_alive: must be seconds or a duration such as '5m', got {shown(value)}")
    if isinstance(provider, LocalProvider):
        provider.keep_alive = float(match[1]) * _SECONDS[match[2]]


async def _loaded(provider: Provider, model: str, empty: dict[str, Any]) -> dict[str, Any]:
    if isinstance(provider, LocalProvider):
        await provider.load()
    now = datetime.now(UTC).isoformat()
    return {"model": model, "created_at": now, **empty, "done": True, "done_reason": "load"}


def _listed(model: InstalledModel, provider: Provider) -> dict[str, Any]:
    info = model.info
    name = f"{model.id}:latest"
    modified = provider.modified if isinstance(provider, LocalProvider) else 0.0
    return {
        "name": name,
        "model": name,
        "modified_at": datetime.fromtimestamp(modified, UTC).isoformat(),
        "size": model.size_bytes,
        "digest": "",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": info.architecture if info else "qwen3",
            "families": [info.architecture if info else "qwen3"],
            "parameter_size": f"{info.parameters / 1e9:.1f}B" if info else "",
            "quantization_level": info.quantization if info else "",
        },
    }


def _wanted(name: str) -> tuple[str, str | None, str | None]:
    """Repository, file and format that a name asks for."""
    if "/" in name:
        repository, _, quantization = name.removeprefix("hf.co/").partition(":")
        return repository, None, quantization or None
    offer = find_offer(name)
    if offer is None:
        raise ModelNotFound(f"model {name!r} is not in the catalogue; OWNER/NAME:FORMAT asks the hub")
    return offer.repository, offer.file, None


async def _pulling(states: AsyncGenerator[Download]) -> AsyncGenerator[dict[str, Any]]:
    yield {"status": "pulling manifest"}
    async for job in states:
        if job.error is not None:
            raise job.error
        if job.state == "cancelled":
            raise RequestError(f"{job.id} was cancelled")
        if job.state == "done":
            yield {"status": "success"}
        elif job.size:
            yield {
                "status": f"pulling {job.model}",
                "digest": job.id,
                "total": job.size,
                "completed": job.received,
            }
