"""Files opened with care: mapped, or parsed as JSON. What stands in them is judged elsewhere.

Only plain files are opened (a pipe would hang), and JSON is read only up to a size, because parsed it takes
many times its length.
"""

import json
import mmap
import stat
from collections import Counter
from pathlib import Path
from typing import IO, Any

from picoqwen_core.errors import CheckpointError

# The largest that is in use is a tokenizer.json of 11 MB.
MAX_JSON_BYTES = 32 << 20


def map_file(path: Path) -> mmap.mmap:
    """The file as read-only memory. Raises CheckpointError when there is none, or it is empty."""
    try:
        with _opened(path) as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as err:
        raise CheckpointError(f"{path}: no such file") from err
    except (OSError, ValueError) as err:
        raise CheckpointError(f"{path}: cannot be read: {err}") from err


def read_bytes(path: Path, limit: int) -> bytes:
    """A small file. Raises CheckpointError when it cannot be read or is larger than `limit` bytes."""
    try:
        with _opened(path) as file:
            data = file.read(limit + 1)
    except FileNotFoundError as err:
        raise CheckpointError(f"{path}: no such file") from err
    except (OSError, ValueError) as err:
        raise CheckpointError(f"{path}: cannot be read: {err}") from err
    if len(data) > limit:
        raise CheckpointError(f"{path}: is larger than {limit} bytes, which no such file needs")
    return data


def read_text(path: Path, limit: int) -> str:
    """A small text file, UTF-8."""
    try:
        return read_bytes(path, limit).decode()
    except UnicodeDecodeError as err:
        raise CheckpointError(f"{path}: is not UTF-8: {err}") from err


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """A JSON object from a file."""
    return parse_json(read_bytes(path, limit), str(path))


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """A JSON object. Raises CheckpointError for anything else, for a key that occurs twice, and for NaN."""
    try:
        found = json.loads(data, object_pairs_hook=_object, parse_constant=_refuse_constant)
        if b"\\ud" in data or b"\\uD" in data:
            # Half of a character can be escaped, but it is no text: nothing could be made of it later.
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as err:
        raise CheckpointError(f"{where}: is not sound JSON: {str(err)[:200]}") from err
    if not isinstance(found, dict):
        raise CheckpointError(f"{where}: must hold a JSON object, holds {type(found).__name__}")
    return found


def _opened(path: Path) -> IO[bytes]:
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is not a plain file")
    return path.open("rb")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = Counter(key for key, _ in pairs)
        raise ValueError(f"the key {keys.most_common(1)[0][0]!r} occurs twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
