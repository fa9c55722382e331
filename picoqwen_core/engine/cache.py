"""What the engine needs of a model and of its caches, so that it can be tested with any."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

type Logits = NDArray[np.float32]


class Cache(Protocol):
    """Keys and values of the tokens that were read, in blocks."""

    capacity: int
    blocks: list[Any]

    @property
    def length(self) -> int:
        """Tokens held."""

    def adopt(self, blocks: list[Any], length: int) -> None:
        """Begin with blocks that hold `length` tokens; what is written goes behind those."""

    def truncate(self, length: int) -> None:
        """Forget the tokens from `length` on."""


class LanguageModel(Protocol):
    """A model over token ids; one call at a time."""

    @property
    def vocab_size(self) -> int:
        """Ids are below it."""

    @property
    def block_tokens(self) -> int:
        """Tokens of a cache's block."""

    @property
    def exact_prompt_tokens(self) -> int:
        """From so many tokens on, what prefill computes does not depend on how a prompt is cut."""

    @property
    def chunk_tokens(self) -> int:
        """Most tokens of one call."""

    def new_cache(self, capacity: int) -> Any:
        """An empty cache for this many tokens."""

    def prefill(self, ids: Sequence[int], cache: Any, *, logits: bool) -> Logits | None:
        """Read a piece of a prompt; the logits (vocab,) after it, where they are wanted."""

    def read(
        self, parts: Sequence[tuple[Sequence[int], Any, int]], begun: Callable[[], None] = lambda: None
    ) -> Logits:
        """Read (ids, cache, wanted) of several sequences, each bit for bit as if it were read alone.

        Returns the logits of each one's last `wanted` tokens, (sum of wanted, vocab), one after the other.
        begun: called when all threads compute, so that others may have the interpreter.
        """
