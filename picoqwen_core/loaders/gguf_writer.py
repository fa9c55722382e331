"""Writes GGUF version 3 files: whole or not at all, one tensor after the other."""

import math
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf import DEFAULT_ALIGNMENT, MAGIC
from picoqwen_core.loaders.gguf_values import ValueType, packed_string, packed_value
from picoqwen_core.loaders.whole_files import whole_files
from picoqwen_core.quants.formats import BlockFormat

_VERSION = 3

Bytes = NDArray[np.uint8]
# A tensor's bytes, or what makes them piece by piece, so that they never lie in memory together.
type TensorBytes = Bytes | Callable[[], Iterable[Bytes]]
# Format, row-major shape, bytes.
type NewTensor = tuple[BlockFormat, tuple[int, ...], TensorBytes]


def write_gguf(
    path: Path | str,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, NewTensor],
    *,
    types: Mapping[str, ValueType] | None = None,
) -> int:
    """Write metadata and tensors to `path`, replacing what is there; returns the file's size in bytes.

    types: those of metadata values that should not be what gguf_values.inferred_type says.
    Raises CheckpointError when the disk does not take it, and when a tensor has other bytes than its shape.
    """
    path = Path(path)
    head = _head(metadata, tensors, types or {})
    size = len(head) + sum(_aligned(tensor_bytes(*tensor[:2])) for tensor in tensors.values())
    with whole_files([path], size) as (file,):
        file.write(head)
        for name, tensor in tensors.items():
            _write_tensor(file, name, tensor)
    return size


def tensor_bytes(format_: BlockFormat, shape: tuple[int, ...]) -> int:
    """How many bytes a tensor takes."""
    return math.prod(shape[:-1]) * format_.row_bytes(shape[-1])


def _head(
    metadata: Mapping[str, Any], tensors: Mapping[str, NewTensor], types: Mapping[str, ValueType]
) -> bytes:
    """All that stands before the tensors' bytes."""
    head = bytearray(MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        head += packed_string(key) + packed_value(key, value, types.get(key))
    offset = 0
    for name, (format_, shape, _) in tensors.items():
        head += packed_string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", format_.type_id, offset)
        offset += _aligned(tensor_bytes(format_, shape))
    return bytes(head) + bytes(_aligned(len(head)) - len(head))


def _write_tensor(file: IO[bytes], name: str, tensor: NewTensor) -> None:
    format_, shape, source = tensor
    expected, written = tensor_bytes(format_, shape), 0
    for piece in source() if callable(source) else (source,):
        written += file.write(np.ascontiguousarray(piece).data)
    if written != expected:
        raise CheckpointError(f"tensor {name!r} of shape {shape} needs {expected} bytes, got {written}")
    file.write(bytes(_aligned(expected) - expected))


def _aligned(size: int) -> int:
    return -(-size // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT
