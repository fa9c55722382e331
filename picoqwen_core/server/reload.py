"""POST /api/v1/reload and SIGHUP: read the settings again without dropping a request.

What concerns callers, limits and models counts at once, and so do the users' flows. What a socket or a
running engine was made with (address, model, threads, context) needs a restart, and is named.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import fields

from aiohttp import web

from picoqwen_core.config import Settings, load_with_sources
from picoqwen_core.errors import ConfigError, ForbiddenError, SettingsRefused
from picoqwen_core.server.local_models import pool_limits
from picoqwen_core.server.logs import shape
from picoqwen_core.server.state import State, state_of

_LOGGER = logging.getLogger(__name__)
# Of what is wrong in them.
REFUSED = "the settings stay as they were: %s"
# Taken at the start only.
NEEDS_RESTART = frozenset(
    {
        *("host", "port", "max_body_bytes", "model", "models_dir", "built_in", "pinned_models"),
        *(
            "hub_url",
            "hub_token",
            "threads",
            "cpu_target",
            "nice",
            "max_context_length",
            "kv_cache",
            "cache_dir",
        ),
        *("upstreams", "routing", "privacy", "budget_per_day", "budget_per_month", "budget_file"),
        *("health_check_interval", "hedge", "mcp", "mcp_servers"),
        *("agents", "agent_tools", "web_search_engine", "searxng_url"),
        *("allowed_hosts", "agents_dir", "flows_dir"),
    }
)


async def reload(request: web.Request) -> web.Response:
    """Answer {"changed", "needs_restart"}: settings, and "flows". Raises SettingsRefused."""
    try:
        changed = await asyncio.to_thread(read_again, state_of(request))
    except ConfigError as err:
        _LOGGER.error(REFUSED, err)
        raise SettingsRefused(REFUSED % err) from err
    return web.json_response(take(state_of(request), *changed))


def read_again(state: State) -> tuple[Settings, list[str], list[Callable[[], str]]]:
    """The settings as they are now, the names of those that differ, and what else is to be taken.

    Raises ConfigError.
    """
    if state.source is None:
        raise ForbiddenError("this server was not started from settings that can be read again")
    found, _ = load_with_sources(state.source)
    names = [each.name for each in fields(Settings)]
    changed = [name for name in names if getattr(found, name) != getattr(state.settings, name)]
    return found, changed, [read() for read in state.rereads]


def take(
    state: State, found: Settings, changed: list[str], others: Sequence[Callable[[], str]]
) -> dict[str, list[str]]:
    """Let the settings count; what needs a restart keeps its old value until then."""
    state.settings = found
    shape(found)
    if state.router.pool is not None:
        state.router.pool.limits = pool_limits(found)
    later = [name for name in changed if name in NEEDS_RESTART]
    now = [name for name in changed if name not in NEEDS_RESTART]
    now += [name for taken in others if (name := taken())]
    _LOGGER.info("Settings read again; changed: %s; after a restart: %s", now or "none", later or "none")
    return {"changed": now, "needs_restart": later}
