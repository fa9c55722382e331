"""A key of the server's own: made at the first start, kept in a file that its owner alone may read."""

import secrets
from contextlib import suppress
from pathlib import Path

from picoqwen_core.errors import ConfigError

_BYTES = 24


def read_or_make_key(path: Path) -> str:
    """The key of the file, which is made where it is missing or empty. Raises ConfigError."""
    try:
        with suppress(FileNotFoundError):
            if key := path.read_text(encoding="ascii").strip():
                return key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(key := secrets.token_urlsafe(_BYTES), encoding="ascii")
    except (OSError, ValueError) as err:
        raise ConfigError(f"api_key_file {path} cannot be read or made: {err}") from err
    return key
