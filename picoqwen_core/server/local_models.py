"""The pool of this machine's models, as the settings describe it."""

from pathlib import Path
from typing import Any

from picoqwen_core.config import BUILT_IN_MODEL, Settings, model_files, models_folder
from picoqwen_core.engine.client import EngineClient, Sharing
from picoqwen_core.installed import model_file
from picoqwen_core.machine.limits import read_memory
from picoqwen_core.providers.local import LocalProvider
from picoqwen_core.providers.pool import ModelPool, PoolLimits

# The rest is for the system, Home Assistant and this process.
SHARE_OF_MEMORY = 0.75
# What the built-in model reads is short and hardly comes again: room for the requests that run at once.
_BUILT_IN_CACHE_MB = 32
# A request waits this long for a model that loads, where it is that patient.
_LOAD_SECONDS = 120.0


def make_pool(settings: Settings) -> ModelPool:
    """Nothing is started yet. Raises ConfigError where the model of the settings is not there."""
    first, *others = model_files(settings.model)
    comes_along = BUILT_IN_MODEL.is_file() and not first.samefile(BUILT_IN_MODEL)
    residents, spare = [first], []
    if settings.built_in and comes_along:
        residents.append(BUILT_IN_MODEL)
    elif not settings.built_in and not comes_along:
        # Nothing else was named, and somebody has to answer where nobody else is there.
        residents, spare = [], [first]

    def make(path: Path, **options: Any) -> LocalProvider:
        client = EngineClient(
            path,
            model_id=model_file(path).id,
            context_length=settings.max_context_length,
            kv_cache=settings.kv_cache,
            threads=settings.threads,
            cpu_target=settings.cpu_target,
            nice=settings.nice,
            max_memory=settings.max_memory_mb and settings.max_memory_mb * 1_000_000,
            cache_dir=settings.cache_dir,
            # Most who were let in may wait; the other connections are for those who ask how the server is.
            queue_limit=max(1, settings.max_connections * 4 // 5),
            sharing=Sharing(
                sequences=settings.parallel_requests,
                cache_memory_mb=_cache_memory(settings, path),
                cache_file_mb=settings.cache_file_mb,
                speculation=settings.speculation,
                draft=settings.draft_model if path.samefile(first) else None,
            ),
        )
        seconds = min(settings.first_token_timeout, _LOAD_SECONDS)
        return LocalProvider(client, path, ready_seconds=seconds, **options)

    return ModelPool(
        make,
        residents,
        others=others,
        spare=spare,
        folder=models_folder(settings),
        pinned=settings.pinned_models,
        limits=pool_limits(settings),
        supply=read_memory,
    )


def _cache_memory(settings: Settings, path: Path) -> int | None:
    """Megabytes of keys and values that a model's worker may keep; None leaves it the choice."""
    if BUILT_IN_MODEL.is_file() and path.samefile(BUILT_IN_MODEL):
        return min(settings.cache_memory_mb or _BUILT_IN_CACHE_MB, _BUILT_IN_CACHE_MB)
    return settings.cache_memory_mb


def pool_limits(settings: Settings) -> PoolLimits:
    """The settings' limits; without one for memory, most of what the machine or the container has."""
    most = settings.max_memory_mb
    return PoolLimits(
        max_loaded=settings.max_loaded_models,
        max_bytes=most * 1_000_000 if most else int(read_memory().total * SHARE_OF_MEMORY) or None,
        keep_alive=settings.keep_alive,
        preferred=settings.default_quantization,
    )
