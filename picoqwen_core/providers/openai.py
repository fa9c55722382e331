"""Any OpenAI-compatible server as a provider: OpenAI, OpenRouter, llama.cpp, Ollama, vLLM, another Pico-Qwen.

The openai package takes 40 MB and is imported only here, which is imported only where an upstream is set.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import httpx2
import openai

from picoqwen_core.errors import (
    PicoQwenError,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    RequestError,
    shown,
)
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    DetokenizeRequest,
    GenerateRequest,
    InstalledModel,
    Primed,
    ScoreRequest,
    TokenizeRequest,
    Tokens,
    Usage,
)
from picoqwen_core.providers.endless import Bounds
from picoqwen_core.providers.openai_wire import AnswerReader, accepts, body_of
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.upstreams import Upstream

_LOGGER = logging.getLogger(__name__)
_CONNECT_SECONDS = 2.0
_PROBE_SECONDS = 3.0
_CLOSE_SECONDS = 1.0
# Where the caller sets no limit, so that what an answer may cost is known beforehand.
DEFAULT_MAX_TOKENS = 2048
# Rather too many tokens than too few, for servers that do not count.
_CHARACTERS_A_TOKEN = 3
_OPENAI_HOST = "api.openai.com"


class OpenAIProvider:
    """One model of one server."""

    def __init__(self, upstream: Upstream, client: openai.AsyncOpenAI | None = None) -> None:
        """client: for tests; otherwise one is made, which connects when it is first used."""
        self.name = upstream.name
        self.upstream = upstream
        self._own = _OPENAI_HOST not in upstream.base_url
        self._stopped = False
        client = client or openai.AsyncOpenAI(
            base_url=upstream.base_url,
            # The package insists on one; servers of a household ask for none.
            api_key=upstream.api_key or "none",
            # Whoever routes tries elsewhere instead.
            max_retries=0,
            timeout=httpx2.Timeout(upstream.timeout, connect=min(_CONNECT_SECONDS, upstream.timeout)),
        )
        # The package imports these when they are first used, which took the first answer 1.5 s.
        self._completions, self._models = client.chat.completions, client.models
        self._client = client

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """The one model."""
        return (InstalledModel(self.upstream.model_id, 0, self.is_available()),)

    @property
    def health(self) -> ProviderHealth:
        """It has no process of ours; how it fares is kept by whoever routes."""
        return ProviderHealth("stopped" if self._stopped else "ready")

    def is_available(self) -> bool:
        """Whether it may be asked."""
        return not self._stopped

    def start(self) -> None:
        """Nothing to do: it connects when it is asked."""

    async def stop(self) -> None:
        """Close the connections."""
        self._stopped = True
        await self._client.close()

    def accepts(self, request: ChatRequest) -> bool:
        """Whether the request can be said in OpenAI's format."""
        return accepts(request.response_format) and request.logprobs is None

    def estimate(self, request: ChatRequest) -> Usage:
        """The most tokens that an answer may take, roughly."""
        read = sum(len(each.content) + 12 for each in request.messages)
        read += sum(len(str(tool.parameters)) + len(tool.description) for tool in request.tools)
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        return Usage(read // _CHARACTERS_A_TOKEN + 1, most)

    async def probe(self) -> None:
        """Ask for the list of models, which costs nothing. Raises ProviderError."""
        with self._translated():
            async with asyncio.timeout(_PROBE_SECONDS):
                try:
                    await self._models.with_raw_response.list()
                except openai.NotFoundError:
                    return  # it answers, and keeps no list

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; closing the stream closes the connection. Raises ProviderError."""
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        body = body_of(request, self.upstream.model, most, own=self._own)
        reader, bounds = AnswerReader(), Bounds(most)
        with self._translated():
            async with aclosing(self._chunks(body)) as chunks:
                async for chunk in chunks:
                    for delta in reader.read(chunk):
                        yield delta
                    if bounds.passed(reader.written):
                        _LOGGER.warning(
                            "%s does not stop after %d tokens; its answer is cut", self.name, most
                        )
                        reader.cut()
                        break
            for delta in reader.end():
                yield delta
        counted = Usage(self.estimate(request).prompt_tokens, reader.written // _CHARACTERS_A_TOKEN + 1)
        yield ChatDelta(finish_reason=reader.reason, usage=reader.usage or counted)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Refused: raw text is continued by the models of this machine."""
        told = f"model {self.upstream.model_id!r} answers chats only; got the prompt {shown(request.prompt)}"
        raise RequestError(told)
        yield ChatDelta()

    async def score(self, request: ScoreRequest) -> list[float]:
        """Refused: it gives no probabilities of whole answers."""
        count = len(request.choices)
        raise RequestError(f"model {self.upstream.model_id!r} cannot weigh {count} choices; ask this machine")

    async def tokenize(self, request: TokenizeRequest) -> Tokens:
        """Refused: its vocabulary is not known here."""
        del request
        raise RequestError(
            f"the tokens of {self.upstream.model_id!r} are not known here; ask for a model of here"
        )

    async def detokenize(self, request: DetokenizeRequest) -> str:
        """Refused: its vocabulary is not known here."""
        del request
        raise RequestError(
            f"the tokens of {self.upstream.model_id!r} are not known here; ask for a model of here"
        )

    async def prime(self, request: ChatRequest) -> Primed:
        """Nothing is read ahead, since that would cost money."""
        del request
        return Primed(state="skipped")

    async def _chunks(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The stream's objects, none of them later than the upstream's timeout after the one before."""
        patience = self.upstream.timeout
        async with asyncio.timeout(patience):
            stream = await self._completions.create(**body)
        try:
            while True:
                async with asyncio.timeout(patience):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return
                yield _plain(chunk)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await stream.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The package's errors, and those of what it stands on, as ours."""
        try:
            yield
        except PicoQwenError as err:
            if not isinstance(err, ProviderError) or str(err).startswith(self.name):
                raise
            raise type(err)(f"{self.name}: {err}") from err
        except (TimeoutError, openai.APITimeoutError) as err:
            silent = f"{self.name}: no sign of life within {self.upstream.timeout:g} s"
            never = isinstance(err.__cause__, httpx2.ConnectTimeout)
            raise (ProviderUnavailable if never else ProviderTimeout)(silent) from err
        except openai.APIStatusError as err:
            raise self._refusal(err) from err
        except openai.APIConnectionError as err:
            reason = err.__cause__ or err
            said = self._without_key(str(reason) or type(reason).__name__)
            # Where there was a connection, the server may have worked, and may bill it.
            kind = ProviderUnavailable if isinstance(reason, httpx2.ConnectError) else ProviderError
            raise kind(f"{self.name}: the connection failed: {said}") from err
        except openai.APIError as err:
            raise ProviderError(f"{self.name}: {self._without_key(shown(err.message))}") from err
        except (httpx2.HTTPError, openai.OpenAIError, ValueError) as err:
            raise ProviderError(f"{self.name}: it sent what is no answer ({type(err).__name__})") from err

    def _refusal(self, error: openai.APIStatusError) -> ProviderError:
        """What an HTTP status means for us. The body may be a page of any size and is not quoted whole."""
        status, body = error.status_code, error.body
        said = body.get("message") if isinstance(body, dict) else None
        detail = f": {self._without_key(shown(said))}" if said else ""
        message = f"{self.name}: HTTP {status}{detail}"
        if status in (408, 429) or status >= 500:
            return ProviderUnavailable(message, _retry_after(error.response.headers.get("retry-after")))
        return ProviderRefused(message)

    def _without_key(self, text: str) -> str:
        """Servers like to quote the key that they refuse."""
        key = self.upstream.api_key
        return text.replace(key, "(key)") if key else text


def _plain(chunk: Any) -> dict[str, Any]:
    """A chunk as JSON has it. The package checks nothing, so it may be anything. Raises ProviderError."""
    if not isinstance(chunk, openai.BaseModel):
        raise ProviderError(f"it sent what is no piece of an answer: {shown(chunk)}")
    plain: dict[str, Any] = chunk.to_dict(warnings=False)
    return plain


def _retry_after(value: str | None) -> float | None:
    """Seconds; the header's other form, a date, depends on two clocks and is not taken."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
