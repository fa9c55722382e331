"""The model as agents use it: one limited question at a time, answered as text, JSON, or calls."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from picoqwen_core.agents.limits import Meter
from picoqwen_core.counting import Counted
from picoqwen_core.errors import LimitReached, ToolError
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    Message,
    ResponseFormat,
    SamplingParams,
    Served,
    ToolCall,
    Usage,
)

# Anything that answers a request; the server gives the router's.
type Chat = Callable[[ChatRequest], AsyncGenerator[ChatDelta]]
type Emit = Callable[[Mapping[str, Any]], None]

_GREEDY = SamplingParams(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model."""

    content: str
    calls: tuple[ToolCall, ...] = ()
    reason: str = "stop"


class Llm:
    """A model behind a meter."""

    def __init__(self, chat: Chat, meter: Meter, model: str | None = None) -> None:
        self._chat, self._meter, self._model = chat, meter, model
        # Who gave the last answer, where the router says so.
        self.served: Served | None = None

    async def ask(self, request: ChatRequest, emit: Emit | None = None) -> Answer:
        """The answer; emit is told each piece of its text. Raises LimitReached, and the provider's."""
        tokens = self._meter.step()
        allowed = min(request.max_tokens or tokens, tokens)
        request = replace(request, model=request.model or self._model, max_tokens=allowed)
        content, calls, reason, cost = "", [], "stop", 0.0
        usage: Usage | None = None
        try:
            async with asyncio.timeout(self._meter.seconds_left()), aclosing(self._chat(request)) as deltas:
                async for delta in deltas:
                    content += delta.content
                    if delta.content and emit is not None:
                        emit({"type": "delta", "text": delta.content})
                    if delta.tool_call is not None:
                        calls.append(delta.tool_call)
                    reason, usage = delta.finish_reason or reason, delta.usage or usage
                    if delta.served is not None:
                        self.served, cost = delta.served, delta.served.cost
        except TimeoutError as err:
            raise LimitReached.of("seconds", self._meter.limits.seconds) from err
        finally:
            # What broke off was written all the same.
            written = Counted()
            written.add(content)
            self._meter.used(usage or Usage(completion_tokens=written.tokens), cost)
        return Answer(content, tuple(calls), reason)

    async def text(self, system: str, user: str, max_tokens: int = 400, emit: Emit | None = None) -> str:
        """A short text."""
        messages = (Message("system", system), Message("user", user))
        request = ChatRequest(messages, sampling=_GREEDY, max_tokens=max_tokens, thinking=False)
        return (await self.ask(request, emit)).content.strip()

    async def json(
        self, system: str, user: str, schema: Mapping[str, Any], max_tokens: int = 300
    ) -> dict[str, Any]:
        """An object of a schema, which constrains the model where it is ours. Raises ToolError for none."""
        request = ChatRequest(
            (Message("system", system), Message("user", user)),
            sampling=_GREEDY,
            max_tokens=max_tokens,
            thinking=False,
            response_format=ResponseFormat("json", schema=schema),
        )
        answer = await self.ask(request)
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError) as err:
            raise ToolError(f"the model's answer is no JSON (it ended by {answer.reason})") from err
        if not isinstance(found, dict) or not set(schema.get("required", ())) <= set(found):
            raise ToolError("the model's answer is not the object that was asked for")
        return found
