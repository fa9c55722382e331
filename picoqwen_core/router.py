"""Chooses the provider that answers a request."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from picoqwen_core.errors import ModelNotFound
from picoqwen_core.messages import ChatDelta, ChatRequest, InstalledModel
from picoqwen_core.providers.pool import ModelPool
from picoqwen_core.providers.provider import Provider

if TYPE_CHECKING:
    from picoqwen_core.hybrid import Hybrid

# Names no model: whoever the strategy chooses. For clients that must name one.
AUTO = "auto"


class Router:
    """Finds the provider of a model; a request that names none goes to the first provider's first model."""

    def __init__(
        self,
        providers: Sequence[Provider] = (),
        pool: ModelPool | None = None,
        hybrid: "Hybrid | None" = None,
    ) -> None:
        """The pool's models come first; at least one provider is needed in all.

        hybrid: chooses between these and other servers; None where there are none.
        """
        self.pool = pool
        self.hybrid = hybrid
        self._others = tuple(providers)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """All providers of this machine there are now; models come and go."""
        return (*(self.pool.providers if self.pool is not None else ()), *self._others)

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """All models of all providers, other servers' last."""
        return tuple(model for provider in (*self.providers, *self.upstreams) for model in provider.models)

    @property
    def upstreams(self) -> tuple[Provider, ...]:
        """Other servers that may answer."""
        return self.hybrid.upstreams if self.hybrid is not None else ()

    @property
    def default(self) -> Provider:
        """The provider of requests that name no model."""
        return self.providers[0]

    def choose(self, model: str | None) -> tuple[Provider, str]:
        """The provider of a model and the model's id. Raises ModelNotFound naming the models there are."""
        if model is None:
            return self.default, self.default.models[0].id
        for provider in (*self.providers, *self.upstreams):
            if any(each.id == model for each in provider.models):
                return provider, model
        if self.pool is not None:
            found = self.pool.find(model)
            return found, found.model_id
        known = ", ".join(each.id for each in self.models)
        raise ModelNotFound(f"model {model!r} is not installed; there is: {known}")

    def route(self, request: ChatRequest) -> tuple[AsyncGenerator[ChatDelta], str]:
        """The answer of whoever the strategy chooses, and the model that is asked first.

        A request that names a model of this machine goes there, unless it names a strategy too. Raises
        ModelNotFound.
        """
        name = None if request.model == AUTO else request.model
        hybrid = self.hybrid
        remote = hybrid is not None and any(each.id == name for u in self.upstreams for each in u.models)
        local, model = self.choose(None if remote else name)
        if hybrid is None or request.routing == "local_only" or (name and not remote and not request.routing):
            return local.chat(replace(request, model=name)), model
        plan = hybrid.plan(replace(request, model=name if remote else None), local, model)
        return hybrid.chat(request, plan), plan[0].model
