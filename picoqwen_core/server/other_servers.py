"""The other servers that may answer, as the settings name them; without any, none of this is imported."""

import logging
from typing import TYPE_CHECKING

from picoqwen_core.config import Settings, budget_file
from picoqwen_core.errors import ConfigError
from picoqwen_core.prices import FREE
from picoqwen_core.upstreams import Upstream

if TYPE_CHECKING:
    from picoqwen_core.budget import Budget
    from picoqwen_core.hybrid import Hybrid
    from picoqwen_core.providers.remote import Remote

_LOGGER = logging.getLogger(__name__)


def make_hybrid(settings: Settings) -> "Hybrid | None":
    """Nothing is asked yet. Raises ConfigError for what cannot work."""
    if not settings.upstreams:
        return None
    from picoqwen_core.hybrid import Hybrid  # noqa: PLC0415
    from picoqwen_core.spending import Purse  # noqa: PLC0415

    purse = Purse(_budget(settings))
    return Hybrid(
        [_provider(each) for each in settings.upstreams],
        strategy=settings.routing,
        privacy=settings.privacy,
        purse=purse,
        probe_seconds=settings.health_check_interval,
        hedge=settings.hedge,
    )


def _provider(upstream: Upstream) -> "Remote":
    """Imports what its kind needs, 40 MB for openai. Raises ConfigError where that is not installed."""
    try:
        if upstream.kind == "anthropic":
            from picoqwen_core.providers.anthropic import AnthropicProvider  # noqa: PLC0415

            return AnthropicProvider(upstream)
        from picoqwen_core.providers.openai import OpenAIProvider  # noqa: PLC0415

        return OpenAIProvider(upstream)
    except ImportError as err:
        raise ConfigError(
            f"upstreams: {upstream.name!r} needs the package {upstream.kind}, which is not installed "
            f"({err}); pip install {upstream.kind}"
        ) from err


def _budget(settings: Settings) -> "Budget | None":
    """Where what is spent is written down; None where nothing costs anything."""
    capped = settings.budget_per_day is not None or settings.budget_per_month is not None
    for each in settings.upstreams:
        if each.price is None and capped:
            raise ConfigError(
                f"upstreams: {each.name!r}: what {each.model!r} costs is not known, so no budget can be "
                "kept; set input_price and output_price, in dollars for a million tokens"
            )
        if each.price is None:
            _LOGGER.warning("What %s costs is not known; it is counted as nothing", each.model_id)
    if all(each.price in (None, FREE) for each in settings.upstreams):
        return None
    from sqlite3 import Error  # noqa: PLC0415

    from picoqwen_core.budget import Budget  # noqa: PLC0415

    path = budget_file(settings)
    try:
        return Budget(path, per_day=settings.budget_per_day, per_month=settings.budget_per_month)
    except (Error, OSError) as err:
        raise ConfigError(f"budget_file is {str(path)!r}, which cannot be used: {err}") from err
