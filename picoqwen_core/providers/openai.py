"""Any OpenAI-compatible server as a provider: OpenAI, OpenRouter, llama.cpp, Ollama, vLLM, another Pico-Qwen.

The openai package takes 40 MB and is imported only here, which is imported only where an upstream is set.
"""

from collections.abc import AsyncGenerator

import httpx2
import openai

from picoqwen_core.messages import ChatDelta, ChatRequest
from picoqwen_core.providers.openai_wire import AnswerReader, accepts, body_of
from picoqwen_core.providers.remote import CONNECT_SECONDS, DEFAULT_MAX_TOKENS, Remote
from picoqwen_core.upstreams import Upstream

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

    def accepts(self, request: ChatRequest) -> bool:
        """Whether the request can be said in OpenAI's format."""
        goes_on = self.upstream.can_continue or not request.continues
        return goes_on and accepts(request.response_format) and request.logprobs is None

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; closing the stream closes the connection. Raises ProviderError."""
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        body = body_of(request, self.upstream.model, most, own=self._own)
        return self.answered(request, self._completions.create, body, AnswerReader())
