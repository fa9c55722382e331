"""picoqwen doctor: what is wrong with this set-up, in plain words, and what to do."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from picoqwen_core.config import Settings, Source, load_with_sources
from picoqwen_core.errors import ConfigError

if TYPE_CHECKING:
    from picoqwen_core.doctor.finding import Finding

HELP = "say what is wrong with this set-up"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The same files that serve takes, and which server to ask."""
    parser.add_argument("--config", type=Path, help="a TOML file")
    parser.add_argument("--options", type=Path, help="the options.json of a Home Assistant app")
    parser.add_argument("--url", help="a running server (the settings' own address)")
    parser.add_argument("--api-key", help="the server's key (the settings' own)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """One line for each thing that was looked at; exit code 1 where something does not work."""
    found = []
    for each in look(arguments):
        found.append(each)
        if not arguments.json:
            print(f"{each.state:<5} {each.check}: {each.told}" + (f"; {each.advice}" if each.advice else ""))
    failed = any(each.state == "fail" for each in found)
    if arguments.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(each) for each in found]}, indent=2))
    if failed:
        sys.exit(1)


def look(arguments: argparse.Namespace) -> Iterator["Finding"]:
    """All checks. Where the settings cannot be read, the rest is looked at with the defaults."""
    # The other commands start faster without.
    from picoqwen_core.doctor.access import check_access  # noqa: PLC0415
    from picoqwen_core.doctor.files import check_files  # noqa: PLC0415
    from picoqwen_core.doctor.finding import Finding  # noqa: PLC0415
    from picoqwen_core.doctor.machine import check_machine  # noqa: PLC0415
    from picoqwen_core.doctor.running import ask_health, check_running  # noqa: PLC0415

    try:
        settings, sources = load_with_sources(Source(arguments.config, arguments.options))
        where = ", ".join(sorted(set(sources.values()))) or "the defaults"
        yield Finding("settings", "ok", f"the settings can be read ({where})")
    except ConfigError as err:
        yield Finding("settings", "fail", str(err), "mend this first; the defaults are looked at below")
        settings = Settings()
    yield from check_files(settings)
    yield from check_machine(settings)
    url = arguments.url or _address(settings)
    health = ask_health(url) if url else None
    yield from check_access(settings, served=isinstance(health, dict) and not arguments.url)
    if url and health is not None:
        key = arguments.api_key or settings.api_key
        yield from check_running(url, key, health, named=arguments.url is not None)


def _address(settings: Settings) -> str | None:
    """Where a server with these settings is asked; None where any port would do."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to be asked, not to listen
    host = everywhere.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}" if settings.port else None
