"""The command line: picks one of commands/ and runs it. A command is a file there and a line here."""

import argparse
import os
import signal
import sys
from types import ModuleType

from picoqwen_core import __version__
from picoqwen_core.commands import (
    bench,
    chat,
    config,
    cpu,
    doctor,
    export,
    flow,
    generate,
    inference,
    key,
    models,
    quantize,
    serve,
    service,
    status,
)
from picoqwen_core.errors import PicoQwenError

# In the order of --help.
_COMMANDS: dict[str, ModuleType] = {
    "serve": serve,
    "chat": chat,
    "flow": flow,
    "models": models,
    "status": status,
    "config": config,
    "doctor": doctor,
    "key": key,
    "service": service,
    "generate": generate,
    "bench": bench,
    "cpu": cpu,
    "quantize": quantize,
    "export": export,
    "inference": inference,
}


def main() -> None:
    """Parse the command line and run the command; errors are one line on stderr, exit code 1."""
    arguments = make_parser().parse_args()
    # As an exception, so that half-written files are removed and processes that were started are ended.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        _COMMANDS[arguments.command].run(arguments)
    except PicoQwenError as err:
        sys.exit(f"picoqwen: {err}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does. Python would complain once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def make_parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    parser = argparse.ArgumentParser(prog="picoqwen", description="A home's own language model.")
    parser.add_argument("--version", action="version", version=f"picoqwen {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.HELP, description=command.__doc__))
    return parser


if __name__ == "__main__":
    main()
