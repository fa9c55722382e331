"""What every provider offers: an answer to a ChatRequest, as a stream."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from picoqwen_core.health import Vitals
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


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider is: "idle" means that it starts when it is asked for; `pid` is its worker's process.

    compiled: kernels compiled, and to be compiled, by a first start that is under way.
    """

    state: Literal["ready", "starting", "idle", "failed", "stopped"]
    error: str | None = None
    restarts: int = 0
    pid: int | None = None
    compiled: tuple[int, int] | None = None


class Provider(Protocol):
    """Something that answers. Closing a stream stops the work behind it."""

    name: str
    # How its answers went, as whoever routes has told it.
    vitals: Vitals

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """The models that can be asked for, loaded or not."""

    @property
    def health(self) -> ProviderHealth:
        """How it is now."""

    def is_available(self) -> bool:
        """Whether a request would be answered without waiting for a start."""

    def get_cost_estimate(self, tokens: Usage) -> float:
        """Dollars that so many tokens cost; 0 where it is free, or nobody knows."""

    def get_latency_estimate(self) -> float:
        """Seconds to the first piece of an answer: the average, or a guess where there was none yet."""

    def start(self) -> None:
        """Get ready in the background; returns at once, and does nothing the second time."""

    async def stop(self) -> None:
        """Give everything back; answers in flight fail."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; the last delta carries the finish reason and the usage."""

    def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream the continuation of raw text."""

    async def score(self, request: ScoreRequest) -> list[float]:
        """The natural logarithm of each choice's probability, in their order."""

    async def prime(self, request: ChatRequest) -> Primed:
        """Read a conversation's prompt ahead of its request."""

    async def tokenize(self, request: TokenizeRequest) -> Tokens:
        """The tokens of a text or a conversation. Raises RequestError where it cannot tell."""

    async def detokenize(self, request: DetokenizeRequest) -> str:
        """The text of tokens. Raises RequestError where it cannot tell."""
