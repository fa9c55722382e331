"""POST /api/v1/chat and POST /v1/chat/completions: one conversation, answered at once or as a stream."""

import json
import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from picoqwen_core.messages import ChatDelta, ToolCall, Usage
from picoqwen_core.server.schemas import chat_request, read_body
from picoqwen_core.server.sse import stream, timed
from picoqwen_core.server.state import state_of


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What every chunk of an answer repeats."""

    model: str
    usage_wanted: bool

    def head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex[:24]}",
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
        }


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer in OpenAI's format, whichever of the two paths was asked."""
    state = state_of(request)
    body = await read_body(request)
    parsed = chat_request(body)
    provider = state.router.provider_for(parsed.model)
    deltas = timed(provider.chat(parsed), state.settings.request_timeout)
    model = parsed.model or next((info.id for info in provider.models), provider.name)
    usage_wanted = bool((body.get("stream_options") or {}).get("include_usage"))
    envelope = _Envelope(model, usage_wanted)
    if body.get("stream"):
        return await _streamed(request, deltas, envelope)
    return web.json_response(await _collected(deltas, envelope))


async def _streamed(
    request: web.Request, deltas: AsyncGenerator[ChatDelta], envelope: _Envelope
) -> web.StreamResponse:
    head = envelope.head("chat.completion.chunk")
    calls = 0

    def choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    def chunks(delta: ChatDelta) -> list[dict[str, Any]]:
        nonlocal calls
        made = []
        if delta.reasoning:
            made.append(choice({"reasoning_content": delta.reasoning}))
        if delta.content:
            made.append(choice({"content": delta.content}))
        if delta.tool_call is not None:
            # One call a chunk: some clients read only the first of a chunk's calls.
            made.append(choice({"tool_calls": [{"index": calls, **_tool_call(delta.tool_call)}]}))
            calls += 1
        if delta.finish_reason is not None:
            made.append(choice({}, delta.finish_reason))
        if delta.usage is not None and envelope.usage_wanted:
            made.append({**head, "choices": [], "usage": _usage(delta.usage)})
        return made

    return await stream(request, deltas, chunks, [choice({"role": "assistant", "content": ""})])


async def _collected(deltas: AsyncGenerator[ChatDelta], envelope: _Envelope) -> dict[str, Any]:
    content, reasoning, reason, usage = "", "", "stop", Usage()
    calls: list[dict[str, Any]] = []
    async for delta in deltas:
        content += delta.content
        reasoning += delta.reasoning
        reason = delta.finish_reason or reason
        usage = delta.usage or usage
        if delta.tool_call is not None:
            calls.append(_tool_call(delta.tool_call))
    message: dict[str, Any] = {"role": "assistant", "content": content or (None if calls else "")}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return {
        **envelope.head("chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": _usage(usage),
    }


def _tool_call(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
