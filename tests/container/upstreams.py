"""A service in the cloud for the app to ask, in OpenAI's format or in Anthropic's, which it answers with."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

ADDRESS, PORT = "172.30.32.1", 8999
URL = f"http://{ADDRESS}:{PORT}/v1"
OPTIONS = {
    "upstreams": [
        {"name": kind, "kind": kind, "base_url": URL, "model": "large", "api_key": "secret", "trusted": True}
        for kind in ("openai", "anthropic")
    ]
}


def _anthropic() -> list[dict[str, Any]]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "large", "content": []}
    usage = {"input_tokens": 3, "output_tokens": 1}
    return [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "anthropic"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


def _openai() -> list[dict[str, Any]]:
    about = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "large"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return [
        {**about, "choices": [{"index": 0, "delta": {"content": "openai"}, "finish_reason": None}]},
        {**about, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**about, "choices": [], "usage": usage},
    ]


async def _messages(_: web.Request) -> web.Response:
    lines = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in _anthropic()]
    return web.Response(text="".join(lines), content_type="text/event-stream")


async def _completions(_: web.Request) -> web.Response:
    lines = [f"data: {json.dumps(each)}\n\n" for each in _openai()]
    return web.Response(text="".join(lines) + "data: [DONE]\n\n", content_type="text/event-stream")


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "large", "object": "model"}]})


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """At URL."""
    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/messages", _messages),
            web.post("/v1/chat/completions", _completions),
            web.get("/v1/models", _models),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, PORT).start()
    try:
        yield
    finally:
        await runner.cleanup()
