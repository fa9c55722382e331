"""A checkpoint in memory: metadata, and tensors as views of the mapped files."""

import mmap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf_values import ValueType
from picoqwen_core.quants import q8_s
from picoqwen_core.quants.formats import BlockFormat


@dataclass(frozen=True, slots=True)
class Tensor:
    """A stored tensor; `shape` is row-major ([out, in] for a matrix), `data` its raw bytes, uint8 (n,).

    scales: of a Q8_S tensor, float32, one for each 32 columns.
    """

    name: str
    shape: tuple[int, ...]
    type: BlockFormat
    data: NDArray[np.uint8]
    scales: NDArray[np.float32] | None = None

    def dequantized(self) -> NDArray[np.float32]:
        """All elements as float32, in the tensor's shape. A copy, except for F32."""
        if self.scales is not None:
            return q8_s.dequantize(self.data, self.scales).reshape(self.shape)
        return self.type.dequantize(self.data).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model in GGUF's vocabulary, whatever its files are: metadata keys and tensor names as GGUF has them.

    path: what was opened; size: bytes of all its files. Tensors stay valid until `close`.
    """

    path: Path
    metadata: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    size: int
    maps: tuple[mmap.mmap, ...] = field(default=(), repr=False)
    # The types of metadata values where the file states them.
    types: Mapping[str, ValueType] = field(default_factory=dict, repr=False)

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name. Raises CheckpointError when the file lacks it."""
        if name not in self.tensors:
            raise CheckpointError(f"{self.path}: tensor {name!r} is missing")
        return self.tensors[name]

    def let_go(self) -> None:
        """Take what was read of the files out of memory; what is read again comes from them."""
        for each in self.maps:
            with suppress(OSError, ValueError):  # a kernel without advice only costs memory
                each.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Unmap the files, unless arrays still refer to them; then the last of them does."""
        for each in self.maps:
            try:
                each.close()
            except BufferError:
                continue
