"""picoqwen key NAME: a new API key, shown once, and the line for the settings that lets it in."""

import argparse
import hashlib
import re
import secrets

from picoqwen_core.errors import ConfigError

HELP = "make an API key for someone who asks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose key it is."""
    parser.add_argument("name", help="letters, digits, '_', '.' and '-': who asks with it")


def run(arguments: argparse.Namespace) -> None:
    """The key goes to who asks; the settings keep its hash only."""
    if not re.fullmatch(r"[\w.-]{1,40}", arguments.name):
        raise ConfigError(f"name is {arguments.name!r}; allowed: 1 to 40 letters, digits, '_', '.' and '-'")
    key = secrets.token_urlsafe(32)
    print(f"key:      {key}")
    print(f"api_keys: {arguments.name}:{hashlib.sha256(key.encode()).hexdigest()}")
