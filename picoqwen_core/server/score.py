"""POST /api/v1/score: how likely each of some answers is, by the model's own probabilities."""

import asyncio
import math

from aiohttp import web

from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.server.schemas import read_body, score_request
from picoqwen_core.server.state import state_of


async def score(request: web.Request) -> web.Response:
    """Answer {"model", "choices": [{"text", "logprob", "probability"}], "coverage"}.

    The probabilities are of the choices among themselves; the coverage is what the model gives to all of
    them together, the rest being answers that were not offered.
    """
    state = state_of(request)
    parsed = score_request(await read_body(request))
    provider, model = state.router.choose(parsed.model)
    limit = state.settings.first_token_timeout
    try:
        async with asyncio.timeout(limit):
            scores = await provider.score(parsed)
    except TimeoutError as err:
        raise EngineUnavailable(f"the choices were not weighed within {limit:g} s") from err
    weights = [math.exp(each - max(scores)) for each in scores]
    return web.json_response(
        {
            "model": model,
            "choices": [
                {"text": text, "logprob": logprob, "probability": weight / sum(weights)}
                for text, logprob, weight in zip(parsed.choices, scores, weights, strict=True)
            ],
            "coverage": min(1.0, sum(math.exp(each) for each in scores)),
        }
    )
