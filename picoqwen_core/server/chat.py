"""POST /api/v1/chat and POST /v1/chat/completions: one conversation, answered at once or as a stream."""

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from picoqwen_core.errors import RequestError
from picoqwen_core.messages import ChatDelta, ChatRequest, Truncated
from picoqwen_core.server.completion import ChunkWriter, collected, truncated_headers
from picoqwen_core.server.metrics import measured
from picoqwen_core.server.patience import patient
from picoqwen_core.server.progress import loading
from picoqwen_core.server.schemas import agent_fields, chat_request, read_body
from picoqwen_core.server.sse import stream
from picoqwen_core.server.state import state_of


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer in OpenAI's format, whichever of the two paths was asked."""
    state = state_of(request)
    body = await read_body(request)
    parsed = chat_request(body)
    answer, model = _answer(request, body, parsed)
    deltas = measured(patient(answer, state.settings), state, model)
    if not body.get("stream"):
        answered = await collected(deltas, model)
        left_out = answered["usage"].get("truncated")
        return web.json_response(
            answered, headers=truncated_headers(Truncated(**left_out) if left_out else None)
        )
    wishes = body.get("stream_options") or {}
    writer = ChunkWriter(model, include_usage=bool(wishes.get("include_usage")))
    waiting = loading(state.router, model) if wishes.get("include_progress") else None
    return await stream(request, deltas, writer.chunks, [writer.first()], waiting)


def _answer(
    request: web.Request, body: dict[str, Any], parsed: ChatRequest
) -> tuple[AsyncGenerator[ChatDelta], str]:
    """The router's answer, or an agent's where the request lets the server's tools be used."""
    tools, confirm = agent_fields(body)
    if tools is None and confirm is None:
        return state_of(request).router.route(parsed)
    from picoqwen_core.server.agent_chat import agent_answer  # noqa: PLC0415 - where agents are asked for
    from picoqwen_core.server.agents import agents_of  # noqa: PLC0415

    if tools is False:
        raise RequestError("confirm: needs server_tools")
    names = tools if isinstance(tools, list) else None
    agents_of(request).orchestrator.tools.specs(names)
    return agent_answer(request, parsed, names, confirm), parsed.model or state_of(request).router.choose(
        None
    )[1]
