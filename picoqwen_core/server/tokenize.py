"""POST /api/v1/tokenize and /api/v1/detokenize: text as a model's tokens, and tokens as text."""

import asyncio
from collections.abc import Awaitable

from aiohttp import web

from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.server.schemas import detokenize_request, read_body, tokenize_request
from picoqwen_core.server.state import state_of


async def tokenize(request: web.Request) -> web.Response:
    """Answer {"model", "tokens", "pieces", "count"} for `text`, or for the prompt of `messages`."""
    state = state_of(request)
    parsed = tokenize_request(await read_body(request))
    provider, model = state.router.choose(parsed.model)
    found = await _soon(provider.tokenize(parsed), state.settings)
    return web.json_response(
        {"model": model, "tokens": found.ids, "pieces": found.pieces, "count": len(found.ids)}
    )


async def detokenize(request: web.Request) -> web.Response:
    """Answer {"model", "text"} for `tokens`."""
    state = state_of(request)
    parsed = detokenize_request(await read_body(request))
    provider, model = state.router.choose(parsed.model)
    text = await _soon(provider.detokenize(parsed), state.settings)
    return web.json_response({"model": model, "text": text})


async def _soon[T](asked: Awaitable[T], settings: Settings) -> T:
    limit = settings.first_token_timeout
    try:
        async with asyncio.timeout(limit):
            return await asked
    except TimeoutError as err:
        raise EngineUnavailable(f"the model did not answer within {limit:g} s") from err
