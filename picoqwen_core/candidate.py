"""Somebody who may answer, and what may be told to them; whose turn it is, hybrid.py decides."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial

from picoqwen_core.health import Vitals
from picoqwen_core.messages import ChatDelta, ChatRequest
from picoqwen_core.providers.provider import Provider
from picoqwen_core.raw_text import as_text
from picoqwen_core.upstreams import Upstream

# Home Assistant's overviews of a home, which integrations write into the prompt.
_HOME_MARKS = ("Static Context", "Live Context", "You are in area ")


@dataclass(slots=True)
class Candidate:
    """Somebody who may answer; `upstream` is None for this machine."""

    provider: Provider
    model: str
    upstream: Upstream | None = None

    @property
    def name(self) -> str:
        """What it is called in notes and messages."""
        return self.upstream.name if self.upstream is not None else "local"

    @property
    def vitals(self) -> Vitals:
        """How its answers went."""
        return self.provider.vitals

    def is_available(self) -> bool:
        """Whether it may be asked now; a model of this machine that is not loaded begins to be."""
        if self.upstream is not None:
            return self.vitals.may_try()
        if not self.provider.is_available():
            self.provider.start()
        return self.provider.is_available()


def may_ask(candidate: Candidate, request: ChatRequest, privacy: str) -> bool:
    """Whether another server may be told the request, whole or by pseudonyms; privacy: upstreams.PRIVACY."""
    upstream = candidate.upstream
    if upstream is None or not candidate.provider.accepts(request):  # type: ignore[attr-defined]
        return False
    if upstream.trusted or privacy == "everything":
        return True
    if privacy == "nothing":
        return False
    return not tells_of_home(request) or (privacy == "pseudonyms" and _knows_names(request))


def is_veiled(candidate: Candidate, privacy: str) -> bool:
    """Whether it is told pseudonyms."""
    return privacy == "pseudonyms" and candidate.upstream is not None and not candidate.upstream.trusted


def answer_of(candidate: Candidate, request: ChatRequest, privacy: str) -> AsyncGenerator[ChatDelta]:
    """The answer, by pseudonyms of the home's names where the candidate may be told no others."""
    chat = partial(answered_by, candidate.provider)
    if not is_veiled(candidate, privacy):
        return chat(request)
    from picoqwen_core.pseudonyms.veil import with_pseudonyms  # noqa: PLC0415 - only where they are asked for

    return with_pseudonyms(request, chat)


def answered_by(provider: Provider, request: ChatRequest) -> AsyncGenerator[ChatDelta]:
    """The answer to a conversation, or what comes after a raw text."""
    return provider.generate(as_text(request)) if request.raw else provider.chat(request)


def tells_of_home(request: ChatRequest) -> bool:
    """Whether a request says what is in the house: by its context, tools, their results, or its prompt."""
    if request.home is not None or request.tools:
        return True
    return any(
        each.role == "tool" or each.tool_calls or any(mark in each.content for mark in _HOME_MARKS)
        for each in request.messages
    )


def _knows_names(request: ChatRequest) -> bool:
    from picoqwen_core.pseudonyms.veil import knows_names  # noqa: PLC0415

    return knows_names(request)
