"""A model in an engine of its own, talked to as with qwen3-rs: a question after the other, or one text.

No terminal here: texts come in, pieces go to a function, and what each turn took comes back.
"""

import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from picoqwen_core.engine.client import EngineClient
from picoqwen_core.messages import (
    ChatDelta,
    ChatRequest,
    FinishReason,
    GenerateRequest,
    Message,
    SamplingParams,
)

type Write = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn took: tokens read back after the first, the seconds they took, why it ended.

    forgotten: earlier turns that were dropped because the context had no room for them.
    """

    tokens: int
    seconds: float
    reason: FinishReason
    forgotten: int = 0


class Talk:
    """A conversation in which everything said before is kept, as far as the context holds it."""

    def __init__(
        self, client: EngineClient, sampling: SamplingParams, *, system: str | None, thinking: bool
    ) -> None:
        """sampling: its seed is the first turn's; each turn takes the next, or they would draw alike."""
        self._client = client
        self._sampling = sampling
        self._thinking = thinking
        self._system = (Message("system", system),) if system else ()
        self._history: list[tuple[Message, Message]] = []
        self._turns = 0

    async def answer(self, text: str, write: Write) -> Turn:
        """Answer what the user says; the oldest turns are forgotten if there is no room.

        Raises ContextLengthExceeded when there is none for this turn alone, and the engine's errors; what was
        said is then forgotten, so that it can be said again.
        """
        asked, output = Message("user", text), _Output(write)
        turn = await _drain(self._client.chat(self._request(asked)), output)
        # What the engine had no room for would not fit the next time either.
        del self._history[: turn.forgotten]
        self._history.append((asked, Message("assistant", output.content)))
        self._turns += 1
        return turn

    def _request(self, asked: Message) -> ChatRequest:
        seed = self._sampling.seed
        return ChatRequest(
            messages=(*self._system, *(each for turn in self._history for each in turn), asked),
            sampling=replace(self._sampling, seed=None if seed is None else seed + self._turns),
            thinking=self._thinking,
        )


async def continue_text(client: EngineClient, prompt: str, sampling: SamplingParams, write: Write) -> Turn:
    """Continue a text until the model ends it or the context is full."""
    return await _drain(client.generate(GenerateRequest(prompt, sampling=sampling)), _Output(write))


async def _drain(deltas: AsyncGenerator[ChatDelta], output: "_Output") -> Turn:
    """Show all deltas. The clock starts with the first, when the prompt has been read."""
    started, reason, tokens, forgotten = 0.0, None, 0, 0
    async for delta in deltas:
        started = started or time.monotonic()
        output.show(delta)
        reason = delta.finish_reason or reason
        if delta.usage is not None:
            # The first token comes from reading the prompt.
            tokens = max(delta.usage.completion_tokens - 1, 0)
            left_out = delta.usage.truncated
            # A turn is what was asked and what was answered.
            forgotten = left_out.messages // 2 if left_out is not None else 0
    return Turn(tokens, time.monotonic() - started, reason or "stop", forgotten)


class _Output:
    """Writes deltas as the text that the model wrote, tags included; `content` is the answer alone."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._thinking = False
        self.content = ""

    def show(self, delta: ChatDelta) -> None:
        if delta.reasoning:
            self._write(delta.reasoning if self._thinking else f"<think>\n{delta.reasoning}")
            self._thinking = True
        text = delta.content
        if delta.tool_call is not None:
            call = {"name": delta.tool_call.name, "arguments": dict(delta.tool_call.arguments)}
            text += f"\n<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"
        if text:
            self._write(f"\n</think>\n\n{text}" if self._thinking else text)
            self._thinking = False
            self.content += text
