"""A key of the server's own: made at the first start, kept in a file that its owner alone may read."""

import logging
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path

from picoqwen_core.errors import ConfigError

_LOGGER = logging.getLogger(__name__)
_BYTES = 24


def read_or_make_key(path: Path, *, must_last: bool = True) -> str:
    """The key of the file, which is made where it is missing or empty.

    must_last: raise ConfigError where the file cannot be had; else a key of this process alone is taken, for
    whoever is told it anew at each start.
    """
    try:
        with suppress(FileNotFoundError):
            if key := path.read_text(encoding="ascii").strip():
                return key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(key := secrets.token_urlsafe(_BYTES), encoding="ascii")
    except (OSError, ValueError) as err:
        trouble = f"api_key_file {path} cannot be read or made: {err}"
        if must_last:
            raise ConfigError(trouble) from err
        _LOGGER.warning("%s. Until that is mended, each start takes another key", trouble)
        return _of_this_process(path)
    return key


@cache
def _of_this_process(_: Path) -> str:
    """The same whenever the settings are read again."""
    return secrets.token_urlsafe(_BYTES)
