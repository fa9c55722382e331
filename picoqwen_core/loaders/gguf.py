"""Reads GGUF files (versions 2 and 3, little-endian) through a memory map.

Nothing in the file is trusted: every count, length and offset is checked against the file's size before it is
used. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import re
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from picoqwen_core.errors import CheckpointError, shown
from picoqwen_core.loaders.checkpoint import Checkpoint, Tensor
from picoqwen_core.loaders.files import map_file
from picoqwen_core.loaders.gguf_values import ARRAY, SCALARS, STRING, ValueType
from picoqwen_core.quants.formats import FORMATS_BY_ID

MAGIC = b"GGUF"
DEFAULT_ALIGNMENT = 32
MAX_DIMENSIONS = 4
# As Python objects, values of an array take many times their bytes; large vocabularies have 262,144 tokens.
MAX_ARRAY = 1 << 22
MAX_NAME, MAX_ENTRIES = 1024, 1 << 16
_LENGTH = struct.Struct("<Q")
# How parts of a model in several files are named: https://github.com/ggml-org/llama.cpp, llama_split_path.
_MAX_PARTS = 1 << 16
_PART_NAME = re.compile(r"(.*)-([0-9]{5})-of-([0-9]{5})\.gguf")


class _Cursor:
    """Reads values from the mapped header, from front to back."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path, self.data, self.at, self.size = path, data, 0, len(data)

    def require(self, count: int, what: str) -> None:
        if count > self.size - self.at:
            raise CheckpointError(
                f"{self.path}: {what} needs {count} bytes at offset {self.at}, the file has {self.size}"
            )

    def take(self, count: int, what: str) -> bytes:
        self.require(count, what)
        self.at += count
        return self.data[self.at - count : self.at]

    def scalar(self, code: str, what: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code), what))[0]

    def name(self, what: str) -> str:
        found = self.string(what)
        if len(found) > MAX_NAME:
            raise CheckpointError(f"{self.path}: {what} has {len(found)} characters")
        return found

    def string(self, what: str) -> str:
        return self.strings(1, what)[0]

    def strings(self, count: int, what: str) -> list[str]:
        """A vocabulary has 300,000 of them, so this is one plain loop."""
        data, at, size = self.data, self.at, self.size
        length_at = _LENGTH.unpack_from
        found: list[str] = []
        try:
            for _ in range(count):
                (length,) = length_at(data, at)
                end = at + 8 + length
                if end > size:
                    break
                found.append(str(data[at + 8 : end], "utf-8"))
                at = end
        except struct.error:
            pass  # the file ends within a length
        except UnicodeDecodeError as err:
            raise CheckpointError(f"{self.path}: {what} is not UTF-8: {err}") from err
        self.at = at
        if len(found) < count:
            raise CheckpointError(f"{self.path}: {what} needs more than the {size} bytes that the file has")
        return found

    def value(self, kind: int, what: str) -> Any:
        if kind in SCALARS:
            return self.scalar(SCALARS[kind], what)
        if kind == STRING:
            return self.string(what)
        if kind == ARRAY:
            return self._array(what)
        raise CheckpointError(f"{self.path}: {what} has the unknown value type {kind}")

    def _array(self, what: str) -> list[Any]:
        kind, count = self.scalar("I", what), self.scalar("Q", what)
        if kind != STRING and kind not in SCALARS:
            raise CheckpointError(f"{self.path}: {what} is an array of the unsupported type {kind}")
        code = SCALARS.get(kind, "Q")
        self.require(count * struct.calcsize("<" + code), f"{what}, an array of {count} values,")
        if count > MAX_ARRAY:
            raise CheckpointError(f"{self.path}: {what} is an array of {count} values, more than any model's")
        if kind == STRING:
            return self.strings(count, what)
        return list(struct.unpack(f"<{count}{code}", self.take(count * struct.calcsize("<" + code), what)))


def open_gguf(path: Path | str) -> Checkpoint:
    """Map a GGUF file; of a model in several files, all of them, whichever is named.

    Raises CheckpointError, naming the file and the value, for anything that is wrong.
    """
    path = Path(path)
    part = _open_file(path)
    number, count = _split(part)
    if count == 1:
        return part
    name = _PART_NAME.fullmatch(path.name)
    if name is None or int(name[2]) != number + 1 or int(name[3]) != count:
        wanted = f"NAME-{number + 1:05}-of-{count:05}.gguf"
        raise CheckpointError(f"{path}: is part {number + 1} of {count} and must be named {wanted}")
    paths = [path.with_name(f"{name[1]}-{each + 1:05}-of-{count:05}.gguf") for each in range(count)]
    for each in paths:
        if not each.is_file():
            raise CheckpointError(f"{path}: the model has {count} parts, and {each} is missing")
    return _joined([part if each == path else _open_file(each) for each in paths])


def _split(part: Checkpoint) -> tuple[int, int]:
    """Which part this is, from 0 on, and how many there are."""
    number, count = part.metadata.get("split.no", 0), part.metadata.get("split.count", 1)
    for key, value in (("split.no", number), ("split.count", count)):
        if not isinstance(value, int) or not 0 <= value < _MAX_PARTS:
            raise CheckpointError(f"{part.path}: {key} is {shown(value)}; a small whole number is needed")
    if count and number >= count:
        raise CheckpointError(f"{part.path}: split.no is {number}, of {count} parts")
    return number, max(count, 1)


