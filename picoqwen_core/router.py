"""Chooses the provider that answers a request."""

from collections.abc import Sequence

from picoqwen_core.errors import ModelNotFound
from picoqwen_core.messages import InstalledModel
from picoqwen_core.providers.pool import ModelPool
from picoqwen_core.providers.provider import Provider


class Router:
    """Finds the provider of a model; a request that names none goes to the first provider's first model."""

    def __init__(self, providers: Sequence[Provider] = (), pool: ModelPool | None = None) -> None:
        """The pool's models come first; at least one provider is needed in all."""
        self.pool = pool
        self._others = tuple(providers)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """All providers there are now; models come and go."""
        return (*(self.pool.providers if self.pool is not None else ()), *self._others)

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """All models of all providers."""
        return tuple(model for provider in self.providers for model in provider.models)

    @property
    def default(self) -> Provider:
        """The provider of requests that name no model."""
        return self.providers[0]

    def choose(self, model: str | None) -> tuple[Provider, str]:
        """The provider of a model and the model's id. Raises ModelNotFound naming the models there are."""
        if model is None:
            return self.default, self.default.models[0].id
        for provider in self.providers:
            if any(each.id == model for each in provider.models):
                return provider, model
        if self.pool is not None:
            found = self.pool.find(model)
            return found, found.model_id
        known = ", ".join(each.id for each in self.models)
        raise ModelNotFound(f"model {model!r} is not installed; there is: {known}")
