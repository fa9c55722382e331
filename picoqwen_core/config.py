"""Settings of the server: one frozen dataclass, and one loader for files, environment and flags."""

import json
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from picoqwen_core.errors import ConfigError

BUILT_IN_MODEL = Path(__file__).parent / "home" / "models" / "pico-home.gguf"
LOG_LEVELS = ("debug", "info", "warning", "error")
# Where each setting stands in a TOML file.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "server": (
        "host",
        "port",
        "api_key",
        "first_token_timeout",
        "idle_timeout",
        "max_body_bytes",
        "log_level",
    ),
    "models": ("model",),
    "resources": ("threads", "max_context_length", "cache_dir"),
}
_ENVIRONMENT_PREFIX = "PICOQWEN_"
# PICOQWEN_ISA belongs to the kernels, which choose for themselves (kernels/isa.py).
_NOT_OURS = frozenset({"PICOQWEN_ISA"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set; None in `threads` and `max_context_length` leaves the choice to the engine."""

    host: str = "127.0.0.1"
    # 0 takes any free port; the ready line names it.
    port: int = 8080
    # Asked of every request but health; None asks for nothing.
    api_key: str | None = field(default=None, repr=False)
    # Seconds: until the first piece of an answer (waiting for others and reading the prompt count in),
    # and between two pieces, be it that none comes or that the client takes none.
    first_token_timeout: float = 300.0
    idle_timeout: float = 60.0
    max_body_bytes: int = 4_000_000
    log_level: str = "info"
    # A GGUF file, or a folder of them: the first by name is loaded at the start, others when asked for.
    model: Path = BUILT_IN_MODEL
    threads: int | None = None
    # Tokens of prompt and answer together.
    max_context_length: int | None = None
    # Where compiled kernels are kept; None takes the user's cache folder.
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        _require(0 <= self.port < 1 << 16, "port", self.port, "0 to 65535")
        _require(self.threads is None or self.threads > 0, "threads", self.threads, "1 or more")
        context = self.max_context_length
        _require(context is None or context >= 64, "max_context_length", context, "64 or more")
        for name in ("first_token_timeout", "idle_timeout"):
            seconds = getattr(self, name)
            _require(0 < seconds < math.inf, name, seconds, "more than 0 seconds")
        _require(self.max_body_bytes >= 1024, "max_body_bytes", self.max_body_bytes, "1024 or more")
        _require(self.log_level in LOG_LEVELS, "log_level", self.log_level, ", ".join(LOG_LEVELS))


def load_settings(
    *,
    config: Path | None = None,
    options: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Flags win over the environment (PICOQWEN_PORT=...), that over the files, and these over the defaults.

    config: a TOML file with the sections of SECTIONS; options: a Home Assistant app's options.json, where an
    empty value means the default. Raises ConfigError naming the key, the value and what is allowed.
    """
    values: dict[str, Any] = {}
    if config is not None:
        values |= _parsed(_read_toml(config), str(config))
    if options is not None:
        values |= _parsed(_read_json(options), str(options))
    values |= _parsed(_from_environment(environment), "the environment")
    values |= _parsed({key: value for key, value in (flags or {}).items() if value is not None}, "flags")
    return Settings(**values)


def model_files(path: Path) -> list[Path]:
    """The GGUF files that `model` means: the file itself, or those in the folder, by name.

    Raises ConfigError where there is none.
    """
    if path.is_dir():
        found = sorted(each for each in path.glob("*.gguf") if each.is_file())
        _require(bool(found), "model", str(path), "a GGUF file, or a folder with at least one *.gguf")
        return found
    _require(path.is_file(), "model", str(path), "a GGUF file that exists, or a folder of them")
    return [path]


def _require(allowed: bool, name: str, value: object, range_: str) -> None:
    if not allowed:
        raise ConfigError(f"{name} is {value!r}; allowed: {range_}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from err
    flat: dict[str, Any] = {}
    for section, content in data.items():
        if section not in SECTIONS or not isinstance(content, dict):
            known = ", ".join(f"[{name}]" for name in SECTIONS)
            raise ConfigError(f"{path}: unknown section or key {section!r}; known sections: {known}")
        for key, value in content.items():
            if key not in SECTIONS[section]:
                raise ConfigError(
                    f"{path}: unknown option {key!r} in [{section}]; known: {', '.join(SECTIONS[section])}"
                )
            flat[key] = value
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
        if key.startswith(_ENVIRONMENT_PREFIX) and key not in _NOT_OURS and value
    }


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value.strip()


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(type(value).__name__)
    return int(value)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(type(value).__name__)
    return float(value)


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a setting is read from text or a file's value, and what to say where that fails."""

    parse: Callable[[Any], Any]
    needed: str


_TEXT, _WHOLE_NUMBER = _Kind(_text, "text that is not empty"), _Kind(_whole_number, "a whole number")
_SECONDS, _PATH = _Kind(_seconds, "a number of seconds"), _Kind(_path, "a path")
_KINDS: dict[str, _Kind] = {
    "port": _WHOLE_NUMBER,
    "threads": _WHOLE_NUMBER,
    "max_context_length": _WHOLE_NUMBER,
    "max_body_bytes": _WHOLE_NUMBER,
    "first_token_timeout": _SECONDS,
    "idle_timeout": _SECONDS,
    "model": _PATH,
    "cache_dir": _PATH,
}
_SECRET = frozenset({"api_key"})


def _parsed(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values in the types of Settings. Raises ConfigError for an unknown key or a wrong type."""
    names = [each.name for each in fields(Settings)]
    parsed = {}
    for key, value in values.items():
        if key not in names:
            raise ConfigError(f"{source}: unknown option {key!r}; known: {', '.join(names)}")
        kind = _KINDS.get(key, _TEXT)
        try:
            parsed[key] = kind.parse(value)
        except (TypeError, ValueError) as err:
            shown = "(hidden)" if key in _SECRET else repr(value)
            raise ConfigError(f"{source}: {key} is {shown}; allowed: {kind.needed}") from err
    return parsed