def _joined(parts: list[Checkpoint]) -> Checkpoint:
    """The tensors of all parts, and the metadata of the first."""
    tensors: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        if _split(part) != (number, len(parts)):
            raise CheckpointError(f"{part.path}: says that it is part {_split(part)}, not {number}")
        twice = tensors.keys() & part.tensors.keys()
        if twice:
            raise CheckpointError(f"{part.path}: tensor {shown(min(twice))} is in another part too")
        tensors |= part.tensors
    first = parts[0]
    wanted = first.metadata.get("split.tensors.count", len(tensors))
    if wanted != len(tensors):
        raise CheckpointError(
            f"{first.path}: split.tensors.count is {shown(wanted)}, the parts have {len(tensors)}"
        )
    maps = tuple(each for part in parts for each in part.maps)
    size = sum(part.size for part in parts)
    return Checkpoint(first.path, first.metadata, tensors, size, maps, first.types)


def _open_file(path: Path) -> Checkpoint:
    mapped = map_file(path)
    cursor = _Cursor(path, mapped)
    tensor_count, value_count = _header(cursor)
    metadata, types = _metadata(cursor, value_count)
    tensors = _tensors(cursor, tensor_count, metadata, np.frombuffer(mapped, np.uint8))
    return Checkpoint(path, metadata, tensors, len(mapped), (mapped,), types)


def _header(cursor: _Cursor) -> tuple[int, int]:
    """The numbers of tensors and of metadata values."""
    magic = cursor.take(4, "the magic number")
    if magic != MAGIC:
        raise CheckpointError(f"{cursor.path}: not a GGUF file, it begins with {shown(magic)}")
    version = cursor.scalar("I", "the version")
    if version & 0xFFFF == 0:
        raise CheckpointError(f"{cursor.path}: big-endian GGUF files are not supported")
    if version not in (2, 3):
        raise CheckpointError(f"{cursor.path}: GGUF version {version} is not supported, only 2 and 3")
    tensor_count = cursor.scalar("Q", "the number of tensors")
    value_count = cursor.scalar("Q", "the number of metadata values")
    for what, count in (("tensors", tensor_count), ("metadata values", value_count)):
        if count * 12 > cursor.size or count > MAX_ENTRIES:
            raise CheckpointError(
                f"{cursor.path}: says it has {count} {what}, more than the file holds or any model has"
            )
    return tensor_count, value_count


def _metadata(cursor: _Cursor, count: int) -> tuple[dict[str, Any], dict[str, ValueType]]:
    metadata: dict[str, Any] = {}
    types: dict[str, ValueType] = {}
    for _ in range(count):
        key = cursor.name("a metadata key")
        if key in metadata:
            raise CheckpointError(f"{cursor.path}: metadata {shown(key)} occurs twice")
        types[key] = _type_of_next(cursor, f"the type of {shown(key)}")
        metadata[key] = cursor.value(types[key].kind, f"metadata {shown(key)}")
    return metadata, types


def _type_of_next(cursor: _Cursor, what: str) -> ValueType:
    """Read a value's type; that of an array's elements is left to be read with them."""
    kind = cursor.scalar("I", what)
    if kind != ARRAY:
        return ValueType(kind)
    item = cursor.scalar("I", what)
    cursor.at -= 4
    return ValueType(kind, item)


def _tensors(
    cursor: _Cursor, count: int, metadata: dict[str, Any], data: np.ndarray[Any, np.dtype[np.uint8]]
) -> dict[str, Tensor]:
    """The tensor directory; tensor data begins after it, aligned."""
    entries = [_directory_entry(cursor) for _ in range(count)]
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise CheckpointError(f"{cursor.path}: general.alignment is {shown(alignment)}, not a power of two")
    start = -(-cursor.at // alignment) * alignment
    tensors: dict[str, Tensor] = {}
    taken: list[tuple[int, int, str]] = []
    for name, shape, type_id, offset in entries:
        if type_id not in FORMATS_BY_ID:
            raise CheckpointError(
                f"{cursor.path}: tensor {shown(name)} has GGML type {type_id}, not supported"
            )
        format_ = FORMATS_BY_ID[type_id]
        size = math.prod(shape[:-1]) * format_.row_bytes(shape[-1])
        if offset % alignment or start + offset + size > len(data):
            raise CheckpointError(
                f"{cursor.path}: tensor {shown(name)} lies at offset {offset} with {size} bytes, "
                f"the file has {len(data) - start} bytes of tensor data"
            )
        if name in tensors:
            raise CheckpointError(f"{cursor.path}: tensor {shown(name)} occurs twice")
        taken.append((offset, offset + size, name))
        tensors[name] = Tensor(name, shape, format_, data[start + offset : start + offset + size])
    _refuse_overlaps(cursor.path, sorted(taken))
    return tensors


def _directory_entry(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    name = cursor.name("a tensor name")
    dimensions = cursor.scalar("I", f"the dimensions of {shown(name)}")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise CheckpointError(f"{cursor.path}: tensor {shown(name)} has {dimensions} dimensions")
    sizes = [cursor.scalar("Q", f"the shape of {shown(name)}") for _ in range(dimensions)]
    if 0 in sizes or math.prod(sizes) > cursor.size * 8:
        raise CheckpointError(f"{cursor.path}: tensor {shown(name)} has the impossible shape {shown(sizes)}")
    type_id, offset = (
        cursor.scalar("I", f"the type of {shown(name)}"),
        cursor.scalar("Q", f"the offset of {shown(name)}"),
    )
    return name, tuple(reversed(sizes)), type_id, offset


def _refuse_overlaps(path: Path, taken: list[tuple[int, int, str]]) -> None:
    for (_, end, name), (start, _, following) in pairwise(taken):
        if start < end:
            raise CheckpointError(f"{path}: tensors {shown(name)} and {shown(following)} overlap")
