"""A model file made ready to answer: tokenizer, template and engine together, requests in, deltas out."""

import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Self

from picoqwen_core.chat import TEMPLATE_KEY, ChatTemplate
from picoqwen_core.engine.answer_text import AnswerText, PlainText
from picoqwen_core.engine.cache_store import Saver
from picoqwen_core.engine.constraint import Constraint
from picoqwen_core.engine.engine import Engine
from picoqwen_core.engine.setup import Wishes, keep_prefixes, make_engine, tokens_of
from picoqwen_core.engine.tasks import Counts, Priority
from picoqwen_core.engine.turns import fitted
from picoqwen_core.engine.weighing import Weights
from picoqwen_core.errors import CheckpointError, RequestError
from picoqwen_core.grammar.answers import AnswerConstraints
from picoqwen_core.home.responder import HomeResponder
from picoqwen_core.loaders.checkpoint import Checkpoint
from picoqwen_core.loaders.open import open_checkpoint
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    DetokenizeRequest,
    FinishReason,
    GenerateRequest,
    Message,
    ModelInfo,
    Primed,
    SamplingParams,
    ScoreRequest,
    TokenizeRequest,
    Tokens,
    Truncated,
    Usage,
)
from picoqwen_core.model.qwen3 import Qwen3
from picoqwen_core.parsing import OutputParser
from picoqwen_core.tokenizer import Tokenizer

_LOGGER = logging.getLogger(__name__)

PROMPT_FORMAT_KEY, HOME_FORMAT = "picoqwen.prompt_format", "home-1"
# The longest decision of the built-in model is far shorter; a model gone astray ends here.
HOME_MAX_TOKENS = 64
PRIORITIES = {"voice": Priority.VOICE, "chat": Priority.CHAT, "background": Priority.BACKGROUND}
_GREEDY = SamplingParams(temperature=0)
_OPEN_THOUGHT = "<think>"
_WARM_UP_TOKENS = 40


class _Meter(Counts):
    """The tokens of one request."""

    def usage(self, prompt_tokens: int) -> Usage:
        return Usage(prompt_tokens, self.decoded_tokens, self.cached_tokens)


_NO_WISHES = Wishes()


