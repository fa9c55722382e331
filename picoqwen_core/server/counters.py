"""What the server counts; how it is told stands in metrics.py."""

from collections import Counter

from picoqwen_core.messages import RUNGS, ChatDelta

# Seconds to the first piece of an answer.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# Shorter than this, the pieces of an answer came at once, and the time between them says nothing.
_LEAST_WRITING_SECONDS = 0.05


class Metrics:
    """What has happened since the start."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.tokens: Counter[str] = Counter()
        self.first_token: Counter[float] = Counter()
        self.first_token_sum = 0.0
        self.answers = 0
        # Conversations by the rung of the ladder that answered, whatever the routing was.
        self.rungs: Counter[str] = Counter(dict.fromkeys(RUNGS, 0))
        self.tokens_per_second = 0.0

    def request(self, path: str, status: int) -> None:
        """A request was answered."""
        self.requests[path, str(status)] += 1

    def begun(self, seconds: float) -> None:
        """The first piece of an answer came after so long."""
        bucket = next((limit for limit in BUCKETS if seconds <= limit), float("inf"))
        self.first_token[bucket] += 1
        self.first_token_sum += seconds

    def ended(self, delta: ChatDelta, writing: float, whole: float) -> None:
        """An answer ended, so many seconds after its first piece, and after it was asked for."""
        self.answers += 1
        if delta.served is not None and delta.served.rung:
            self.rungs[delta.served.rung] += 1
        if delta.usage is not None:
            self.tokens["prompt"] += delta.usage.prompt_tokens
            self.tokens["completion"] += delta.usage.completion_tokens
            self.tokens["cached"] += delta.usage.cached_tokens
            self.tokens_per_second = _speed(delta.usage.completion_tokens, writing, whole)


def _speed(tokens: int, writing: float, whole: float) -> float:
    """Tokens a second: while it was written, or where that was no time, of all of the answer."""
    if writing >= _LEAST_WRITING_SECONDS:
        return max(0, tokens - 1) / writing
    return tokens / whole if whole > 0 else 0.0
