"""Settings of the server: one frozen dataclass, and one loader for files, environment and flags."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from picoqwen_core.errors import ConfigError

BUILT_IN_MODEL = Path(__file__).parent / "home" / "models" / "pico-home.gguf"
LOG_LEVELS = ("debug", "info", "warning", "error")
_ENVIRONMENT_PREFIX = "PICOQWEN_"
# PICOQWEN_ISA belongs to the kernels, which choose for themselves (kernels/isa.py).
_NOT_OURS = frozenset({"PICOQWEN_ISA"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set; None in `threads` and `max_context_length` leaves the choice to the engine."""

    host: str = "127.0.0.1"
    port: int = 8080
    api_key: str | None = None
    model: Path = BUILT_IN_MODEL
    threads: int | None = None
    max_context_length: int | None = None
    cache_dir: Path | None = None
    request_timeout: float = 60.0
    max_body_bytes: int = 4_000_000
    log_level: str = "info"

    def __post_init__(self) -> None:
        _require(0 < self.port < 1 << 16, "port", self.port, "1 to 65535")
        _require(self.threads is None or self.threads > 0, "threads", self.threads, "1 or more")
        context = self.max_context_length
        _require(context is None or context >= 64, "max_context_length", context, "64 or more")
        _require(self.request_timeout > 0, "request_timeout", self.request_timeout, "more than 0 seconds")
        _require(self.max_body_bytes >= 1024, "max_body_bytes", self.max_body_bytes, "1024 or more")
        _require(self.log_level in LOG_LEVELS, "log_level", self.log_level, ", ".join(LOG_LEVELS))


def _require(allowed: bool, name: str, value: object, range_: str) -> None:
    if not allowed:
        raise ConfigError(f"{name} is {value!r}; allowed: {range_}")


def load_settings(
    *,
    config: Path | None = None,
    options: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Flags win over the environment (PICOQWEN_PORT=...), that over the files, and these over the defaults.

    config: a TOML file; options: a Home Assistant app's options.json. Raises ConfigError naming the key and
    the value for anything unknown or out of range.
    """
    values: dict[str, Any] = {}
    if config is not None:
        values |= _known(_read_toml(config), str(config))
    if options is not None:
        values |= _known(_read_json(options), str(options))
    values |= _known(_from_environment(environment), "the environment")
    values |= {key: value for key, value in (flags or {}).items() if value is not None}
    return Settings(**{key: _converted(key, value) for key, value in values.items()})


def _read_toml(path: Path) -> dict[str, Any]:
    """All settings, from the top level or from [server] and [models] sections."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from err
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return flat


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from err
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a JSON object, holds {type(data).__name__}")
    return {key: value for key, value in data.items() if value not in (None, "")}


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(_ENVIRONMENT_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(_ENVIRONMENT_PREFIX) and key not in _NOT_OURS
    }


def _known(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    names = [field.name for field in fields(Settings)]
    for key in values:
        if key not in names:
            raise ConfigError(f"{source}: unknown option {key!r}; known: {', '.join(names)}")
    return dict(values)


_CONVERTERS: dict[str, Any] = {
    "port": int,
    "threads": int,
    "max_context_length": int,
    "max_body_bytes": int,
    "request_timeout": float,
    "model": Path,
    "cache_dir": Path,
}


def _converted(key: str, value: Any) -> Any:
    convert = _CONVERTERS.get(key, str)
    if isinstance(value, bool):
        raise ConfigError(f"{key} is {value!r}; a {convert.__name__} is needed")
    try:
        return convert(value)
    except (TypeError, ValueError) as err:
        raise ConfigError(f"{key} is {value!r}; a {convert.__name__} is needed") from err
