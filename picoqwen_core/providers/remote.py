"""What all providers share that are one model of another server: what they refuse, and its failures as ours.

The packages of OpenAI and Anthropic come from one generator, so their errors have the same names; which
package it is, the provider says. Neither is imported here.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Protocol

import httpx2

from picoqwen_core.counting import Counted
from picoqwen_core.errors import (
    PicoQwenError,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    RequestError,
    shown,
)
from picoqwen_core.health import Vitals
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    DetokenizeRequest,
    FinishReason,
    GenerateRequest,
    InstalledModel,
    Primed,
    ScoreRequest,
    TokenizeRequest,
    Tokens,
    Usage,
)
from picoqwen_core.prices import FREE
from picoqwen_core.providers.endless import Bounds
from picoqwen_core.providers.provider import ProviderHealth
from picoqwen_core.providers.rate_limits import refused_for, used_up_for
from picoqwen_core.raw_text import as_chat
from picoqwen_core.upstreams import Upstream

_LOGGER = logging.getLogger(__name__)
CONNECT_SECONDS = 2.0
_PROBE_SECONDS = 3.0
_CLOSE_SECONDS = 1.0
# Where the caller sets no limit, so that what an answer may cost is known beforehand.
DEFAULT_MAX_TOKENS = 2048
# Beside each message's own text: its role, and the marks around it.
_AROUND_A_MESSAGE = "x" * 12
# What a server that has not answered yet is taken for.
_UNKNOWN_SECONDS = 1.0


class Reader(Protocol):
    """Makes deltas of the chunks of one answer."""

    reason: FinishReason | None
    # Characters of text, reasoning and calls.
    written: int

    @property
    def usage(self) -> Usage | None:
        """What the server counted; None where it did not."""

    def read(self, chunk: Mapping[str, Any], /) -> list[ChatDelta]:
        """What one chunk adds. Raises ProviderError for what is none."""

    def cut(self) -> None:
        """End an answer that does not end by itself. Raises ProviderError where nothing of it is of use."""

    def end(self) -> list[ChatDelta]:
        """What is left. Raises ProviderError where the answer broke off or a call cannot be read."""


class Remote(ABC):
    """One model of one server; a package's client talks to it."""

    def __init__(self, upstream: Upstream, package: Any, client: Any) -> None:
        """package: the module whose errors the client raises."""
        self.name = upstream.name
        self.upstream = upstream
        self._package, self._client = package, client
        self._stopped = False
        self.vitals = Vitals()
        # Seconds after its last answer's beginning for which it has nothing left to give.
        self.used_up_for: float | None = None

    @abstractmethod
    def accepts(self, request: ChatRequest) -> bool:
        """Whether the request can be said in the server's format."""

    @abstractmethod
    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; closing the stream closes the connection. Raises ProviderError."""

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

    def get_cost_estimate(self, tokens: Usage) -> float:
        """Dollars that so many tokens cost; 0 where nobody knows."""
        price = self.upstream.price or FREE
        return price.nanos(tokens.prompt_tokens, tokens.completion_tokens) / 1e9

    def get_latency_estimate(self) -> float:
        """Seconds to the first piece of an answer: the average, or a guess."""
        return _UNKNOWN_SECONDS if self.vitals.latency is None else self.vitals.latency

    def start(self) -> None:  # noqa: B027 - nothing to override
        """Nothing to do: it connects when it is asked."""

    async def stop(self) -> None:
        """Close the connections."""
        self._stopped = True
        await self._client.close()

    def estimate(self, request: ChatRequest) -> Usage:
        """The most tokens that an answer may take, roughly: rather too many than too few."""
        read = Counted()
        for message in request.messages:
            read.add(_AROUND_A_MESSAGE + message.content)
            for call in message.tool_calls:
                read.add(f"{call.id}{call.name}{call.arguments}")
        for tool in request.tools:
            read.add(f"{tool.name}{tool.description}{tool.parameters}")
        if request.response_format is not None:
            read.add(str(request.response_format.schema))
        return Usage(read.tokens, request.max_tokens or DEFAULT_MAX_TOKENS)

    async def probe(self) -> None:
        """Ask for the list of models, which costs nothing. Raises ProviderError."""
        with self.translated():
            async with asyncio.timeout(_PROBE_SECONDS):
                try:
                    await self._client.models.with_raw_response.list()
                except self._package.NotFoundError:
                    return  # it answers, and keeps no list

    async def answered(
        self,
        request: ChatRequest,
        create: Callable[..., Awaitable[Any]],
        body: dict[str, Any],
        reader: Reader,
    ) -> AsyncGenerator[ChatDelta]:
        """The answer to a request; create: begins a stream of a package, given the body as arguments."""
        most = request.max_tokens or DEFAULT_MAX_TOKENS
        bounds, written = Bounds(most), Counted()
        with self.translated():
            async with aclosing(self._chunks(create, body)) as chunks:
                async for chunk in chunks:
                    for delta in reader.read(chunk):
                        written.add(delta.content + delta.reasoning)
                        yield delta
                    if bounds.passed(reader.written):
                        _LOGGER.warning(
                            "%s does not stop after %d tokens; its answer is cut", self.name, most
                        )
                        reader.cut()
                        break
            for delta in reader.end():
                written.add(str(delta.tool_call.arguments) if delta.tool_call else "")
                yield delta
        counted = Usage(self.estimate(request).prompt_tokens, written.tokens)
        yield ChatDelta(finish_reason=reader.reason, usage=reader.usage or counted)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream what comes after a raw text, in whatever way the server can be asked for it."""
        return self.chat(as_chat(request))

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

    async def _chunks(
        self, create: Callable[..., Awaitable[Any]], body: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any]]:
        """The stream's objects, none of them later than the upstream's timeout after the one before."""
        patience = self.upstream.timeout
        async with asyncio.timeout(patience):
            stream = await create(**body)
        self.used_up_for = used_up_for(stream.response.headers)
        try:
            while True:
                async with asyncio.timeout(patience):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return
                yield self._plain(chunk)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await stream.close()

    def _plain(self, chunk: Any) -> dict[str, Any]:
        """A chunk as JSON has it. The packages check nothing, so it may be anything. Raises ProviderError."""
        if not isinstance(chunk, self._package.BaseModel):
            raise ProviderError(f"it sent what is no piece of an answer: {shown(chunk)}")
        plain: dict[str, Any] = chunk.to_dict(warnings=False)
        return plain

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The package's errors, and those of what it stands on, as ours."""
        package = self._package
        # Named for its maker, unlike the others: OpenAIError, AnthropicError.
        any_of_it: type[Exception] = package.APIError.__mro__[1]
        try:
            yield
        except PicoQwenError as err:
            if not isinstance(err, ProviderError) or str(err).startswith(self.name):
                raise
            raise type(err)(f"{self.name}: {err}") from err
        except (TimeoutError, package.APITimeoutError) as err:
            silent = f"{self.name}: no sign of life within {self.upstream.timeout:g} s"
            never = isinstance(err.__cause__, httpx2.ConnectTimeout)
            raise (ProviderUnavailable if never else ProviderTimeout)(silent) from err
        except package.APIStatusError as err:
            raise self._refusal(err) from err
        except package.APIConnectionError as err:
            reason = err.__cause__ or err
            said = self._without_key(str(reason) or type(reason).__name__)
            # Where there was a connection, the server may have worked, and may bill it.
            kind = ProviderUnavailable if isinstance(reason, httpx2.ConnectError) else ProviderError
            raise kind(f"{self.name}: the connection failed: {said}") from err
        except package.APIError as err:
            raise ProviderError(f"{self.name}: {self._without_key(shown(err.message))}") from err
        except (httpx2.HTTPError, any_of_it, ValueError) as err:
            raise ProviderError(f"{self.name}: it sent what is no answer ({type(err).__name__})") from err

    def _refusal(self, error: Any) -> ProviderError:
        """What an HTTP status means for us. The body may be a page of any size and is not quoted whole."""
        status, body = error.status_code, error.body
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            body = body["error"]
        said = body.get("message") if isinstance(body, dict) else None
        detail = f": {self._without_key(shown(said))}" if said else ""
        message = f"{self.name}: HTTP {status}{detail}"
        # In the middle of a stream, which began with 200: it worked, and may bill it.
        if status < 400:
            return ProviderError(f"{self.name}: it broke off{detail}")
        if status in (408, 429) or status >= 500:
            return ProviderUnavailable(message, refused_for(error.response.headers))
        return ProviderRefused(message)

    def _without_key(self, text: str) -> str:
        """Servers like to quote the key that they refuse."""
        key = self.upstream.api_key
        return text.replace(key, "(key)") if key else text
