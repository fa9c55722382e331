"""What an answer took: its times and its tokens, measured where they matter, at this end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .const import BUILT_IN_MODEL

# Who may answer, the nearest first.
RUNGS = ("rules", "built_in", "local", "cloud")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One answer of a server; times in milliseconds."""

    model: str | None
    total_ms: float
    first_ms: float | None = None
    writing_ms: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: str | None = None
    rounds: int = 1
    error: str | None = None
    # Which rung of the server's ladder answered ("rules", "built_in", "local", "cloud"), who, and why.
    rung: str | None = None
    provider: str | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """All of it, for traces, events and the answers of actions."""
        return {
            **asdict(self),
            "tokens_per_second": self.tokens_per_second,
            "cached_percent": self.cached_percent,
        }

    @property
    def tokens_per_second(self) -> float | None:
        """The speed of writing, once the first token was there; None for answers too short to tell."""
        if not self.completion_tokens or self.completion_tokens < 2 or self.writing_ms <= 0:
            return None
        return round(1000 * self.completion_tokens / self.writing_ms, 1)

    @property
    def cached_percent(self) -> float | None:
        """How much of the prompt the server had read before."""
        if not self.prompt_tokens or self.cached_tokens is None:
            return None
        return round(100 * self.cached_tokens / self.prompt_tokens, 1)


@dataclass(slots=True)
class Meter:
    """Watches the deltas of an answer go by, over as many rounds as its tool calls need."""

    model: str | None = None
    rounds: int = 0
    finish_reason: str | None = None
    clock: Callable[[], float] = time.perf_counter
    _started: float = field(init=False)
    _first_ms: float | None = None
    _round_first_ms: float | None = None
    _writing_ms: float = 0.0
    _prompt: int | None = None
    _completion: int | None = None
    _cached: int | None = None
    _served: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The clock runs from here on."""
        self._started = self.clock()

    def round(self) -> None:
        """Another request is made."""
        self.rounds += 1
        self.finish_reason = self._round_first_ms = None

    def see(self, delta: dict[str, Any]) -> None:
        """Take note of one delta."""
        said = any(delta.get(key) for key in ("content", "reasoning_content", "tool_calls"))
        if said and self._round_first_ms is None:
            self._round_first_ms = self._ms()
            self._first_ms = self._round_first_ms if self._first_ms is None else self._first_ms
        self.finish_reason = delta.get("finish_reason") or self.finish_reason
        self.model = delta.get("model") or self.model
        self._served = delta.get("served") or self._served
        usage = delta.get("usage")
        if isinstance(usage, dict):
            details = usage.get("prompt_tokens_details")
            if self._round_first_ms is not None:
                self._writing_ms += self._ms() - self._round_first_ms
            self._prompt = _sum(self._prompt, usage.get("prompt_tokens"))
            self._completion = _sum(self._completion, usage.get("completion_tokens"))
            self._cached = _sum(
                self._cached, details.get("cached_tokens") if isinstance(details, dict) else None
            )

    @property
    def rung(self) -> str | None:
        """Who gave the last round, as far as the server has told by now."""
        return served_by(self.model, self._served)["rung"]

    def measurement(self, error: Exception | None = None) -> Measurement:
        """The whole of it, when the answer is there, or has failed."""
        return Measurement(
            model=self.model,
            total_ms=self._ms(),
            first_ms=self._first_ms,
            writing_ms=self._writing_ms,
            prompt_tokens=self._prompt,
            completion_tokens=self._completion,
            cached_tokens=self._cached,
            finish_reason=self.finish_reason,
            rounds=self.rounds,
            error=type(error).__name__ if error else None,
            **served_by(self.model, self._served),
        )

    def _ms(self) -> float:
        return round(1000 * (self.clock() - self._started), 1)


def served_by(model: str | None, served: Mapping[str, Any] | None) -> dict[str, str | None]:
    """The rung that answered, who that was, and why: as the server says, or by what it leaves out.

    A server without others to ask does not say who answered: it was itself.
    """
    served = served or {}
    model, provider = served.get("model") or model, served.get("provider")
    rung = served.get("rung")
    if rung is None and model is not None:
        here = "built_in" if model == BUILT_IN_MODEL else "local"
        rung = here if provider in (None, "local") else "cloud"
    notes = served.get("notes")
    reason = served.get("reason") or ("; ".join(map(str, notes)) if isinstance(notes, list) else None)
    return {"rung": rung, "provider": provider, "reason": reason or None}


def _sum(so_far: int | None, more: Any) -> int | None:
    return so_far if not isinstance(more, int) else (so_far or 0) + more
