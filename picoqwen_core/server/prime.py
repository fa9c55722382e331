"""POST /api/v1/prime: read a prompt ahead, so that a request that begins like it is answered at once."""

import asyncio

from aiohttp import web

from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.server.schemas import chat_request, read_body
from picoqwen_core.server.state import state_of


async def prime(request: web.Request) -> web.Response:
    """Answer {"model", "prompt_tokens", "cached_tokens", "state"}; the body is that of a chat.

    It answers when the prompt was read, which waits for all other work: "ready", or "skipped" where the model
    has no use for it. Whoever leaves cancels it, and what was read until then is kept.
    """
    state = state_of(request)
    parsed = chat_request(await read_body(request))
    provider, model = state.router.choose(parsed.model)
    limit = state.settings.first_token_timeout
    try:
        async with asyncio.timeout(limit):
            primed = await provider.prime(parsed)
    except TimeoutError as err:
        raise EngineUnavailable(f"the prompt was not read within {limit:g} s") from err
    return web.json_response(
        {
            "model": model,
            "prompt_tokens": primed.prompt_tokens,
            "cached_tokens": primed.cached_tokens,
            "state": primed.state,
        }
    )
