"""Settings of the server: one frozen dataclass, and one loader for files, environment and flags.

The only place that reads the environment. How a single value is read stands in config_values.py.
"""

import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from picoqwen_core.config_sections import SECTIONS
from picoqwen_core.config_values import KEYS, NUMBER, PATH, SECONDS, TEXT, TEXTS, TRUTH, WHOLE_NUMBER, Kind
from picoqwen_core.errors import ConfigError
from picoqwen_core.installed import find_models
from picoqwen_core.key_file import read_or_make_key
from picoqwen_core.mcp_servers import McpServer, parse_mcp_servers
from picoqwen_core.upstreams import HEDGES, PRIVACY, STRATEGIES, Upstream, parse_upstreams

BUILT_IN_MODEL = Path(__file__).parent / "home" / "models" / "pico-home.gguf"
# How to run on a processor (strategy.PROFILES), and how the KV cache is kept (model.kv_cache.KIND_BITS).
CPU_TARGETS = ("auto", "intel_n100", "raspberry_pi_4", "raspberry_pi_5", "generic")
KV_CACHES = ("auto", "k8v4", "int8", "f16", "f32")
SEARCH_ENGINES = ("duckduckgo", "searxng")
AGENT_TOOLS = ("web_search", "read_page", "calculator", "date_time", "convert_units", "notes")
LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
# Other names that a file may use for the same settings.
_OTHER_NAMES = {"request_timeout": "idle_timeout", "directory": "models_dir"}
_ENVIRONMENT_PREFIX = "PICOQWEN_"
# PICOQWEN_ISA belongs to the kernels, which choose for themselves (kernels/isa.py).
_NOT_OURS = frozenset({"PICOQWEN_ISA"})
SECRETS = frozenset({"api_key", "api_keys", "hub_token", "upstreams", "mcp_servers"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set; None in `threads` and `max_context_length` leaves the choice to the engine."""

    host: str = "127.0.0.1"
    # 0 takes any free port; the ready line names it.
    port: int = 8080
    # Asked of every request but health; None asks for nothing. `api_keys` are more of them, each NAME:SHA256.
    api_key: str | None = field(default=None, repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    # Holds `api_key` where that is not set; made with a random one where it is missing.
    api_key_file: Path | None = None
    # Where Home Assistant's ingress comes from; what it hands on needs no key.
    ingress_address: str | None = None
    # Whether the network is told of a server that listens to it; an app is made known by its Supervisor.
    announce: bool = True
    # Web pages of these origins may read answers.
    allowed_origins: tuple[str, ...] = ()
    max_connections: int = 100
    # Requests a minute of one key or address; 0 is no limit.
    rate_limit: int = 0
    # Seconds: until the first piece of an answer (waiting for others and reading the prompt count in),
    # and between two pieces, be it that none comes or that the client takes none.
    first_token_timeout: float = 300.0
    idle_timeout: float = 60.0
    max_body_bytes: int = 4_000_000
    log_level: str = "info"
    log_format: str = "text"
    # A model's file, or a folder of them: the first by name is loaded at the start, others when asked for.
    model: Path = BUILT_IN_MODEL
    # Where models are installed; None takes the user's data folder.
    models_dir: Path | None = None
    # Whether the built-in model stays loaded beside another one.
    built_in: bool = True
    # Beside those that always are.
    max_loaded_models: int = 2
    # Taken where a model's name leaves the choice between several files.
    default_quantization: str = "int8"
    # Seconds that a model stays loaded unused; None is for ever.
    keep_alive: float | None = None
    pinned_models: tuple[str, ...] = ()
    hub_url: str = "https://huggingface.co"
    hub_token: str | None = field(default=None, repr=False)
    # At most so many; None takes one for each (big) core.
    threads: int | None = None
    cpu_target: str = "auto"
    # How far the engine stands back behind other processes, 0 to 19.
    nice: int = 5
    # Tokens of prompt and answer together.
    max_context_length: int | None = None
    # "auto" keeps a small model's in float32, else in 8 bits.
    kv_cache: str = "auto"
    # Requests that one model answers at once; others wait.
    parallel_requests: int = 4
    # What a model keeps of what it has read: in memory (None leaves the choice to the engine), and on disk.
    cache_memory_mb: int | None = None
    cache_file_mb: int = 512
    # Whether to guess ahead, which changes the speed and nothing else; a smaller model that does.
    speculation: bool = True
    draft_model: Path | None = None
    # Of all models together; None is most of what the machine or the container has.
    max_memory_mb: int | None = None
    # Where compiled kernels are kept; None takes the user's cache folder.
    cache_dir: Path | None = None
    # Other servers that may answer, in what order they are asked, and what may be told them of the home.
    upstreams: tuple[Upstream, ...] = ()
    routing: str = "local_first"
    privacy: str = "no_home"
    # Dollars; None is no cap. What was spent is written to the file; None takes the user's data folder.
    budget_per_day: float | None = None
    budget_per_month: float | None = None
    budget_file: Path | None = None
    # Seconds between looks at an upstream that nobody has asked; when another one is asked beside a slow one.
    health_check_interval: float = 60.0
    hedge: str = "degraded"
    # Whether MCP clients find this server's tools at /mcp; other MCP servers, whose tools are taken in.
    mcp: bool = False
    mcp_servers: tuple[McpServer, ...] = ()
    # Whether agents and flows can be asked for, and the tools that they may use.
    agents: bool = False
    agent_tools: tuple[str, ...] = AGENT_TOOLS
    web_search_engine: str = "duckduckgo"
    searxng_url: str | None = None
    # HOST:PORT of one's own network that pages may be read from all the same.
    allowed_hosts: tuple[str, ...] = ()
    # Where notes and runs are kept, and flows read from; None takes the user's data folder and `flows` in
    # that.
    agents_dir: Path | None = None
    flows_dir: Path | None = None

    def __post_init__(self) -> None:
        _require(0 <= self.port < 1 << 16, "port", self.port, "0 to 65535")
        _require(self.threads is None or self.threads > 0, "threads", self.threads, "1 or more")
        context = self.max_context_length
        _require(context is None or context >= 64, "max_context_length", context, "64 or more")
        parallel, cache = self.parallel_requests, self.cache_memory_mb
        _require(1 <= parallel <= 8, "parallel_requests", parallel, "1 to 8")
        _require(cache is None or cache >= 1, "cache_memory_mb", cache, "1 or more")
        _require(self.cache_file_mb >= 0, "cache_file_mb", self.cache_file_mb, "0 or more")
        memory = self.max_memory_mb
        _require(memory is None or memory >= 64, "max_memory_mb", memory, "64 or more")
        _require(0 <= self.nice <= 19, "nice", self.nice, "0 to 19")
        _require(self.cpu_target in CPU_TARGETS, "cpu_target", self.cpu_target, ", ".join(CPU_TARGETS))
        _require(self.kv_cache in KV_CACHES, "kv_cache", self.kv_cache, ", ".join(KV_CACHES))
        for name in ("first_token_timeout", "idle_timeout"):
            seconds = getattr(self, name)
            _require(0 < seconds < math.inf, name, seconds, "more than 0 seconds")
        alive = self.keep_alive
        _require(alive is None or 0 <= alive < math.inf, "keep_alive", alive, "0 seconds or more")
        for name, least in (("max_connections", 1), ("rate_limit", 0), ("max_loaded_models", 1)):
            value = getattr(self, name)
            _require(value >= least, name, value, f"{least} or more")
        for name in ("budget_per_day", "budget_per_month"):
            dollars = getattr(self, name)
            _require(dollars is None or 0 <= dollars < math.inf, name, dollars, "0 dollars or more")
        interval = self.health_check_interval
        _require(1 <= interval < math.inf, "health_check_interval", interval, "1 second or more")
        _require(self.routing in STRATEGIES, "routing", self.routing, ", ".join(STRATEGIES))
        _require(self.privacy in PRIVACY, "privacy", self.privacy, ", ".join(PRIVACY))
        _require(self.hedge in HEDGES, "hedge", self.hedge, ", ".join(HEDGES))
        engine = self.web_search_engine
        _require(engine in SEARCH_ENGINES, "web_search_engine", engine, ", ".join(SEARCH_ENGINES))
        for tool in self.agent_tools:
            _require(tool in AGENT_TOOLS, "agent_tools", tool, ", ".join(AGENT_TOOLS))
        _require(self.max_body_bytes >= 1024, "max_body_bytes", self.max_body_bytes, "1024 or more")
        _require(self.log_level in LOG_LEVELS, "log_level", self.log_level, ", ".join(LOG_LEVELS))
        _require(self.log_format in LOG_FORMATS, "log_format", self.log_format, ", ".join(LOG_FORMATS))
        web = ("http://", "https://")
        _require(self.hub_url.startswith(web), "hub_url", self.hub_url, "http://... or https://...")
        for origin in self.allowed_origins:
            known = origin == "*" or origin.startswith(web)
            _require(known, "allowed_origins", origin, "https://HOST, http://HOST:PORT or *")


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from; kept to read them again."""

    config: Path | None = None
    options: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)


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
    return load_with_sources(Source(config, options, flags or {}), environment)[0]


def load_with_sources(
    source: Source, environment: Mapping[str, str] = os.environ
) -> tuple[Settings, dict[str, str]]:
    """The settings, and for each that is not a default, what set it. Raises ConfigError."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}

    def take(found: Mapping[str, Any], name: str) -> None:
        parsed = _parsed(found, name)
        values.update(parsed)
        sources.update(dict.fromkeys(parsed, name))

    if source.config is not None:
        take(_read_toml(source.config), str(source.config))
    if source.options is not None:
        take(_read_json(source.options), str(source.options))
    take(_from_environment(environment), "the environment")
    take({key: value for key, value in source.flags.items() if value is not None}, "flags")
    if not values.get("api_key") and (path := values.get("api_key_file")) is not None:
        # An app's Supervisor is told the key at each start (server/supervisor.py).
        key = read_or_make_key(path, must_last=supervisor_token(environment) is None)
        values["api_key"], sources["api_key"] = key, str(path)
    return Settings(**values), sources


def models_folder(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """Where models are installed."""
    return settings.models_dir or _data_folder(environment) / "models"


def budget_file(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """Where what was spent is written down."""
    return settings.budget_file or _data_folder(environment) / "budget.db"


def chat_history(environment: Mapping[str, str] = os.environ) -> Path:
    """Where `picoqwen chat` keeps the lines that were typed."""
    return _data_folder(environment) / "chat_history"


def agents_folder(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """Where agents keep notes and runs."""
    return settings.agents_dir or _data_folder(environment) / "agents"


def watchdog_address(environment: Mapping[str, str] = os.environ) -> tuple[str | None, float | None]:
    """systemd's socket for notifications and the seconds within which it wants a sign of life; or None."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    return environment.get("NOTIFY_SOCKET"), int(microseconds) / 1e6 if microseconds.isdigit() else None


def supervisor_token(environment: Mapping[str, str] = os.environ) -> str | None:
    """What proves to the Supervisor of Home Assistant that this is one of its apps; None elsewhere."""
    return environment.get("SUPERVISOR_TOKEN") or None


def forced_kernels(environment: Mapping[str, str] = os.environ) -> str | None:
    """The set of kernels that PICOQWEN_ISA asks for."""
    return environment.get("PICOQWEN_ISA") or None


def model_files(path: Path) -> list[Path]:
    """The model files that `model` means: the file or model folder itself, or those in the folder, by name.

    Raises ConfigError where there is none.
    """
    if path.is_dir() and not (path / "config.json").is_file():
        found = [each.path for each in find_models(path).values()]
        _require(
            bool(found),
            "model",
            str(path),
            "a model, or a folder with at least one: *.gguf, *.bin of qwen3-rs, or a folder of safetensors",
        )
        return found
    _require(path.exists(), "model", str(path), "a model that exists, or a folder of models")
    return [path]


def _data_folder(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "picoqwen"


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
            if key == "bind_address" and section == "server":
                flat |= _split_address(value, path)
                continue
            flat[_known_in(section, str(_OTHER_NAMES.get(key, key)), path)] = value
    return flat


def _known_in(section: str, key: str, path: Path) -> str:
    """The key itself. Raises ConfigError where it does not stand in that section."""
    if key not in SECTIONS[section]:
        known = ", ".join(SECTIONS[section])
        raise ConfigError(f"{path}: unknown option {key!r} in [{section}]; known: {known}")
    return key


def _split_address(value: Any, path: Path) -> dict[str, str]:
    """host and port of "0.0.0.0:8080"."""
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not host:
        raise ConfigError(f"{path}: bind_address is {value!r}; allowed: HOST:PORT, such as 0.0.0.0:8080")
    return {"host": host.strip("[]"), "port": port}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from err
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a JSON object, holds {type(data).__name__}")
    flat: dict[str, Any] = {}
    for name, value in data.items():
        # The app's groups are a file's sections; `agents` is the name of an option, too.
        if name in SECTIONS and isinstance(value, dict):
            flat |= {_known_in(name, key, path): each for key, each in value.items()}
        else:
            flat[name] = value
    return {key: value for key, value in flat.items() if value not in (None, "", [])}


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(_ENVIRONMENT_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(_ENVIRONMENT_PREFIX) and key not in _NOT_OURS and value
    }


_KINDS: dict[str, Kind] = {
    "port": WHOLE_NUMBER,
    "threads": WHOLE_NUMBER,
    "max_context_length": WHOLE_NUMBER,
    "nice": WHOLE_NUMBER,
    "max_body_bytes": WHOLE_NUMBER,
    "first_token_timeout": SECONDS,
    "idle_timeout": SECONDS,
    "model": PATH,
    "api_key_file": PATH,
    "models_dir": PATH,
    "announce": TRUTH,
    "built_in": TRUTH,
    "max_loaded_models": WHOLE_NUMBER,
    "max_memory_mb": WHOLE_NUMBER,
    "parallel_requests": WHOLE_NUMBER,
    "cache_memory_mb": WHOLE_NUMBER,
    "cache_file_mb": WHOLE_NUMBER,
    "speculation": TRUTH,
    "draft_model": PATH,
    "max_connections": WHOLE_NUMBER,
    "rate_limit": WHOLE_NUMBER,
    "keep_alive": SECONDS,
    "pinned_models": TEXTS,
    "allowed_origins": TEXTS,
    "api_keys": KEYS,
    "cache_dir": PATH,
    "upstreams": Kind(parse_upstreams, "a list of objects, or that as JSON"),
    "budget_per_day": NUMBER,
    "budget_per_month": NUMBER,
    "budget_file": PATH,
    "health_check_interval": SECONDS,
    "mcp": TRUTH,
    "mcp_servers": Kind(parse_mcp_servers, "a list of objects, or that as JSON"),
    "agents": TRUTH,
    "agent_tools": TEXTS,
    "allowed_hosts": TEXTS,
    "agents_dir": PATH,
    "flows_dir": PATH,
}


def _parsed(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values in the types of Settings. Raises ConfigError for an unknown key or a wrong type."""
    names = [each.name for each in fields(Settings)]
    parsed = {}
    for key, value in values.items():
        if key not in names:
            raise ConfigError(f"{source}: unknown option {key!r}; known: {', '.join(names)}")
        kind = _KINDS.get(key, TEXT)
        try:
            parsed[key] = kind.parse(value)
        except (TypeError, ValueError) as err:
            shown = "(hidden)" if key in SECRETS else repr(value)
            raise ConfigError(f"{source}: {key} is {shown}; allowed: {kind.needed}") from err
    return parsed
