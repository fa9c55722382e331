"""The ids of an answer as deltas: decoded, taken apart, ended by a stop string, with their probabilities."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from picoqwen_core.engine.weighing import Weighed, Weights, mean_logprob
from picoqwen_core.messages import ChatDelta, FinishReason, TokenChoice, TokenLogprob
from picoqwen_core.parsing import StopStrings
from picoqwen_core.tokenizer import Tokenizer


class Parser(Protocol):
    """Takes a text apart (parsing.OutputParser)."""

    def feed(self, text: str) -> list[ChatDelta]:
        """What this piece makes certain."""

    def finish(self, *, cut: bool = False) -> list[ChatDelta]:
        """The rest."""


class PlainText:
    """All of it is content."""

    def feed(self, text: str) -> list[ChatDelta]:
        """The piece."""
        return [ChatDelta(content=text)] if text else []

    def finish(self, *, cut: bool = False) -> list[ChatDelta]:
        """Nothing was held back."""
        del cut
        return []


class AnswerText:
    """One answer. Stop strings count in its content: not in thoughts, nor in calls, which they would cut."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        parser: Parser,
        stop: Sequence[str],
        *,
        skip_special: bool,
        weights: Weights | None = None,
    ) -> None:
        """weights: has an entry for each id by the time that it is pushed."""
        self._tokenizer = tokenizer
        self._decoder = tokenizer.stream_decoder(skip_special=skip_special)
        self._parser = parser
        self._stops = StopStrings(stop)
        self._weights = weights
        self._pushed = 0
        self._waiting: list[Weighed] = []

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self._stops.hit

    def push(self, token: int) -> list[ChatDelta]:
        """What one more id makes certain."""
        if self._weights is not None:
            self._waiting.append(self._weights.entries[self._pushed])
            self._pushed += 1
        text = self._decoder.push(token)
        return self._given(self._parser.feed(text)) if text else []

    def end(self, reason: FinishReason) -> list[ChatDelta]:
        """The rest."""
        if self.stopped:
            return []
        rest = self._parser.feed(self._decoder.flush()) + self._parser.finish(cut=reason != "stop")
        given = self._given(rest)
        if text := self._stops.finish():
            given += self._weighed([ChatDelta(content=text)])
        return given

    def _given(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas as far as no stop string has come."""
        given: list[ChatDelta] = []
        for delta in deltas:
            if delta.content:
                if text := self._stops.feed(delta.content):
                    given.append(replace(delta, content=text))
                if self._stops.hit:
                    break
                continue
            if text := self._stops.finish():
                given.append(ChatDelta(content=text))
            given.append(delta)
        return self._weighed(given)

    def _weighed(self, deltas: list[ChatDelta]) -> list[ChatDelta]:
        """The deltas, each with the probabilities of the ids since the one before it."""
        if self._weights is None:
            return deltas
        found = []
        for delta in deltas:
            entries, self._waiting = self._waiting, []
            if delta.tool_call is not None:
                found.append(replace(delta, mean_logprob=mean_logprob(entries)))
            elif delta.content:
                found.append(replace(delta, logprobs=tuple(map(self._told, entries))))
            else:
                found.append(delta)
        return found

    def _told(self, entry: Weighed) -> TokenLogprob:
        top = tuple(self._choice(token, logprob) for token, logprob in entry.top)
        return TokenLogprob(self._choice(entry.token, entry.logprob), top)

    def _choice(self, token: int, logprob: float) -> TokenChoice:
        spelled = self._tokenizer.token_bytes(token)
        return TokenChoice(spelled.decode("utf-8", "replace"), tuple(spelled), logprob)
