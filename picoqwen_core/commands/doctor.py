"""picoqwen doctor: what is wrong with this set-up, in plain words, and what to do."""

import argparse
import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from picoqwen_core.config import Settings, Source, load_with_sources, model_files, models_folder
from picoqwen_core.errors import ConfigError

HELP = "say what is wrong with this set-up"
_LEAST_FREE_BYTES = 2_000_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The same files that serve takes."""
    parser.add_argument("--config", type=Path, help="a TOML file")
    parser.add_argument("--options", type=Path, help="the options.json of a Home Assistant app")


def run(arguments: argparse.Namespace) -> None:
    """One line for each thing that was looked at; exit code 1 where something is wrong."""
    settings, _ = load_with_sources(Source(arguments.config, arguments.options))
    print("ok     the settings can be read")
    wrong = 0
    for told, advice in look(settings):
        wrong += advice is not None
        print(f"{'ok' if advice is None else 'wrong':<6} {told}" + (f"; {advice}" if advice else ""))
    if wrong:
        sys.exit(1)


def look(settings: Settings) -> Iterator[tuple[str, str | None]]:
    """What was found, and what to do about it where it is wrong."""
    try:
        files = model_files(settings.model)
        yield f"the model is there: {files[0]}", None
    except ConfigError as err:
        yield str(err), "set model to a file that exists"
    folder = models_folder(settings)
    if _is_writable(folder):
        free = shutil.disk_usage(_existing(folder)).free
        advice = "make room before fetching models" if free < _LEAST_FREE_BYTES else None
        yield f"{folder} has {free / 1e9:.1f} GB free for models", advice
    else:
        yield f"{folder} cannot be written", "set models_dir to a folder of the server's user"
    yield _port(settings)
    if not _is_loopback(settings.host):
        keyed = settings.api_key is not None or bool(settings.api_keys)
        told = f"other machines can ask on {settings.host}"
        yield (told + " and need a key", None) if keyed else (told + " without a key", "set api_key")


def _port(settings: Settings) -> tuple[str, str | None]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as err:
            told = f"{settings.host}:{settings.port} cannot be listened on ({err.strerror or err})"
            return (
                told,
                "another server may run there already: `picoqwen status` tells, or choose another port",
            )
    return f"{settings.host}:{settings.port} is free", None


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


def _is_writable(folder: Path) -> bool:
    nearest = _existing(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK)
