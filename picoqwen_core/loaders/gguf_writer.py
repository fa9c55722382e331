"""Writes GGUF version 3 files: whole or not at all."""

import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf import DEFAULT_ALIGNMENT, MAGIC
from picoqwen_core.quants.formats import BlockFormat

_VERSION = 3
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9


def write_gguf(
    path: Path | str,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, tuple[BlockFormat, tuple[int, ...], NDArray[np.uint8]]],
) -> None:
    """Write metadata and tensors (format, row-major shape, bytes) to `path`, replacing what is there.

    Metadata values are bool, int (unsigned 32-bit), float (32-bit), str, or a list of one of these; a list of
    integers is written as signed. Raises CheckpointError when the disk does not take it.
    """
    path = Path(path)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            try:
                _write(file, metadata, tensors)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as err:
        raise CheckpointError(f"{path}: cannot be written: {err}") from err


def _write(
    file: IO[bytes],
    metadata: Mapping[str, Any],
    tensors: Mapping[str, tuple[BlockFormat, tuple[int, ...], NDArray[np.uint8]]],
) -> None:
    head = bytearray(MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        head += _string(key) + _value(key, value)
    offset = 0
    for name, (format_, shape, data) in tensors.items():
        head += _string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", format_.type_id, offset)
        offset += _aligned(data.nbytes)
    file.write(head)
    file.write(bytes(_aligned(len(head)) - len(head)))
    for _, _, data in tensors.values():
        file.write(np.ascontiguousarray(data).data)
        file.write(bytes(_aligned(data.nbytes) - data.nbytes))


def _aligned(size: int) -> int:
    return -(-size // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(key: str, value: Any) -> bytes:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return struct.pack("<I", _ARRAY) + _array(key, value)
    kind = _kind(key, value)
    return struct.pack("<I", kind) + _scalar(kind, value)


def _array(key: str, values: Sequence[Any]) -> bytes:
    kind = _kind(key, values[0]) if values else _STRING
    kind = _INT32 if kind == _UINT32 else kind
    return struct.pack("<IQ", kind, len(values)) + b"".join(_scalar(kind, value) for value in values)


def _kind(key: str, value: Any) -> int:
    for python_type, kind in ((bool, _BOOL), (int, _UINT32), (float, _FLOAT32), (str, _STRING)):
        if isinstance(value, python_type):
            return kind
    raise CheckpointError(f"metadata {key!r} has a value of type {type(value).__name__}, which GGUF lacks")


def _scalar(kind: int, value: Any) -> bytes:
    if kind == _STRING:
        return _string(value)
    return struct.pack({_BOOL: "<?", _UINT32: "<I", _INT32: "<i", _FLOAT32: "<f"}[kind], value)
