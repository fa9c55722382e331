"""Reads one safetensors file through a memory map: a JSON directory, then the tensors' bytes.

Every offset is checked against the file's size. Format: https://huggingface.co/docs/safetensors
"""

import math
import mmap
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from picoqwen_core.errors import CheckpointError, shown
from picoqwen_core.loaders.checkpoint import Tensor
from picoqwen_core.loaders.files import map_file, parse_json
from picoqwen_core.quants.formats import FORMATS

# A directory of a thousand tensors has 100 KB; parsed, JSON takes many times its length.
MAX_HEADER_BYTES = 16 << 20
MAX_DIMENSIONS = 4
_LENGTH = struct.Struct("<Q")
# The names of safetensors' types are those of our formats.
_DTYPES = ("F32", "F16", "BF16")


def open_safetensors(path: Path) -> tuple[mmap.mmap, dict[str, Tensor]]:
    """Map a file; its tensors under the names that it gives them.

    Raises CheckpointError for an unsound file, and for tensors that are not F32, F16 or BF16.
    """
    mapped = map_file(path)
    start, header = _header(path, mapped)
    data = np.frombuffer(mapped, np.uint8)[start:]
    tensors: dict[str, Tensor] = {}
    taken: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        where = f"{path}: tensor {shown(name)}"
        dtype, shape, begin, end = _entry(where, entry, len(data))
        taken.append((begin, end, name))
        tensors[name] = Tensor(name, shape, FORMATS[dtype], data[begin:end])
    for (_, end, name), (begin, _, following) in pairwise(sorted(taken)):
        if begin < end:
            raise CheckpointError(f"{path}: tensors {shown(name)} and {shown(following)} overlap")
    return mapped, tensors


def _header(path: Path, mapped: mmap.mmap) -> tuple[int, dict[str, Any]]:
    """Where the data begins, and the directory."""
    if len(mapped) < _LENGTH.size:
        raise CheckpointError(f"{path}: is cut short, it has {len(mapped)} bytes")
    (length,) = _LENGTH.unpack_from(mapped)
    start = _LENGTH.size + length
    if start > len(mapped) or length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{path}: no safetensors file, or cut short: its directory would have {length} bytes, "
            f"the file has {len(mapped)}"
        )
    return start, parse_json(mapped[_LENGTH.size : start], f"{path}: the directory")


def _entry(where: str, entry: Any, size: int) -> tuple[str, tuple[int, ...], int, int]:
    """Type, shape, and the bytes from where to where."""
    if not isinstance(entry, dict):
        raise CheckpointError(f"{where} has the directory entry {shown(entry)}")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if dtype not in _DTYPES:
        raise CheckpointError(f"{where} has the type {shown(dtype)}; supported: {', '.join(_DTYPES)}")
    if not _whole_numbers(shape) or not 1 <= len(shape) <= MAX_DIMENSIONS or 0 in shape:
        raise CheckpointError(f"{where} has the impossible shape {shown(shape)}")
    if not _whole_numbers(offsets) or len(offsets) != 2:
        raise CheckpointError(f"{where} has the offsets {shown(offsets)}")
    begin, end = offsets
    needed = math.prod(shape) * FORMATS[dtype].block_bytes
    if end > size or end - begin != needed:
        raise CheckpointError(
            f"{where} of shape {shape} needs {needed} bytes, lies at {begin} to {end} of {size} bytes of data"
        )
    return dtype, tuple(shape), begin, end


def _whole_numbers(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(each) is int and each >= 0 for each in value)
