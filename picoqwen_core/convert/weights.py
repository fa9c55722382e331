"""A checkpoint's matrices as streams of rows, so that a model larger than the memory can be converted."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor

# Values that are converted at once: 4 MB of float32 for each thread, and as much again for what waits.
CHUNK_VALUES = 1 << 20
_AHEAD = 4

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LoraUpdate:
    """What an adapter adds to a matrix: scale x (b @ a); a float32 (rank, in), b float32 (out, rank)."""

    a: Floats
    b: Floats
    scale: np.float32

    def rows(self, first: int, last: int) -> Floats:
        """The rows from `first` to before `last`, float32 (last - first, in)."""
        # Summed by rank in this order, as qwen3-rs does, so that results are equal to the bit.
        total = np.zeros((last - first, self.a.shape[1]), np.float32)
        for rank, row in enumerate(self.a):
            total += self.b[first:last, rank, None] * row
        total *= self.scale
        return total


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor, and what is to be added to it."""

    tensor: Tensor
    update: LoraUpdate | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Row-major, as the tensor's."""
        return self.tensor.shape

    def rows(self, first: int, last: int) -> Floats:
        """Rows as float32 (last - first, columns). Raises CheckpointError for what is not a finite number."""
        columns, size = self.shape[-1], self.tensor.type.row_bytes(self.shape[-1])
        part = replace(
            self.tensor,
            shape=(last - first, columns),
            data=self.tensor.data[first * size : last * size],
            scales=self._scales(first, last),
        )
        values = part.dequantized()
        if self.update is not None:
            values = values + self.update.rows(first, last)
        if not np.isfinite(values).all():
            raise CheckpointError(f"tensor {self.tensor.name!r} holds infinities or what is not a number")
        return values

    def _scales(self, first: int, last: int) -> Floats | None:
        scales = self.tensor.scales
        if scales is None:
            return None
        per_row = scales.size * self.shape[-1] // math.prod(self.shape)
        return scales[first * per_row : last * per_row]


@dataclass(frozen=True, slots=True)
class Model:
    """An opened checkpoint and the adapter to merge into it; empty without one."""

    checkpoint: Checkpoint
    updates: Mapping[str, LoraUpdate] = field(default_factory=dict)

    def weight(self, name: str) -> Weight:
        """The tensor of that name. Raises CheckpointError when there is none."""
        return Weight(self.checkpoint.tensor(name), self.updates.get(name))


def encoded_rows[T](weight: Weight, encode: Callable[[Floats], T], pool: Executor) -> Iterator[T]:
    """What `encode` makes of some rows after the other, in order, by the threads of the pool."""
    columns = weight.shape[-1]
    total = math.prod(weight.shape[:-1])
    step = max(1, CHUNK_VALUES // columns)
    waiting: deque[Future[T]] = deque()
    try:
        for first in range(0, total, step):
            waiting.append(pool.submit(_encode, weight, first, min(first + step, total), encode))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _encode[T](weight: Weight, first: int, last: int, encode: Callable[[Floats], T]) -> T:
    return encode(weight.rows(first, last))
