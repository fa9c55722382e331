"""Anthropic's service as a provider.

The anthropic package is an extra. It is imported only here, and this only where an upstream of that kind
is set.
"""

from collections.abc import AsyncGenerator

import anthropic
import httpx2

from picoqwen_core.messages import ChatDelta, ChatRequest
from picoqwen_core.providers.anthropic_wire import AnswerReader, accepts, body_of
from picoqwen_core.providers.remote import CONNECT_SECONDS, DEFAULT_MAX_TOKENS, Remote
from picoqwen_core.raw_text import asked_for
from picoqwen_core.upstreams import Upstream


class AnthropicProvider(Remote):
    """One model of Anthropic's, or of a server that speaks its format."""

    def __init__(self, upstream: Upstream) -> None:
        """Connects when it is first used."""
        client = anthropic.AsyncAnthropic(
            # The package appends it again.
            base_url=upstream.base_url.rstrip("/").removesuffix("/v1"),
            # Without one the package looks for keys in the environment and in files of its own.
            api_key=upstream.api_key or "none",
            # Whoever routes tries elsewhere instead.
            max_retries=0,
            # What is said goes to nobody else, whatever the environment asks for.
            open_telemetry=False,
            timeout=httpx2.Timeout(upstream.timeout, connect=min(CONNECT_SECONDS, upstream.timeout)),
        )
        # The package imports what it needs when it is first used, which would delay the first answer.
        self._messages, _ = client.messages, client.models
        super().__init__(upstream, anthropic, client)

    def accepts(self, request: ChatRequest) -> bool:
        """Whether the request can be said in Anthropic's format."""
        if request.logprobs is not None or (request.raw and request.response_format is not None):
            return False
        goes_on = self.upstream.can_continue or not request.continues
        return goes_on and accepts(request.response_format)

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; closing the stream closes the connection. Raises ProviderError."""
        if request.raw:
            request = asked_for(request)
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        body = body_of(request, self.upstream.model, most)
        return self.answered(request, self._messages.create, body, AnswerReader())
