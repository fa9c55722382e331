"""A compiled grammar as the token loop's constraint."""

import llguidance
import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import EngineError, GrammarError


class MatcherConstraint:
    """Follows one text through a grammar (engine.constraint.Constraint)."""

    def __init__(self, matcher: llguidance.LLMatcher, vocab_size: int) -> None:
        """matcher: at its start, and nobody else's; vocab_size: tokens of the tokenizer."""
        self._matcher = matcher
        self._mask = np.zeros((vocab_size + 31) // 32, np.int32)

    def mask(self) -> NDArray[np.int32]:
        """See Constraint. GrammarError where the grammar has grown too complex for its limits."""
        self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        self._check()
        return self._mask

    def forced(self) -> list[int]:
        """See Constraint; only as far as the cutting into tokens is certain."""
        ids: list[int] = self._matcher.compute_ff_tokens()
        return ids

    def accept(self, token: int) -> None:
        """See Constraint."""
        if not self._matcher.consume_token(token):
            raise EngineError(f"the grammar does not allow token {token}")

    def stopped(self) -> bool:
        """See Constraint."""
        stopped: bool = self._matcher.is_stopped()
        if stopped:
            self._check()
        return stopped

    def rollback(self, tokens: int) -> None:
        """See Constraint."""
        if not self._matcher.rollback(tokens):
            raise EngineError(f"the grammar cannot go back {tokens} tokens")

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GrammarError(f"the grammar cannot be followed: {first_line(self._matcher.get_error())}")


def first_line(message: str) -> str:
    """What went wrong, without the state of the parser that the library adds."""
    return " ".join(message.partition("<state>")[0].split())[:400]
