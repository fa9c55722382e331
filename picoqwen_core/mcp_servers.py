"""Other MCP servers and their tools: what the settings say of each. agents/mcp_client.py asks them."""

import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from picoqwen_core.errors import ConfigError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|_(?!_)){0,30}[a-z0-9]\Z|[a-z0-9]\Z")
_TIMEOUT = 30.0
# What a text in the settings is, by the field's name; all others are texts.
_TYPES: Mapping[str, type] = {"timeout": float, "env": dict, "headers": dict, "trusted": bool}
_NEEDED = {float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True, slots=True)
class McpServer:
    """Reached at `url` (Streamable HTTP), or started here as `command` with `args` and `env` (stdio).

    api_key: sent as bearer token; headers: others to be sent; timeout: seconds that a call may take; trusted:
    whether what it says of its tools (read-only, destructive) is believed; its results never are; tools:
    those to be used, empty for all.
    """

    name: str
    url: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout: float = _TIMEOUT
    trusted: bool = False
    tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = bool(_NAME.match(self.name))
        self._require(named, "name", "1 to 32 of a-z, 0-9, - and single _, a letter or digit first and last")
        if bool(self.url) == bool(self.command):
            both = "url and command are both there" if self.url else "url or command is missing"
            raise ConfigError(f"mcp_servers: {self.name!r}: {both}; one of the two is needed")
        web = not self.url or self.url.startswith(("http://", "https://"))
        self._require(web, "url", "http://HOST:PORT/PATH or https://HOST/PATH")
        self._require(1 <= self.timeout < math.inf, "timeout", "1 second or more")

    def _require(self, allowed: bool, name: str, range_: str) -> None:
        if not allowed:
            raise ConfigError(
                f"mcp_servers: {self.name!r}: {name} is {getattr(self, name)!r}; allowed: {range_}"
            )


def parse_mcp_servers(value: Any) -> tuple[McpServer, ...]:
    """A list of objects, or that as JSON text. Raises ConfigError, or ValueError for what is no list."""
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise ValueError("mcp_servers")
    found = tuple(_server(each) for each in value)
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"mcp_servers: {name!r} is there twice; each needs a name of its own")
    return found


def _server(value: Mapping[str, Any]) -> McpServer:
    known = [each.name for each in fields(McpServer)]
    given = {key: item for key, item in value.items() if item is not None and item != ""}
    who = given.get("name", "(without a name)")
    if "name" not in given:
        raise ConfigError("mcp_servers: (without a name): name is missing")
    for key in given:
        if key not in known:
            raise ConfigError(f"mcp_servers: {who!r}: unknown field {key!r}; known: {', '.join(known)}")
    parsed = {key: _field(who, key, item) for key, item in given.items()}
    return McpServer(**parsed)


def _field(who: str, key: str, item: Any) -> Any:
    """A field's value in the type that it has; args and tools may be one text, as a shell has it."""
    if key in {"args", "tools"}:
        words = shlex.split(item) if isinstance(item, str) else item
        if isinstance(words, list | tuple) and all(isinstance(each, str) for each in words):
            return tuple(words)
        raise ConfigError(f"mcp_servers: {who!r}: {key} is {item!r}; allowed: a list of texts")
    wanted = _TYPES.get(key, str)
    if wanted is dict:
        return _texts_by_name(who, key, item)
    number = wanted is float and isinstance(item, int | float) and not isinstance(item, bool)
    if not number and not isinstance(item, wanted):
        shown = "(hidden)" if key == "api_key" else repr(item)
        raise ConfigError(f"mcp_servers: {who!r}: {key} is {shown}; allowed: {_NEEDED[wanted]}")
    return item


def _texts_by_name(who: str, key: str, item: Any) -> dict[str, str]:
    """An object of texts, or a list of NAME=VALUE as the app's options have it."""
    pairs: list[Any] | None = list(item.items()) if isinstance(item, Mapping) else None
    if isinstance(item, list | tuple) and all(isinstance(each, str) and "=" in each for each in item):
        pairs = [each.split("=", 1) for each in item]
    if pairs is None or not all(isinstance(text, str) for _, text in pairs):
        raise ConfigError(f"mcp_servers: {who!r}: {key} is (hidden); allowed: texts by name, or NAME=VALUE")
    return dict(pairs)
