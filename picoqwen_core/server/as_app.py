"""Serving as an app of Home Assistant: what is wrong in the options is told, and does not stop the home.

Elsewhere a wrong setting ends the start, since whoever started the server is there to read why. An app is
started by its Supervisor, often while nobody looks; without it no lamp goes on by voice.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from picoqwen_core.config import BUILT_IN_MODEL, LOG_LEVELS, Settings, Source, load_with_sources
from picoqwen_core.errors import ConfigError
from picoqwen_core.server.logs import shape
from picoqwen_core.server.run import serve


def serve_as_app(source: Source) -> None:
    """Serve with the options; where they cannot be taken, with the built-in model alone.

    Raises ConfigError where not even that is possible, as when the port is taken.
    """
    settings, trouble = _read(source)
    shape(settings)
    if trouble is None:
        trouble = _served(settings, source)
        settings = spared(settings)
    if trouble is not None:
        asyncio.run(serve(settings, source, trouble))


def _served(settings: Settings, source: Source) -> str | None:
    """Serve until the end; what is wrong with the settings where that could not begin."""
    try:
        asyncio.run(serve(settings, source))
    except ConfigError as err:
        return str(err)
    return None


def spared(settings: Settings) -> Settings:
    """The settings without all that can be missing or contradict itself; who may ask stays as it was."""
    return replace(
        settings,
        model=BUILT_IN_MODEL,
        built_in=True,
        draft_model=None,
        upstreams=(),
        agents=False,
        mcp_servers=(),
    )


def _read(source: Source) -> tuple[Settings, str | None]:
    """The settings, and what is wrong with the options where they are left out of them."""
    try:
        return load_with_sources(source)[0], None
    except ConfigError as err:
        flags = {name: value for name, value in source.flags.items() if value is not None}
        without = Source(source.config, None, {**_kept(source), **flags})
        return load_with_sources(without)[0], str(err)


def _kept(source: Source) -> Mapping[str, Any]:
    """Of options that are wrong elsewhere, the key that clients know, and how much is logged."""
    try:
        options = json.loads(source.options.read_bytes()) if source.options is not None else None
    except (OSError, ValueError):
        return {}
    if not isinstance(options, dict):
        return {}
    key, level = options.get("api_key"), options.get("log_level")
    kept = {"api_key": key} if isinstance(key, str) and key.strip() else {}
    return kept | ({"log_level": level} if level in LOG_LEVELS else {})
