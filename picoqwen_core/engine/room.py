"""How long a context may be where memory is short."""

import logging
from collections.abc import Callable

from picoqwen_core.errors import InsufficientMemory

_LOGGER = logging.getLogger(__name__)

# A shorter one holds no conversation.
SHORTEST_CONTEXT = 512
_STEP = 256
_MEGABYTE = 1e6


def fitting_context(wanted: int, weights: int, cache: Callable[[int], int], available: int) -> int:
    """The context to take: what is wanted, or, with one warning, what the memory has room for.

    weights: bytes of the model's file; cache: bytes of keys and values of a context; available: bytes that
    can be had. Weights are read from the file again where they lose their place, so where not even they fit,
    a quarter of the memory is for the cache. Raises InsufficientMemory where no conversation has room.
    """
    room = max(available - weights, available // 4)
    if cache(wanted) <= room:
        if weights > available:
            _LOGGER.warning(
                "The model needs %.0f MB and %.0f MB of memory are available: it will be slow",
                *(size / _MEGABYTE for size in (weights, available)),
            )
        return wanted
    shortest = min(wanted, SHORTEST_CONTEXT)
    context = next(
        (each for each in range(wanted // _STEP * _STEP, shortest, -_STEP) if cache(each) <= room), shortest
    )
    if cache(context) > room:
        raise InsufficientMemory(
            f"a context of {context} tokens needs {cache(context) / _MEGABYTE:.0f} MB beside the model's "
            f"{weights / _MEGABYTE:.0f} MB, and {available / _MEGABYTE:.0f} MB of memory are available; "
            "end something else, or take a smaller model or kv_cache int8 or k8v4"
        )
    _LOGGER.warning(
        "A context of %s tokens needs %.0f MB, for which there is no room beside the model's %.0f MB in "
        "%.0f MB of available memory; taking %s",
        wanted,
        *(size / _MEGABYTE for size in (cache(wanted), weights, available)),
        context,
    )
    return context