class LoadedModel:
    """Answers on the threads that call it, each request on its own."""

    def __init__(
        self, info: ModelInfo, tokenizer: Tokenizer, template: ChatTemplate | None, engine: Engine
    ) -> None:
        self.info = info
        self.engine = engine
        self.saver: Saver | None = None
        self._tokenizer = tokenizer
        self._template = template
        self._constraints = AnswerConstraints(tokenizer)
        # They share what was compiled before.
        self._constraining = threading.Lock()

    @classmethod
    def load(cls, path: Path, model_id: str, wishes: Wishes = _NO_WISHES) -> Self:
        """Open a model (loaders.open).

        Raises CheckpointError when it cannot be used, InsufficientMemory when no context fits.
        """
        checkpoint = open_checkpoint(path)
        metadata = checkpoint.metadata
        tokenizer = Tokenizer.from_metadata(metadata)
        template = ChatTemplate.from_metadata(metadata) if TEMPLATE_KEY in metadata else None
        model = Qwen3.from_checkpoint(
            _without_tokenizer(checkpoint), threads=wishes.threads, kv_cache=wishes.kv_cache
        )
        if tokenizer.vocab_size > model.config.vocab_size:
            raise CheckpointError(
                f"{path}: {tokenizer.vocab_size} tokens, but a model of {model.config.vocab_size}"
            )
        if wishes.kv_cache not in ("auto", model.cache_kind):
            _LOGGER.warning(
                "This model's KV cache cannot be %s; taking %s", wishes.kv_cache, model.cache_kind
            )
        engine = make_engine(model, tokens_of(checkpoint), wishes)
        info = _info(checkpoint, model_id, engine.context_length)
        loaded = cls(info, tokenizer, template, engine)
        loaded.warm_up()
        loaded.saver = None if info.built_in else keep_prefixes(engine, model, wishes)
        return loaded

    def warm_up(self) -> None:
        """Compile what prompts and answers run through, so that the first request does not wait for it."""
        prompt = [0] * min(_WARM_UP_TOKENS, self.engine.context_length - 2)
        for _ in self.engine.generate(prompt, _GREEDY, max_tokens=2, stop_ids=frozenset()):
            pass
        self.engine.forget()

    def chat(self, request: ChatRequest, cancelled: Callable[[], bool]) -> Iterator[ChatDelta]:
        """Continue a conversation; the last delta carries the finish reason and the usage."""
        return (self._home_chat if self.info.built_in else self._template_chat)(request, cancelled)

    def generate(self, request: GenerateRequest, cancelled: Callable[[], bool]) -> Iterator[ChatDelta]:
        """Continue raw text; control tokens that the model writes are shown."""
        meter = _Meter()
        ids = self._tokenizer.encode(request.prompt)
        if self._tokenizer.bos_id is not None:
            ids.insert(0, self._tokenizer.bos_id)
        with self._constraining:
            constraint = self._constraints.of_text(request)
        weights = Weights(request.logprobs) if request.logprobs is not None else None
        text = AnswerText(self._tokenizer, PlainText(), request.stop, skip_special=False, weights=weights)
        reason = yield from self._answer(
            ids, request, cancelled, text, constraint=constraint, meter=meter, weights=weights
        )
        yield ChatDelta(finish_reason=reason, usage=meter.usage(len(ids)))

    def prime(self, request: ChatRequest, cancelled: Callable[[], bool]) -> Primed:
        """Read a conversation's prompt ahead, so that a request that begins like it need not.

        The built-in model reads prompts that are too short for that.
        """
        if self.info.built_in:
            return Primed(state="skipped")
        if self._template is None:
            raise RequestError(f"{self.info.id} has no chat template; there is nothing to read ahead")
        ids = self._tokenizer.encode(self._template.chat_prompt(request, request.messages))
        if self.saver is not None:
            self.saver.hurry()
        reason, cached = self.engine.prime(ids, cancelled=cancelled)
        return Primed(len(ids), cached, "ready" if reason == "stop" else "cancelled")

    def score(self, request: ScoreRequest, cancelled: Callable[[], bool]) -> list[float] | None:
        """The log probability of each choice as the beginning of the answer; None when cancelled.

        RequestError for the built-in model, which writes decisions and no answers, and where one choice
        begins like another, so that their probabilities would overlap.
        """
        if self.info.built_in or self._template is None:
            raise RequestError(
                f"{self.info.id} answers no free questions, so it cannot weigh choices; name a larger model"
            )
        prompt = self._template.render(request.messages, thinking=False)
        choices = [self._tokenizer.encode(choice) for choice in request.choices]
        for left, right in permutations(range(len(choices)), 2):
            if choices[right][: len(choices[left])] == choices[left]:
                raise RequestError(
                    f"choice {request.choices[right]!r} begins like {request.choices[left]!r}; "
                    "give them distinct beginnings, such as letters"
                )
        return self.engine.score(self._tokenizer.encode(prompt), choices, cancelled=cancelled)

    def tokenize(self, request: TokenizeRequest) -> Tokens:
        """The tokens of raw text, or of a conversation as the template writes it.

        RequestError for a conversation where there is no template, or where home/ writes the prompts.
        """
        text = request.text
        if request.messages:
            if self._template is None or self.info.built_in:
                raise RequestError(f"{self.info.id} has no chat template; give `text` instead of `messages`")
            text = self._template.render(request.messages, request.tools)
        ids = self._tokenizer.encode(text)
        return Tokens(tuple(ids), tuple(self._tokenizer.decode([each]) for each in ids))

    def detokenize(self, request: DetokenizeRequest) -> str:
        """The text of tokens. RequestError for an id that the vocabulary does not have."""
        for token in request.tokens:
            if not 0 <= token < self._tokenizer.vocab_size:
                raise RequestError(
                    f"tokens: {token} is not in the vocabulary; "
                    f"allowed: 0 to {self._tokenizer.vocab_size - 1}"
                )
        return self._tokenizer.decode(request.tokens)

    def _template_chat(self, request: ChatRequest, cancelled: Callable[[], bool]) -> Iterator[ChatDelta]:
        if self._template is None:
            raise RequestError(f"{self.info.id} has no chat template; it can only continue raw text")
        meter = _Meter()
        prompt, ids, truncated = self._prompt(self._template, request)
        thinking = prompt.rstrip().endswith(_OPEN_THOUGHT)
        with self._constraining:
            constraint = self._constraints.of_chat(request, thought_open=thinking)
        parser = OutputParser(thinking=thinking, formatted=request.response_format is not None)
        weights = Weights(request.logprobs) if request.logprobs is not None else None
        text = AnswerText(self._tokenizer, parser, request.stop, skip_special=True, weights=weights)
        answer = self._answer(
            ids, request, cancelled, text, constraint=constraint, meter=meter, weights=weights
        )
        first = True
        reason: FinishReason | None = None
        while reason is None:
            try:
                delta = next(answer)
                yield replace(delta, truncated=truncated if first else None)
                first = False
            except StopIteration as end:
                reason = end.value
        if parser.tool_calls and reason == "stop":
            reason = "tool_calls"
        usage = replace(meter.usage(len(ids)), truncated=truncated)
        yield ChatDelta(finish_reason=reason, usage=usage, truncated=truncated if first else None)

    def _prompt(
        self, template: ChatTemplate, request: ChatRequest
    ) -> tuple[str, list[int], Truncated | None]:
        """The prompt, its ids, and what was left out of it so that it fits."""

        def rendered(messages: Sequence[Message]) -> str:
            return template.chat_prompt(request, messages)

        messages, truncated = fitted(
            request.messages,
            lambda each: len(self._tokenizer.encode(rendered(each))),
            context=self.engine.context_length,
            max_tokens=request.max_tokens,
        )
        prompt = rendered(messages)
        return prompt, self._tokenizer.encode(prompt), truncated

    def _home_chat(self, request: ChatRequest, cancelled: Callable[[], bool]) -> Iterator[ChatDelta]:
        """The built-in model reads compact prompts; home/ writes them and makes answers of its output."""
        if request.response_format or request.tool_choice not in ("auto", "none"):
            raise RequestError(
                f"{self.info.id} decides by itself whether to act or to speak: it takes no response_format, "
                "and as tool_choice only auto or none; name a larger model"
            )
        if request.continues:
            raise RequestError(
                f"continue_final_message: {self.info.id} writes sentences of its own; name a larger model"
            )
        if request.logprobs is not None:
            raise RequestError(f"logprobs: {self.info.id} writes decisions, not words; name a larger model")
        if request.tool_choice == "none":
            request = replace(request, tools=())
        meter = _Meter()
        prompt_tokens = 0

        def complete(prompt: str) -> tuple[str, float]:
            nonlocal prompt_tokens
            weights = Weights(0)
            ids = self._tokenizer.encode(prompt)
            prompt_tokens += len(ids)
            stream = self.engine.generate(
                ids,
                _GREEDY,
                max_tokens=HOME_MAX_TOKENS,
                stop_ids=self._tokenizer.stop_ids,
                cancelled=cancelled,
                priority=PRIORITIES[request.priority],
                counts=meter,
                weights=weights,
            )
            output = list(stream)
            if cancelled():
                raise _Cancelled
            return self._tokenizer.decode(output), math.exp(sum(each.logprob for each in weights.entries))

        reason: FinishReason = "stop"
        rule = ""
        try:
            for delta in HomeResponder(complete).respond(request):
                reason = "tool_calls" if delta.tool_call else delta.finish_reason or reason
                rule = delta.rule or rule
                piece = replace(delta, finish_reason=None, usage=None, rule="")
                if piece != ChatDelta():
                    yield piece
                if cancelled():
                    reason = "cancelled"
                    break
        except _Cancelled:
            reason = "cancelled"
        yield ChatDelta(finish_reason=reason, usage=meter.usage(prompt_tokens), rule=rule)

    def _answer(
        self,
        ids: list[int],
        request: ChatRequest | GenerateRequest,
        cancelled: Callable[[], bool],
        text: AnswerText,
        *,
        constraint: Constraint | None,
        meter: _Meter,
        weights: Weights | None = None,
    ) -> Generator[ChatDelta, None, FinishReason]:
        """Yield what `text` makes of the answer's ids, up to a stop string; returns why it ends."""
        tokens = self.engine.generate(
            ids,
            request.sampling,
            max_tokens=request.max_tokens,
            stop_ids=self._tokenizer.stop_ids,
            cancelled=cancelled,
            constraint=constraint,
            priority=PRIORITIES[request.priority],
            counts=meter,
            weights=weights,
        )
        reason: FinishReason | None = None
        while reason is None:
            try:
                yield from text.push(next(tokens))
            except StopIteration as end:
                reason = end.value
            if text.stopped:
                tokens.close()
                return "stop"
        yield from text.end(reason)
        return reason


class _Cancelled(Exception):
    """The caller has left in the middle of a home request."""


def _without_tokenizer(checkpoint: Checkpoint) -> Checkpoint:
    """What a model needs to keep: Qwen's lists of tokens and merges alone cost 28 MB."""
    kept = {key: value for key, value in checkpoint.metadata.items() if not key.startswith("tokenizer.")}
    return replace(checkpoint, metadata=kept)


def _info(checkpoint: Checkpoint, model_id: str, context_length: int) -> ModelInfo:
    weights: Counter[str] = Counter()
    for tensor in checkpoint.tensors.values():
        weights[tensor.type.name] += math.prod(tensor.shape)
    return ModelInfo(
        id=model_id,
        path=str(checkpoint.path),
        architecture=str(checkpoint.metadata["general.architecture"]),
        parameters=weights.total(),
        size_bytes=checkpoint.size,
        quantization=weights.most_common(1)[0][0],
        context_length=context_length,
        built_in=checkpoint.metadata.get(PROMPT_FORMAT_KEY) == HOME_FORMAT,
    )
