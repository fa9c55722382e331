"""Other MCP servers and their tools: what the settings say of each. agents/mcp_client.py asks them."""

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from picoqwen_core.errors import ConfigError
from picoqwen_core.named_list import parse_list, require_known, require_type, who, wrong

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|_(?!_)){0,30}[a-z0-9]\Z|[a-z0-9]\Z")
_TIMEOUT = 30.0
_SHORTEST_SECRET = 6
_OPTION = "mcp_servers"
# Where apps of Home Assistant find the Supervisor, and nobody else finds anything.
SUPERVISOR = "http://supervisor"
# Types of fields that are one value and no text.
_TYPES: Mapping[str, type] = {"timeout": float, "trusted": bool}


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
            raise wrong(_OPTION, self.name, f"{both}; one of the two is needed")
        web = not self.url or self.url.startswith(("http://", "https://"))
        self._require(web, "url", "http://HOST:PORT/PATH or https://HOST/PATH")
        self._require(1 <= self.timeout < math.inf, "timeout", "1 second or more")

    def without_secrets(self, text: str) -> str:
        """What the server says, without what it was given to keep: servers like to quote what they refuse."""
        secrets = (self.api_key, *self.headers.values(), *self.env.values())
        for secret in secrets:
            # What is shorter stands in many a text by chance.
            if secret and len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "(key)")
        return text

    def _require(self, allowed: bool, name: str, range_: str) -> None:
        if not allowed:
            raise wrong(_OPTION, self.name, f"{name} is {getattr(self, name)!r}; allowed: {range_}")


def parse_mcp_servers(value: Any) -> tuple[McpServer, ...]:
    """A list of objects, or that as JSON text. Raises ConfigError, or ValueError for what is no list."""
    return parse_list(_OPTION, value, _server)


def with_supervisor_token(
    servers: Iterable[McpServer], token: str | None, supervisor: str = SUPERVISOR
) -> tuple[McpServer, ...]:
    """The servers; those behind the Supervisor without a key get the token by which it knows this app.

    It hands on to Home Assistant what is asked below /core/api, such as its MCP server at /core/api/mcp:
    https://developers.home-assistant.io/docs/apps/communication#home-assistant-core
    """
    return tuple(
        replace(each, api_key=token)
        if token and not each.api_key and each.url.startswith(f"{supervisor}/")
        else each
        for each in servers
    )


def _server(given: Mapping[str, Any]) -> McpServer:
    if "name" not in given:
        raise ConfigError(f"{_OPTION}: (without a name): name is missing")
    require_known(_OPTION, given, (each.name for each in fields(McpServer)))
    return McpServer(**{key: _field(given, key) for key in given})


def _field(given: Mapping[str, Any], key: str) -> Any:
    """A field's value in the type that it has; args and tools may be one text, as a shell has it."""
    item = given[key]
    if key in {"args", "tools"}:
        words = shlex.split(item) if isinstance(item, str) else item
        if isinstance(words, list | tuple) and all(isinstance(each, str) for each in words):
            return tuple(words)
        raise wrong(_OPTION, who(given), f"{key} is {item!r}; allowed: a list of texts")
    if key in {"env", "headers"}:
        return _texts_by_name(who(given), key, item)
    require_type(_OPTION, given, key, _TYPES.get(key, str))
    return item


def _texts_by_name(name: str, key: str, item: Any) -> dict[str, str]:
    """An object of texts, or a list of NAME=VALUE as the app's options have it."""
    pairs: list[Any] | None = list(item.items()) if isinstance(item, Mapping) else None
    if isinstance(item, list | tuple) and all(isinstance(each, str) and "=" in each for each in item):
        pairs = [each.split("=", 1) for each in item]
    if pairs is None or not all(isinstance(text, str) for _, text in pairs):
        raise wrong(_OPTION, name, f"{key} is (hidden); allowed: texts by name, or NAME=VALUE")
    return dict(pairs)
