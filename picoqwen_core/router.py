"""Chooses the provider that answers a request."""

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from picoqwen_core.candidate import answered_by
from picoqwen_core.errors import ModelNotFound
from picoqwen_core.ladder import Step, climb, is_built_in, labelled, without_home
from picoqwen_core.messages import ChatDelta, ChatRequest, InstalledModel, Rung, Served
from picoqwen_core.providers.pool import ModelPool
from picoqwen_core.providers.provider import Provider

if TYPE_CHECKING:
    from picoqwen_core.hybrid import Hybrid

# Names no model: whoever the strategy chooses. For clients that must name one.
AUTO = "auto"
_OUR_CALL = re.compile(r"home_|[0-9A-Z]{26}\Z|\Z")


class Router:
    """Finds the provider of a model; a request that names none goes to the first provider's first model."""

    def __init__(
        self,
        providers: Sequence[Provider] = (),
        pool: ModelPool | None = None,
        hybrid: "Hybrid | None" = None,
        *,
        routing: str = "local_first",
    ) -> None:
        """The pool's models come first; at least one provider is needed in all.

        hybrid: chooses between these and other servers; None where there are none.
        """
        self.pool = pool
        self.hybrid = hybrid
        self._routing = routing
        self._others = tuple(providers)

    @property
    def strategy(self) -> str:
        """How requests that name no model are routed."""
        return self.hybrid.strategy if self.hybrid is not None else self._routing

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
        by_rung = name is None and (request.routing or self.strategy) == "by_rung"
        if by_rung and request.raw:
            # What the ladder asks of its rungs is about the home; the built-in model writes no free text.
            local = next((each for each in self.providers if not is_built_in(each.models)), local)
            model = local.models[0].id
        elif by_rung:
            return climb(self._steps(request), "it is the first rung"), model
        if hybrid is None or request.routing == "local_only" or (name and not remote and not request.routing):
            reason = "the request names it" if name else "no other server is to be asked"
            answer = answered_by(local, replace(request, model=name or model))
            return labelled(answer, lambda _: self._rung(local), model, reason), model
        plan = hybrid.plan(replace(request, model=name if remote else None), local, model)
        if self._is_spare(local):
            plan.sort(key=lambda each: each.upstream is None)
        strategy = request.routing or hybrid.strategy

        def rung(served: Served | None) -> Rung:
            return self._rung(local) if served is None or served.provider == "local" else "cloud"

        reason = "the request names it" if remote else f"routing is {strategy}"
        return labelled(hybrid.chat(request, plan), rung, plan[0].model, reason), plan[0].model

    def _is_spare(self, provider: Provider) -> bool:
        return self.pool is not None and self.pool.is_spare(provider)

    def _rung(self, provider: Provider) -> Rung:
        return "built_in" if is_built_in(provider.models) else "local"

    def _steps(self, request: ChatRequest) -> list[Step]:
        """Who may answer by the ladder, lowest first: at least one model of this machine."""
        steps = [
            Step(
                self._rung(each),
                each.models[0].id,
                partial(each.chat, replace(request, model=each.models[0].id)),
            )
            for each in sorted(self.providers, key=lambda each: not is_built_in(each.models))
            if (not is_built_in(each.models) or _ours(request)) and not self._is_spare(each)
        ]
        if self.hybrid is not None:
            whole, part, _ = self.hybrid.others(request)
            for told, candidates in ((request, whole), (without_home(request), part)):
                if candidates:
                    answer = partial(self.hybrid.chat, replace(told, model=None), candidates)
                    spare = candidates is part
                    go_on = None if spare or request.response_format else answer
                    steps.append(Step("cloud", candidates[0].model, answer, spare, go_on))
        return steps or [
            Step(self._rung(self.default), self.default.models[0].id, partial(self.default.chat, request))
        ]


def _ours(request: ChatRequest) -> bool:
    """Whether the built-in model may go on: results of calls that another rung made are that one's.

    Home Assistant itself gives ULIDs to calls whose ids were not handed on; they are taken for ours.
    """
    last = request.messages[-1]
    return last.role != "tool" or bool(_OUR_CALL.match(last.tool_call_id or ""))
