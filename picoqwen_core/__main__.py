"""The command line: picoqwen serve | chat | models | generate."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from picoqwen_core import __version__
from picoqwen_core.config import LOG_LEVELS, load_settings
from picoqwen_core.errors import ConfigError, PicoQwenError

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_DEFAULT_URL = "http://127.0.0.1:8080"


def main() -> None:
    """Parse the command line and run the command; errors are one line on stderr, exit code 1."""
    arguments = make_parser().parse_args()
    try:
        arguments.run(arguments)
    except PicoQwenError as err:
        sys.exit(f"picoqwen: {err}")
    except KeyboardInterrupt:
        sys.exit(130)


def make_parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    parser = argparse.ArgumentParser(prog="picoqwen", description="A home's own language model.")
    parser.add_argument("--version", action="version", version=f"picoqwen {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_serve(commands.add_parser("serve", help="serve a model over HTTP"))
    _add_chat(commands.add_parser("chat", help="talk to a server, or to a model file"))
    _add_models(commands.add_parser("models", help="list the models of a running server"))
    _add_generate(commands.add_parser("generate", help="continue a text with a model, without a server"))
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a TOML file")
    parser.add_argument("--options", type=Path, help="the options.json of a Home Assistant app")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", help="port to listen on (8080); 0 takes any free one")
    parser.add_argument("--api-key", help="ask for this key; better set as PICOQWEN_API_KEY")
    parser.add_argument("--model", help="a GGUF file, or a folder of them (the built-in model)")
    parser.add_argument("--threads", help="threads to compute with (all cores)")
    parser.add_argument("--context", dest="max_context_length", help="the most tokens of a conversation")
    parser.add_argument("--cache-dir", help="where compiled kernels are kept")
    parser.add_argument("--log-level", help=f"{', '.join(LOG_LEVELS)} (info)")
    parser.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> None:
    # aiohttp takes aiodns where it finds it, as beside Home Assistant: 1.6 MB to look up names, and a server
    # that only listens looks up none.
    sys.modules.setdefault("aiodns", None)  # type: ignore[arg-type]
    from picoqwen_core.server.run import serve  # noqa: PLC0415 - aiohttp is not needed for --help

    names = ("host", "port", "api_key", "model", "threads", "max_context_length", "cache_dir", "log_level")
    flags = {name: getattr(arguments, name) for name in names}
    settings = load_settings(config=arguments.config, options=arguments.options, flags=flags)
    logging.basicConfig(level=settings.log_level.upper(), format=_LOG_FORMAT, stream=sys.stderr)
    asyncio.run(serve(settings))


def _add_chat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="a running server; without it, one is started for the talk")
    parser.add_argument("--api-key", help="the running server's key")
    parser.add_argument("--model", help="with --url: a model's name; without: a GGUF file")
    parser.set_defaults(run=_chat)


def _chat(arguments: argparse.Namespace) -> None:
    from picoqwen_core.terminal import Server, own_server, talk, typed_lines  # noqa: PLC0415

    lines = typed_lines("> " if sys.stdin.isatty() else "")
    if arguments.url:
        for piece in talk(Server(arguments.url, arguments.api_key), arguments.model, lines):
            print(piece, end="", flush=True)
        return
    with own_server(arguments.model) as server:
        for piece in talk(server, None, lines):
            print(piece, end="", flush=True)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=_DEFAULT_URL, help=f"the server ({_DEFAULT_URL})")
    parser.add_argument("--api-key", help="the server's key")
    parser.set_defaults(run=_models)


def _models(arguments: argparse.Namespace) -> None:
    from picoqwen_core.terminal import Server  # noqa: PLC0415

    for model in Server(arguments.url, arguments.api_key).models():
        loaded = "loaded" if model["loaded"] else "not loaded"
        print(f"{model['id']:<32} {model['size'] / 1e6:>10,.1f} MB  {loaded}")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="a GGUF file")
    parser.add_argument("prompt")
    parser.add_argument("--max-tokens", type=int, default=100)
    parser.add_argument("--threads", type=int)
    parser.set_defaults(run=_generate)


def _generate(arguments: argparse.Namespace) -> None:
    asyncio.run(_print_continuation(arguments))


async def _print_continuation(arguments: argparse.Namespace) -> None:
    from picoqwen_core.engine.client import EngineClient  # noqa: PLC0415
    from picoqwen_core.messages import GenerateRequest  # noqa: PLC0415

    if arguments.max_tokens < 1:
        raise ConfigError(f"--max-tokens is {arguments.max_tokens}; allowed: 1 or more")
    client = EngineClient(arguments.model, model_id=arguments.model.stem, threads=arguments.threads)
    try:
        await client.start()
        async for delta in client.generate(
            GenerateRequest(arguments.prompt, max_tokens=arguments.max_tokens)
        ):
            print(delta.content, end="", flush=True)
        print()
    finally:
        await client.stop()


if __name__ == "__main__":
    main()
