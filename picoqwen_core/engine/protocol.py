"""The wire between the API process and an engine worker: frames, and dataclasses as JSON and back.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, always an object.

    to the worker     {"op": "chat" | "generate" | "score" | "prime" | "tokenize" | "detokenize", "id": 7,
                       "request": {...}}
                      {"op": "cancel" | "status", "id": 7}, {"op": "memory", "id": 7, "step": 2}
    from the worker   {"compiled": [3, 12]}, kernels done of those missing, at a first start,
                      {"ready": {...}} or {"error": {...}} once, then
                      {"id": 7, "delta": {...}}, and one of
                      {"id": 7, "end": true}, {"id": 7, "status": {...}}, {"id": 7, "scores": [...]},
                      {"id": 7, "primed": {...}}, {"id": 7, "tokens": {...}}, {"id": 7, "text": "..."},
                      {"id": 7, "error": {...}}

Both ends are the same version of this package, so what arrives is trusted to be well-formed.
"""

import asyncio
import json
import socket
import struct
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from picoqwen_core.errors import EngineError, PicoQwenError

type Frame = dict[str, Any]

# A request holds a conversation and a home: megabytes at most. Anything larger is a broken stream.
MAX_FRAME_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")


def pack_frame(frame: Frame) -> bytes:
    """The bytes of one frame."""
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME_BYTES:
        raise EngineError(f"a message of {len(body)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame, or None at the end of the stream (also in the middle of a frame)."""
    try:
        body = await reader.readexactly(_body_length(await reader.readexactly(_LENGTH.size)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return _parse(body)


def receive_frame(connection: socket.socket) -> Frame | None:
    """The blocking twin of read_frame, for the worker."""
    header = _receive_exactly(connection, _LENGTH.size)
    if header is None:
        return None
    body = _receive_exactly(connection, _body_length(header))
    return None if body is None else _parse(body)


def to_json(value: Any) -> Any:
    """Plain JSON of a dataclass or a container of them; fields that have their default are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        defaults = _defaults(type(value))
        pairs = ((name, getattr(value, name)) for name in defaults)
        return {name: to_json(item) for name, item in pairs if not _is_default(item, defaults[name])}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json[T](kind: type[T], value: Any) -> T:
    """The dataclass that to_json wrote."""
    hint: Any = kind
    decoded: T = _decoder(hint)(value)
    return decoded


def error_to_json(error: PicoQwenError) -> Frame:
    """An error as it crosses the boundary: the code names the class."""
    return {"code": error.code, "message": str(error)}


def error_from_json(value: Frame) -> PicoQwenError:
    """The error that error_to_json wrote, of the same class."""
    kind = {each.code: each for each in _error_classes(PicoQwenError)}.get(value["code"], EngineError)
    return kind(value["message"])


def _error_classes(kind: type[PicoQwenError]) -> Iterator[type[PicoQwenError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _error_classes(each)


def _body_length(header: bytes) -> int:
    length: int = _LENGTH.unpack(header)[0]
    if length > MAX_FRAME_BYTES:
        raise EngineError(f"a message of {length} bytes is over the limit of {MAX_FRAME_BYTES}")
    return length


def _parse(body: bytes) -> Frame:
    frame: Frame = json.loads(body)
    return frame


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = connection.recv(size - len(parts))
        except OSError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)


@cache
def _defaults(kind: type[Any]) -> dict[str, Any]:
    return {
        each.name: each.default_factory() if each.default_factory is not MISSING else each.default
        for each in fields(kind)
    }


def _is_default(value: Any, default: Any) -> bool:
    # The type counts too: False == 0 and 1 == 1.0, but they are not the same JSON.
    return type(value) is type(default) and bool(value == default)


@cache
def _decoder(hint: Any) -> Callable[[Any], Any]:
    """A function that turns JSON into a value of this type; built once for each type."""
    if is_dataclass(hint):
        return _dataclass_decoder(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda value: tuple(item(each) for each in value)
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in arguments if each is not types.NoneType)
        decode = _decoder(inner)
        return lambda value: None if value is None else decode(value)
    return lambda value: value


def _dataclass_decoder(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)

    def decode(value: Any) -> Any:
        return kind(**{name: _decoder(hints[name])(item) for name, item in value.items()})

    return decode
