"""picoqwen models: the models of a running server."""

import argparse

HELP = "list the models of a running server"
_DEFAULT_URL = "http://127.0.0.1:8080"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which server."""
    parser.add_argument("--url", default=_DEFAULT_URL, help=f"the server ({_DEFAULT_URL})")
    parser.add_argument("--api-key", help="the server's key")


def run(arguments: argparse.Namespace) -> None:
    """One line per model: name, size, whether it is loaded."""
    from picoqwen_core.terminal import Server  # noqa: PLC0415

    for model in Server(arguments.url, arguments.api_key).models():
        loaded = "loaded" if model["loaded"] else "not loaded"
        print(f"{model['id']:<32} {model['size'] / 1e6:>10,.1f} MB  {loaded}")
