"""Reads GGUF files (versions 2 and 3, little-endian) through a memory map.

Nothing in the file is trusted: every count, length and offset is checked against the file's size before it is
used. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.loaders.files import map_file
from picoqwen_core.quants.formats import FORMATS_BY_ID

MAGIC = b"GGUF"
DEFAULT_ALIGNMENT = 32
MAX_DIMENSIONS = 4
# GGUF value types: struct code of the scalar ones.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


class _Cursor:
    """Reads values from the mapped header, from front to back."""

    def __init__(self, path: Path, view: memoryview) -> None:
        self.path, self.view, self.at = path, view, 0

    def take(self, count: int, what: str) -> memoryview:
        if count > len(self.view) - self.at:
            raise CheckpointError(
                f"{self.path}: {what} needs {count} bytes at offset {self.at}, the file has {len(self.view)}"
            )
        self.at += count
        return self.view[self.at - count : self.at]

    def scalar(self, code: str, what: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code), what))[0]

    def string(self, what: str) -> str:
        length = self.scalar("Q", what)
        try:
            return str(self.take(length, what), "utf-8")
        except UnicodeDecodeError as err:
            raise CheckpointError(f"{self.path}: {what} is not UTF-8: {err}") from err

    def value(self, kind: int, what: str) -> Any:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind], what)
        if kind == _STRING:
            return self.string(what)
        if kind == _ARRAY:
            return self._array(what)
        raise CheckpointError(f"{self.path}: {what} has the unknown value type {kind}")

    def _array(self, what: str) -> list[Any]:
        kind, count = self.scalar("I", what), self.scalar("Q", what)
        if kind in _SCALARS:
            code = _SCALARS[kind]
            data = self.take(count * struct.calcsize(code), what)
            return list(struct.unpack(f"<{count}{code}", data))
        if kind != _STRING:
            raise CheckpointError(f"{self.path}: {what} is an array of the unsupported type {kind}")
        if count * 8 > len(self.view) - self.at:
            raise CheckpointError(
                f"{self.path}: {what} says it has {count} strings, more than the file holds"
            )
        return [self.string(what) for _ in range(count)]


def open_gguf(path: Path | str) -> Checkpoint:
    """Map a GGUF file. Raises CheckpointError, naming the file and the value, for anything that is wrong."""
    path = Path(path)
    mapped = map_file(path)
    cursor = _Cursor(path, memoryview(mapped))
    tensor_count, value_count = _header(cursor)
    metadata = _metadata(cursor, value_count)
    tensors = _tensors(cursor, tensor_count, metadata, np.frombuffer(mapped, np.uint8))
    return Checkpoint(path, metadata, tensors, len(mapped), (mapped,))


def _header(cursor: _Cursor) -> tuple[int, int]:
    """The numbers of tensors and of metadata values."""
    magic = bytes(cursor.take(4, "the magic number"))
    if magic != MAGIC:
        raise CheckpointError(f"{cursor.path}: not a GGUF file, it begins with {magic!r}")
    version = cursor.scalar("I", "the version")
    if version & 0xFFFF == 0:
        raise CheckpointError(f"{cursor.path}: big-endian GGUF files are not supported")
    if version not in (2, 3):
        raise CheckpointError(f"{cursor.path}: GGUF version {version} is not supported, only 2 and 3")
    tensor_count = cursor.scalar("Q", "the number of tensors")
    value_count = cursor.scalar("Q", "the number of metadata values")
    for what, count in (("tensors", tensor_count), ("metadata values", value_count)):
        if count * 12 > len(cursor.view):
            raise CheckpointError(f"{cursor.path}: says it has {count} {what}, more than the file holds")
    return tensor_count, value_count


def _metadata(cursor: _Cursor, count: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for _ in range(count):
        key = cursor.string("a metadata key")
        metadata[key] = cursor.value(cursor.scalar("I", f"the type of {key!r}"), f"metadata {key!r}")
    return metadata


def _tensors(
    cursor: _Cursor, count: int, metadata: dict[str, Any], data: np.ndarray[Any, np.dtype[np.uint8]]
) -> dict[str, Tensor]:
    """The tensor directory; tensor data begins after it, aligned."""
    entries = [_directory_entry(cursor) for _ in range(count)]
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise CheckpointError(f"{cursor.path}: general.alignment is {alignment!r}, not a power of two")
    start = -(-cursor.at // alignment) * alignment
    tensors: dict[str, Tensor] = {}
    taken: list[tuple[int, int, str]] = []
    for name, shape, type_id, offset in entries:
        if type_id not in FORMATS_BY_ID:
            raise CheckpointError(f"{cursor.path}: tensor {name!r} has GGML type {type_id}, not supported")
        format_ = FORMATS_BY_ID[type_id]
        size = math.prod(shape[:-1]) * format_.row_bytes(shape[-1])
        if offset % alignment or start + offset + size > len(data):
            raise CheckpointError(
                f"{cursor.path}: tensor {name!r} lies at offset {offset} with {size} bytes, "
                f"the file has {len(data) - start} bytes of tensor data"
            )
        if name in tensors:
            raise CheckpointError(f"{cursor.path}: tensor {name!r} occurs twice")
        taken.append((offset, offset + size, name))
        tensors[name] = Tensor(name, shape, format_, data[start + offset : start + offset + size])
    _refuse_overlaps(cursor.path, sorted(taken))
    return tensors


def _directory_entry(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    name = cursor.string("a tensor name")
    dimensions = cursor.scalar("I", f"the dimensions of {name!r}")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise CheckpointError(f"{cursor.path}: tensor {name!r} has {dimensions} dimensions")
    sizes = [cursor.scalar("Q", f"the shape of {name!r}") for _ in range(dimensions)]
    if 0 in sizes or math.prod(sizes) > len(cursor.view) * 8:
        raise CheckpointError(f"{cursor.path}: tensor {name!r} has the impossible shape {sizes}")
    type_id, offset = (
        cursor.scalar("I", f"the type of {name!r}"),
        cursor.scalar("Q", f"the offset of {name!r}"),
    )
    return name, tuple(reversed(sizes)), type_id, offset


def _refuse_overlaps(path: Path, taken: list[tuple[int, int, str]]) -> None:
    for (_, end, name), (start, _, following) in pairwise(taken):
        if start < end:
            raise CheckpointError(f"{path}: tensors {name!r} and {following!r} overlap")
