"""GGUF's metadata values as bytes: their types, and what type a Python value has that came without one.

Types: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from picoqwen_core.errors import CheckpointError

# GGUF value types: struct code of the scalar ones.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


class ValueType(NamedTuple):
    """A value's type as a file states it; `item` is that of an array's elements."""

    kind: int
    item: int | None = None


def inferred_type(key: str, value: Any) -> ValueType:
    """bool, int (unsigned 32-bit), float (32-bit), str, or a list of one of these, integers then signed.

    Raises CheckpointError for anything else.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        item = _inferred_scalar(key, value[0]) if value else STRING
        return ValueType(ARRAY, INT32 if item == UINT32 else item)
    return ValueType(_inferred_scalar(key, value))


def packed_value(key: str, value: Any, type_: ValueType | None = None) -> bytes:
    """A value behind its type, as in a file. Raises CheckpointError when the type cannot hold it."""
    kind, item = inferred_type(key, value) if type_ is None else type_
    try:
        if kind != ARRAY or item is None:
            return struct.pack("<I", kind) + _scalar(kind, value)
        return struct.pack("<IIQ", kind, item, len(value)) + _items(item, value)
    except (struct.error, TypeError, AttributeError) as err:
        raise CheckpointError(f"metadata {key!r}: GGUF type {type_} cannot hold {value!r:.100}") from err


def packed_string(text: str) -> bytes:
    """Length and UTF-8."""
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _items(kind: int, values: Sequence[Any]) -> bytes:
    if kind == STRING:
        return b"".join(map(packed_string, values))
    return struct.pack(f"<{len(values)}{SCALARS[kind]}", *values)


def _scalar(kind: int, value: Any) -> bytes:
    return packed_string(value) if kind == STRING else struct.pack(f"<{SCALARS[kind]}", value)


def _inferred_scalar(key: str, value: Any) -> int:
    for python_type, kind in ((bool, BOOL), (int, UINT32), (float, FLOAT32), (str, STRING)):
        if isinstance(value, python_type):
            return kind
    raise CheckpointError(f"metadata {key!r} has a value of type {type(value).__name__}, which GGUF lacks")
