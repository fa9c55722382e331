"""What a client is told that waits for a model to load: events before the first piece of its answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from picoqwen_core.errors import ModelNotFound
from picoqwen_core.memory import resident_mb
from picoqwen_core.providers.provider import Provider
from picoqwen_core.router import Router

type Waiting = Callable[[], Mapping[str, Any] | None]


def loading(router: Router, model: str) -> Waiting:
    """Tells {"model", "state", "waited_s", "memory_mb", "size_mb"} while the model starts, and None else."""
    begun = time.monotonic()

    def told() -> Mapping[str, Any] | None:
        try:
            provider, _ = router.choose(model)
        except ModelNotFound:
            return None
        if provider.health.state not in ("starting", "idle"):
            return None
        return {"model": model, "waited_s": round(time.monotonic() - begun, 1), **_far(provider)}

    return told


def _far(provider: Provider) -> dict[str, Any]:
    """How far it is: what its process holds by now, of what lies on the disk."""
    health = provider.health
    return {
        "state": health.state,
        "memory_mb": resident_mb(health.pid) if health.pid is not None else None,
        "size_mb": round(sum(each.size_bytes for each in provider.models) / 1e6, 1),
    }
