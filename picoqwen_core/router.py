"""Chooses the provider that answers a request."""

from collections.abc import Sequence

from picoqwen_core.errors import ModelNotFound
from picoqwen_core.messages import ModelInfo
from picoqwen_core.providers.provider import Provider


class Router:
    """Finds the provider of a model; a request that names none goes to the first."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = tuple(providers)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """All models of all providers."""
        return tuple(model for provider in self._providers for model in provider.models)

    def is_available(self) -> bool:
        """Whether any provider would take a request now."""
        return any(provider.is_available() for provider in self._providers)

    def provider_for(self, model: str | None) -> Provider:
        """The provider of a model. Raises ModelNotFound naming the models there are."""
        if model is None:
            return self._providers[0]
        for provider in self._providers:
            if any(info.id == model for info in provider.models):
                return provider
        known = ", ".join(info.id for info in self.models) or "none yet, it is still loading"
        raise ModelNotFound(f"model {model!r} is not installed; there is: {known}")
