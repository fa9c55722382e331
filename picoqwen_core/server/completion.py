"""Answers in OpenAI's format: the chunks of a stream, and the whole body."""

import json
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from picoqwen_core.messages import ChatDelta, TokenLogprob, Truncated, Usage

TRUNCATED_HEADER = "X-Picoqwen-Truncated"
NOTHING: Mapping[str, Any] = {}


class ChunkWriter:
    """Turns the deltas of one answer into the chunks of its stream."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        self._head = _head("chat.completion.chunk", model)
        self._include_usage = include_usage
        self._calls = 0

    def first(self) -> dict[str, Any]:
        """The chunk that opens every stream."""
        return self._choice({"role": "assistant", "content": ""})

    def chunks(self, delta: ChatDelta) -> list[dict[str, Any]]:
        """What is sent for one delta."""
        made = []
        if delta.reasoning:
            made.append(self._choice({"reasoning_content": delta.reasoning}))
        if delta.content:
            made.append(self._choice({"content": delta.content}, logprobs=logprobs_json(delta.logprobs)))
        if delta.tool_call is not None:
            # One call a chunk: some clients read only the first of a chunk's calls.
            made.append(self._choice({"tool_calls": [{"index": self._calls, **_tool_call(delta)}]}))
            self._calls += 1
        if delta.event is not None:
            made.append({**self._choice({}), "agent": dict(delta.event)})
        if delta.finish_reason is not None:
            made.append({**self._choice({}, delta.finish_reason), **served_json(delta)})
        if delta.usage is not None and self._include_usage:
            made.append({**self._head, "choices": [], "usage": usage_json(delta.usage)})
        return made

    def _choice(
        self,
        delta: dict[str, Any],
        finish_reason: str | None = None,
        *,
        logprobs: Mapping[str, Any] = NOTHING,
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, **logprobs}
        chunk = {**self._head, "choices": [choice]}
        # Whoever asks for the usage finds the field in every chunk, as OpenAI has it.
        return {**chunk, "usage": None} if self._include_usage else chunk


async def collected(deltas: AsyncGenerator[ChatDelta], model: str) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    content, reasoning, reason, usage = "", "", "stop", Usage()
    calls: list[dict[str, Any]] = []
    served: dict[str, Any] = {}
    weighed: tuple[TokenLogprob, ...] = ()
    events: list[dict[str, Any]] = []
    async with aclosing(deltas):
        async for delta in deltas:
            content += delta.content
            reasoning += delta.reasoning
            reason = delta.finish_reason or reason
            usage = delta.usage or usage
            served = served_json(delta) or served
            if delta.event is not None:
                events.append(dict(delta.event))
            if delta.tool_call is not None:
                calls.append(_tool_call(delta))
            weighed += delta.logprobs
    message: dict[str, Any] = {"role": "assistant", "content": content or (None if calls else "")}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return {
        **_head("chat.completion", model),
        "choices": [
            {"index": 0, "message": message, "finish_reason": reason, **logprobs_json(weighed)},
        ],
        "usage": usage_json(usage),
        **served,
        **({"agent": {"events": events}} if events else {}),
    }


def served_json(delta: ChatDelta) -> dict[str, Any]:
    """Who answered and what it cost, where others might have; in a field that OpenAI has not."""
    return {} if delta.served is None else {"picoqwen": asdict(delta.served)}


def usage_json(usage: Usage) -> dict[str, Any]:
    """Token counts under OpenAI's names."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        **({} if usage.truncated is None else {"truncated": asdict(usage.truncated)}),
    }


def logprobs_json(weighed: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Probabilities of tokens as OpenAI has them, where there are any."""
    if not weighed:
        return {}
    content = [
        {**asdict(each.chosen), "top_logprobs": [asdict(other) for other in each.top]} for each in weighed
    ]
    return {"logprobs": {"content": content, "refusal": None}}


def truncated_headers(truncated: Truncated | None) -> dict[str, str]:
    """What was left out of the conversation, for whoever reads no body."""
    if truncated is None:
        return {}
    return {TRUNCATED_HEADER: f"messages={truncated.messages}, tokens={truncated.tokens}"}


def _head(kind: str, model: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex[:24]}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def _tool_call(delta: ChatDelta) -> dict[str, Any]:
    """The call of a delta; with what the model's probabilities say of it, where that was asked."""
    call = delta.tool_call
    assert call is not None
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    sure = {} if delta.mean_logprob is None else {"mean_logprob": delta.mean_logprob}
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
        **sure,
    }
