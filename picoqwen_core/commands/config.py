"""picoqwen config: every setting, its value, and what set it."""

import argparse
from dataclasses import fields
from pathlib import Path

from picoqwen_core.config import SECRETS, Settings, Source, load_with_sources, models_folder

HELP = "print the settings that count, and where each comes from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The same files that serve takes."""
    parser.add_argument("--config", type=Path, help="a TOML file")
    parser.add_argument("--options", type=Path, help="the options.json of a Home Assistant app")


def run(arguments: argparse.Namespace) -> None:
    """One line for each setting; keys and tokens are not shown."""
    settings, sources = load_with_sources(Source(arguments.config, arguments.options))
    for each in fields(Settings):
        value = getattr(settings, each.name)
        if each.name == "models_dir":
            value = models_folder(settings)
        shown = "(hidden)" if each.name in SECRETS and value else _shown(value)
        print(f"{each.name:<22} {shown:<40} {sources.get(each.name, 'default')}")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
