"""POST /api/v1/generate: raw text in, its continuation out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web

from picoqwen_core.messages import ChatDelta, TokenLogprob, Usage
from picoqwen_core.raw_text import as_chat
from picoqwen_core.server.completion import logprobs_json, served_json, usage_json
from picoqwen_core.server.metrics import measured
from picoqwen_core.server.patience import patient
from picoqwen_core.server.schemas import generate_request, read_body
from picoqwen_core.server.sse import stream
from picoqwen_core.server.state import state_of


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer {"text", "model", "finish_reason", "usage"}, or a stream of {"text", "finish_reason"} pieces."""
    state = state_of(request)
    body = await read_body(request)
    parsed = generate_request(body)
    answer, model = state.router.route(as_chat(parsed))
    deltas = measured(patient(answer, state.settings), state, model)
    if body.get("stream"):
        return await stream(request, deltas, _chunks, [])
    return web.json_response(await _collected(deltas, model))


async def _collected(deltas: AsyncGenerator[ChatDelta], model: str) -> dict[str, Any]:
    text, reason, usage = "", "stop", Usage()
    served: dict[str, Any] = {}
    weighed: tuple[TokenLogprob, ...] = ()
    async with aclosing(deltas):
        async for delta in deltas:
            text += delta.content
            weighed += delta.logprobs
            reason, usage = delta.finish_reason or reason, delta.usage or usage
            served = served_json(delta) or served
    told = {"text": text, "model": model, "finish_reason": reason, "usage": usage_json(usage)}
    return {**told, **served, **logprobs_json(weighed)}


def _chunks(delta: ChatDelta) -> list[dict[str, Any]]:
    chunk = {"text": delta.content, "finish_reason": delta.finish_reason, **logprobs_json(delta.logprobs)}
    return [{**chunk, **served_json(delta)}] if delta.content or delta.finish_reason else []
