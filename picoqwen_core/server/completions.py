"""POST /v1/completions: OpenAI's older interface, raw text in and its continuation out."""

import codecs
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from aiohttp import web

from picoqwen_core.errors import RequestError
from picoqwen_core.messages import ChatDelta, TokenLogprob, Usage
from picoqwen_core.raw_text import as_chat
from picoqwen_core.server.completion import served_json, usage_json
from picoqwen_core.server.fields import shown
from picoqwen_core.server.metrics import measured
from picoqwen_core.server.patience import patient
from picoqwen_core.server.schemas import generate_request, read_body
from picoqwen_core.server.sse import stream
from picoqwen_core.server.state import state_of

# The interface's own default, which its clients rely on.
_DEFAULT_TOKENS = 16


async def completions(request: web.Request) -> web.StreamResponse:
    """Continue a prompt; `prompt` may be a list of one string."""
    state, body = state_of(request), await read_body(request)
    prompt = body.get("prompt")
    if isinstance(prompt, list):
        if len(prompt) != 1 or not isinstance(prompt[0], str):
            raise RequestError(f"prompt: must be a string or a list of one, got {shown(prompt)}")
        prompt = prompt[0]
    if body.get("echo") or body.get("suffix"):
        raise RequestError("echo and suffix are not supported")
    parsed = generate_request({"max_tokens": _DEFAULT_TOKENS, **body, "prompt": prompt})
    answer, model = state.router.route(as_chat(parsed))
    deltas = measured(patient(answer, state.settings), state, model)
    head: dict[str, Any] = {"id": f"cmpl-{uuid.uuid4().hex[:24]}", "object": "text_completion"}
    head |= {"created": int(time.time()), "model": model}
    weighed = OlderLogprobs() if parsed.logprobs is not None else None
    if not body.get("stream"):
        return web.json_response(await _collected(deltas, head, weighed))
    usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return await stream(request, deltas, lambda delta: _chunks(delta, head, weighed, usage), [])


class OlderLogprobs:
    """Probabilities in the shape of the older interface: lists side by side, with each token's place."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._place = 0

    def of(self, weighed: Sequence[TokenLogprob]) -> dict[str, list[Any]]:
        """The next tokens of the answer; offsets count characters from its beginning."""
        offsets = []
        for each in weighed:
            offsets.append(self._place)
            # A token may end in the middle of a character, whose place is where the character will be.
            self._place += len(self._decoder.decode(bytes(each.chosen.bytes)))
        return {
            "tokens": [each.chosen.token for each in weighed],
            "token_logprobs": [each.chosen.logprob for each in weighed],
            "top_logprobs": [{other.token: other.logprob for other in each.top} for each in weighed],
            "text_offset": offsets,
        }


def _chunks(
    delta: ChatDelta, head: dict[str, Any], weighed: OlderLogprobs | None, include_usage: bool
) -> list[dict[str, Any]]:
    made = []
    if delta.content or delta.finish_reason:
        logprobs = weighed.of(delta.logprobs) if weighed and delta.logprobs else None
        choice = _choice(delta.content, delta.finish_reason, logprobs)
        made.append({**head, "choices": [choice], **served_json(delta)})
    if delta.usage is not None and include_usage:
        made.append({**head, "choices": [], "usage": usage_json(delta.usage)})
    return made


async def _collected(
    deltas: AsyncGenerator[ChatDelta], head: dict[str, Any], weighed: OlderLogprobs | None
) -> dict[str, Any]:
    text, reason, usage = "", "stop", Usage()
    served: dict[str, Any] = {}
    told: tuple[TokenLogprob, ...] = ()
    async with aclosing(deltas):
        async for delta in deltas:
            text += delta.content
            told += delta.logprobs
            reason, usage = delta.finish_reason or reason, delta.usage or usage
            served = served_json(delta) or served
    choice = _choice(text, reason, weighed.of(told) if weighed else None)
    return {**head, "choices": [choice], "usage": usage_json(usage), **served}


def _choice(text: str, reason: str | None, logprobs: dict[str, list[Any]] | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason}
