"""picoqwen chat: a talk on the terminal, with a running server or one of its own."""

import argparse
import sys

HELP = "talk to a server, or to a model file; /help tells the commands"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom to talk to."""
    parser.add_argument("--url", help="a running server; without it, one is started for the talk")
    parser.add_argument("--api-key", help="the running server's key")
    parser.add_argument("--model", help="with --url: a model's name; without: a GGUF file")


def run(arguments: argparse.Namespace) -> None:
    """Answer what is typed until Ctrl-D or /quit; what begins with a slash is a command."""
    from picoqwen_core.config import chat_history  # noqa: PLC0415
    from picoqwen_core.talk import talk, typed_lines  # noqa: PLC0415
    from picoqwen_core.terminal import Server, own_server  # noqa: PLC0415

    lines = typed_lines("> ", chat_history()) if sys.stdin.isatty() else typed_lines("")
    if arguments.url:
        for piece in talk(Server(arguments.url, arguments.api_key), arguments.model, lines):
            print(piece, end="", flush=True)
        return
    with own_server(arguments.model) as server:
        for piece in talk(server, None, lines):
            print(piece, end="", flush=True)
