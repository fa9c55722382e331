"""Limits of one run of an agent, and the meter that is read before every step."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from picoqwen_core.errors import LimitReached
from picoqwen_core.messages import Usage


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a run may use: calls of the model, its tokens (read and written), seconds, and dollars."""

    steps: int = 24
    tokens: int = 60_000
    seconds: float = 300.0
    cost: float = 0.05


class Meter:
    """What a run has used. Every method raises LimitReached as soon as there is no more."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.steps, self.tokens, self.cost = limits, 0, 0, 0.0
        self.prompt_tokens = self.completion_tokens = 0
        self._clock, self._start = clock, clock()

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return self._clock() - self._start

    def seconds_left(self) -> float:
        """How long it may still take."""
        left = self.limits.seconds - self.seconds
        if left <= 0:
            raise LimitReached.of("seconds", self.limits.seconds)
        return left

    def step(self) -> int:
        """Begin a step; how many tokens it may use."""
        if self.steps >= self.limits.steps:
            raise LimitReached.of("steps", self.limits.steps)
        if self.tokens >= self.limits.tokens:
            raise LimitReached.of("tokens", self.limits.tokens)
        if self.cost > self.limits.cost:
            raise LimitReached.of("cost", self.limits.cost)
        self.seconds_left()
        self.steps += 1
        return self.limits.tokens - self.tokens

    def used(self, usage: Usage, cost: float = 0.0) -> None:
        """A step is done."""
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.tokens = self.prompt_tokens + self.completion_tokens
        self.cost += cost

    def afford(self, cost: float) -> None:
        """Something that costs money is to be done."""
        if self.cost + cost > self.limits.cost:
            raise LimitReached.of("cost", self.limits.cost)
        self.cost += cost

    def to_json(self) -> dict[str, float]:
        """What was used, for the caller and for a run that is stored."""
        return {
            "steps": self.steps,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "seconds": round(self.seconds, 3),
            "cost": self.cost,
        }

    def take(self, used: dict[str, float]) -> None:
        """Go on from what a stored run had used."""
        self.steps = int(used["steps"])
        self.used(Usage(int(used["prompt_tokens"]), int(used["completion_tokens"])), used["cost"])
        self._start -= used["seconds"]
