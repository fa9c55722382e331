"""Any OpenAI-compatible server as a provider: OpenAI, OpenRouter, llama.cpp, Ollama, vLLM, another Pico-Qwen.

The openai package takes 40 MB and is imported only here, which is imported only where an upstream is set.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx2
import openai

from picoqwen_core.errors import ProviderRefused
from picoqwen_core.messages import ChatDelta, ChatRequest
from picoqwen_core.providers.openai_wire import AnswerReader, accepts, body_of, text_body_of
from picoqwen_core.providers.remote import CONNECT_SECONDS, DEFAULT_MAX_TOKENS, Remote
from picoqwen_core.raw_text import asked_for
from picoqwen_core.upstreams import Upstream

_LOGGER = logging.getLogger(__name__)
_OPENAI_HOST = "api.openai.com"


class OpenAIProvider(Remote):
    """One model of one server."""

    def __init__(self, upstream: Upstream, client: openai.AsyncOpenAI | None = None) -> None:
        """client: for tests; otherwise one is made, which connects when it is first used."""
        client = client or openai.AsyncOpenAI(
            base_url=upstream.base_url,
            # The package insists on one; servers of a household ask for none.
            api_key=upstream.api_key or "none",
            # Whoever routes tries elsewhere instead.
            max_retries=0,
            timeout=httpx2.Timeout(upstream.timeout, connect=min(CONNECT_SECONDS, upstream.timeout)),
        )
        # The package imports these when they are first used, which took the first answer 1.5 s.
        self._completions, _ = client.chat.completions, client.models
        super().__init__(upstream, openai, client)
        self._own = _OPENAI_HOST not in upstream.base_url
        # OpenAI's own models of today have no older interface; others are asked once.
        self._takes_text = self._own

    def accepts(self, request: ChatRequest) -> bool:
        """Whether the request can be said in OpenAI's format."""
        if request.logprobs is not None or (request.raw and request.response_format is not None):
            return False
        goes_on = self.upstream.can_continue or not request.continues
        return goes_on and accepts(request.response_format)

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; closing the stream closes the connection. Raises ProviderError."""
        if request.raw:
            return self._gone_on_with(request)
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        body = body_of(request, self.upstream.model, most, own=self._own)
        return self.answered(request, self._completions.create, body, AnswerReader())

    async def _gone_on_with(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """What comes after a raw text: by the older interface, or in a chat where the server has none."""
        if self._takes_text:
            try:
                async with aclosing(self._by_older_interface(request)) as deltas:
                    async for delta in deltas:
                        yield delta
            except ProviderRefused as err:
                # A refusal is the first thing that a server says; a wrong key is refused in a chat too.
                _LOGGER.info("%s goes on with no raw text (%s); it is asked in a chat", self.name, err)
            else:
                return
        async with aclosing(self.chat(asked_for(request))) as deltas:
            async for delta in deltas:
                self._takes_text = False
                yield delta

    def _by_older_interface(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        body = text_body_of(request, self.upstream.model, most, own=self._own)
        return self.answered(request, self._client.completions.create, body, AnswerReader())
