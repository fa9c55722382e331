"""What the token loop asks of a constraint on its output; the constraints themselves are made elsewhere."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Constraint(Protocol):
    """What may come next in one generation; it lives on the engine's thread."""

    def mask(self) -> NDArray[np.int32] | None:
        """The ids allowed next, or None when all are.

        A bit for each id, the lowest first: (ceil(vocab / 32),) int32. An id past its end is not allowed,
        a stop id is where the output may end. The array is overwritten by the next call.
        """

    def forced(self) -> list[int]:
        """The ids that must come next whatever the logits say, often none; asking does not consume them."""

    def accept(self, token: int) -> None:
        """Take note that this id, which was allowed, was appended. Stop ids are not handed over."""

    def stopped(self) -> bool:
        """Whether the output is complete, so that only a stop id may follow."""

    def rollback(self, tokens: int) -> None:
        """Take back the last accepted ids, as many as that."""
