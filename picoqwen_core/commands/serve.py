"""picoqwen serve: the HTTP server, with the settings of files, environment and flags."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from picoqwen_core.config import (
    CPU_TARGETS,
    KV_CACHES,
    LOG_FORMATS,
    LOG_LEVELS,
    Source,
    load_with_sources,
    supervisor_token,
)

HELP = "serve a model over HTTP"
_SETTINGS = (
    *("host", "port", "api_key", "model", "models_dir", "built_in", "threads", "max_context_length"),
    *("cpu_target", "nice", "kv_cache"),
    *("max_memory_mb", "cache_dir", "log_level", "log_format"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags are settings; what is not given comes from the files and the environment."""
    parser.add_argument("--config", type=Path, help="a TOML file")
    parser.add_argument("--options", type=Path, help="the options.json of a Home Assistant app")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", help="port to listen on (8080); 0 takes any free one")
    parser.add_argument("--api-key", help="ask for this key; better set as PICOQWEN_API_KEY")
    parser.add_argument("--model", help="a model, or a folder of models (the built-in model)")
    parser.add_argument("--models-dir", help="where models are installed (the user's data folder)")
    parser.add_argument(
        "--no-built-in",
        dest="built_in",
        action="store_false",
        default=None,
        help="the other models alone: the built-in one is not loaded at the start",
    )
    parser.add_argument("--max-memory-mb", help="memory of all models together (most of the machine's)")
    parser.add_argument("--threads", help="threads to compute with, at most (one per big core)")
    parser.add_argument("--cpu-target", help=f"{', '.join(CPU_TARGETS)} (auto)")
    parser.add_argument("--nice", help="how far to stand back behind other processes, 0 to 19 (5)")
    parser.add_argument("--context", dest="max_context_length", help="the most tokens of a conversation")
    parser.add_argument("--kv-cache", help=f"{', '.join(KV_CACHES)} (auto)")
    parser.add_argument("--cache-dir", help="where compiled kernels are kept")
    parser.add_argument("--log-level", help=f"{', '.join(LOG_LEVELS)} (info)")
    parser.add_argument("--log-format", help=f"{', '.join(LOG_FORMATS)} (text)")


def run(arguments: argparse.Namespace) -> None:
    """Serve until a signal says stop."""
    # aiohttp takes aiodns where it finds it, as beside Home Assistant: 1.6 MB to look up names, and a server
    # that only listens looks up none.
    sys.modules.setdefault("aiodns", None)  # type: ignore[arg-type]
    from picoqwen_core.server.logs import TEXT, shape  # noqa: PLC0415
    from picoqwen_core.server.run import serve  # noqa: PLC0415 - aiohttp is not needed for --help

    flags = {name: getattr(arguments, name) for name in _SETTINGS}
    source = Source(arguments.config, arguments.options, flags)
    logging.basicConfig(stream=sys.stderr, format=TEXT)
    if arguments.options is not None and supervisor_token() is not None:
        from picoqwen_core.server.as_app import serve_as_app  # noqa: PLC0415

        serve_as_app(source)
        return
    settings, _ = load_with_sources(source)
    shape(settings)
    asyncio.run(serve(settings, source))
