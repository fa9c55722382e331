"""How long an answer is waited for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from picoqwen_core.config import Settings
from picoqwen_core.errors import EngineUnavailable
from picoqwen_core.messages import ChatDelta


async def patient(deltas: AsyncGenerator[ChatDelta], settings: Settings) -> AsyncGenerator[ChatDelta]:
    """The same deltas; raises EngineUnavailable when the first or the next one takes too long."""
    limit, what = settings.first_token_timeout, "no answer began"
    async with aclosing(deltas):
        while True:
            try:
                async with asyncio.timeout(limit):
                    delta = await anext(deltas)
            except StopAsyncIteration:
                return
            except TimeoutError as err:
                raise EngineUnavailable(f"{what} within {limit:g} s") from err
            yield delta
            limit, what = settings.idle_timeout, "the answer did not go on"
