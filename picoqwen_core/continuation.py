"""Going on with an answer that broke off: what somebody else is asked, and how the two parts become one.

Whoever can go on gets the text so far as the beginning of its own answer. Some servers say that beginning
again, and some begin anew whatever they are asked: both show in their first words.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from picoqwen_core.candidate import Candidate, is_veiled
from picoqwen_core.ladder import is_built_in
from picoqwen_core.messages import ChatDelta, ChatRequest, Message

# Stands where the answer begins anew; whoever passes it on says so in words.
ANEW = ChatDelta(event={"restarted": True})
_SENTENCE_END = re.compile(r"[.!?:;。！？…\n][\"'»)*\s]*\Z")
_LAST_WORD = re.compile(r"\S+\Z")
# So many characters in common with the beginning are no chance in the middle of a sentence.
_TELLING = 4


@dataclass(frozen=True, slots=True)
class Continuation:
    """What is asked, and what was said before: all of it, and its end that was not sent along.

    The end is white space, which would make the next token an unlikely one, or a word that may be the
    beginning of a name that the server must not see. The answer is expected to begin with it.
    """

    request: ChatRequest
    said: str
    tail: str

    async def joined(self, deltas: AsyncGenerator[ChatDelta]) -> AsyncGenerator[ChatDelta]:
        """What is new in the answer; ANEW comes first where it does not go on."""
        held, joined = "", False
        async with aclosing(deltas):
            async for delta in deltas:
                if joined or (not delta.content and not _ends(delta)):
                    yield delta
                    continue
                held += delta.content
                found = self._new(held, ended=_ends(delta))
                if found is None:
                    continue
                text, goes_on = found
                joined = True
                if not goes_on:
                    yield ANEW
                if text or _ends(delta):
                    yield replace(delta, content=text)

    def _new(self, text: str, *, ended: bool) -> tuple[str, bool] | None:
        """What of the first words is new, and whether they go on; None while that is not certain."""
        if text.startswith(self.said):
            return text[len(self.said) :], True
        again = _common(text, self.said)
        if again == len(text) and not ended:
            return None
        if again >= min(_TELLING, len(self.said)) and not _SENTENCE_END.search(self.said):
            return text, False
        return self._behind_tail(text, ended=ended)

    def _behind_tail(self, text: str, *, ended: bool) -> tuple[str, bool] | None:
        word, bare = self.tail.strip(), text.lstrip()
        if not self.tail:
            return text, True
        if not bare or (self.tail.startswith(text) and not ended):
            return ("", True) if ended else None
        if not word:
            return (text.removeprefix(self.tail) if text.startswith(self.tail) else bare), True
        if word.startswith(bare) and not ended:
            return None
        return (bare[len(word) :], True) if bare.startswith(word) else (text, False)


def can_go_on(candidate: Candidate) -> bool:
    """Whether it continues a text. The built-in model says sentences of its own only."""
    if candidate.upstream is None:
        return not is_built_in(candidate.provider.models)
    return candidate.upstream.can_continue


async def continuation(
    candidate: Candidate, request: ChatRequest, said: str, privacy: str
) -> Continuation | None:
    """How the candidate is asked to go on with what was said; None where it has to begin anew."""
    # A raw text is gone on with in any case; a longer one is no other wish.
    able = can_go_on(candidate) or (request.raw and candidate.upstream is not None)
    if not said.strip() or request.response_format is not None or not able:
        return None
    sent = said.rstrip()
    if is_veiled(candidate, privacy) and await asyncio.to_thread(_ends_in_name, request, sent):
        sent = _LAST_WORD.sub("", sent).rstrip()
    if not sent:
        return None
    *before, last = request.messages
    if request.raw:
        longer = replace(request, messages=(*before, replace(last, content=last.content + sent)))
        return Continuation(longer, said, said[len(sent) :])
    begun = last.content if request.continues else ""
    if not request.continues:
        before.append(last)
    asked = (*before, Message("assistant", begun + sent))
    going_on = replace(request, messages=asked, continues=True, thinking=False, thinking_budget=None)
    return Continuation(going_on, said, said[len(sent) :])


def _ends(delta: ChatDelta) -> bool:
    return delta.finish_reason is not None or delta.tool_call is not None


def _common(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _ends_in_name(request: ChatRequest, said: str) -> bool:
    from picoqwen_core.pseudonyms.veil import Veil  # noqa: PLC0415 - only where they are asked for

    return Veil(request).codes.begins(said)
