"""What every provider offers: an answer to a ChatRequest, as a stream."""

from collections.abc import AsyncGenerator
from typing import Protocol

from picoqwen_core.messages import ChatDelta, ChatRequest, GenerateRequest, ModelInfo


class Provider(Protocol):
    """Something that answers. Closing a stream stops the work behind it."""

    name: str

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be asked for now."""

    def is_available(self) -> bool:
        """Whether a request would be taken now."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
        """Stream an answer; the last delta carries the finish reason and the usage."""

    def generate(self, request: GenerateRequest) -> AsyncGenerator[ChatDelta]:
        """Stream the continuation of raw text."""
