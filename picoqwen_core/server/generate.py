"""POST /api/v1/generate: raw text in, its continuation out."""

from typing import Any

from aiohttp import web

from picoqwen_core.messages import ChatDelta, Usage
from picoqwen_core.server.schemas import generate_request, read_body
from picoqwen_core.server.sse import stream, timed
from picoqwen_core.server.state import state_of


async def generate(request: web.Request) -> web.StreamResponse:
    """Answer {"text", "model", "finish_reason", "usage"}, or a stream of {"text"} pieces."""
    state = state_of(request)
    body = await read_body(request)
    parsed = generate_request(body)
    provider = state.router.provider_for(parsed.model)
    deltas = timed(provider.generate(parsed), state.settings.request_timeout)
    model = parsed.model or next((info.id for info in provider.models), provider.name)
    if body.get("stream"):
        return await stream(request, deltas, _chunks, [])
    text, reason, usage = "", "stop", Usage()
    async for delta in deltas:
        text += delta.content
        reason, usage = delta.finish_reason or reason, delta.usage or usage
    counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    return web.json_response({"text": text, "model": model, "finish_reason": reason, "usage": counts})


def _chunks(delta: ChatDelta) -> list[dict[str, Any]]:
    chunk: dict[str, Any] = {"text": delta.content, "finish_reason": delta.finish_reason}
    return [chunk] if delta.content or delta.finish_reason else []
