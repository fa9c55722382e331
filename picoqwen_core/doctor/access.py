"""Who may reach the server: its address, its keys, and which pages may ask."""

import ipaddress
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress

from picoqwen_core.config import Settings
from picoqwen_core.doctor.finding import Finding

# Keys that `picoqwen key` makes have 43 characters; what is shorter than this can be guessed.
_SHORT_KEY = 16


def check_access(settings: Settings, *, served: bool) -> Iterator[Finding]:
    """served: whether a server of ours answers at the address already."""
    yield _port(settings, served=served)
    keyed = settings.api_key is not None or bool(settings.api_keys)
    if not _is_loopback(settings.host):
        told = f"other machines can ask on {settings.host}"
        yield (
            Finding("key", "ok", f"{told} and need a key")
            if keyed
            else Finding("key", "fail", f"{told} without a key", "set api_key, or host to 127.0.0.1")
        )
    if settings.api_key is not None and len(settings.api_key) < _SHORT_KEY:
        told = f"api_key has {len(settings.api_key)} characters, which can be guessed"
        yield Finding("key length", "warn", told, "take one that `picoqwen key` makes")
    names = [each.partition(":")[0] for each in settings.api_keys]
    for name in sorted({each for each in names if names.count(each) > 1}):
        told = f"api_keys has {name!r} more than once, so that the log cannot tell whose it was"
        yield Finding("key names", "warn", told, "give each key a name of its own")
    yield from _key_file(settings)
    if "*" in settings.allowed_origins:
        yield Finding(
            *("origins", "warn" if keyed else "fail", "pages of every site may ask the server"),
            "name the sites in allowed_origins",
        )


def _key_file(settings: Settings) -> Iterator[Finding]:
    path = settings.api_key_file
    if path is None:
        return
    with suppress(OSError):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding("key file", "warn", f"others can read {path}", f"chmod 600 {path}")


def _port(settings: Settings, *, served: bool) -> Finding:
    where = f"{settings.host}:{settings.port}"
    if served:
        return Finding("address", "ok", f"{where} is the server's")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as err:
            return Finding(
                *("address", "fail", f"{where} cannot be listened on ({err.strerror or err})"),
                "another program has it, or it needs rights: choose another host or port",
            )
    return Finding("address", "ok", f"{where} is free")


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
