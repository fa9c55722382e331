"""The files of a set-up: models that can be opened, folders that can be written, room on the disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from picoqwen_core.config import (
    BUILT_IN_MODEL,
    Settings,
    agents_folder,
    budget_file,
    model_files,
    models_folder,
)
from picoqwen_core.doctor.finding import Finding, State, megabytes
from picoqwen_core.errors import CheckpointError, ConfigError
from picoqwen_core.folders import cache_folder
from picoqwen_core.installed import PARTIAL_SUFFIX, find_models

# The smallest model worth fetching, and below it not even logs and caches have room.
_LEAST_FOR_MODELS, _LEAST_FREE = 2_000_000_000, 200_000_000


def check_files(settings: Settings) -> Iterator[Finding]:
    """Models, then folders."""
    yield from _models(settings)
    yield _folder("models folder", "models_dir", models_folder(settings), _LEAST_FOR_MODELS)
    cache = settings.cache_dir or cache_folder()
    yield _folder("cache folder", "cache_dir", cache, settings.cache_file_mb * 1_000_000 + _LEAST_FREE)
    if settings.upstreams:
        yield _folder("budget", "budget_file", budget_file(settings).parent, 0)
    if settings.agents:
        yield _folder("agents folder", "agents_dir", agents_folder(settings), 0)


def _models(settings: Settings) -> Iterator[Finding]:
    try:
        wanted = model_files(settings.model)
    except ConfigError as err:
        yield Finding("model", "fail", str(err), "set model to a file that exists, or leave it out")
        wanted = []
    folder = models_folder(settings)
    others = [each.path for each in find_models(folder).values()]
    built_in = [BUILT_IN_MODEL] if settings.built_in else []
    for path in dict.fromkeys([*wanted, *built_in, *others]):
        yield _model(path)
    if settings.draft_model is not None:
        yield _model(settings.draft_model)
    for partial in sorted(folder.glob(f"*{PARTIAL_SUFFIX}")) if folder.is_dir() else ():
        size = megabytes(partial.stat().st_size)
        yield Finding(
            *("download", "warn", f"{partial} is the beginning of a download ({size})"),
            "fetch the model again, which goes on from there, or delete the file",
        )


def _model(path: Path) -> Finding:
    # Numpy and the readers: for the one who asks.
    from picoqwen_core.loaders.open import open_checkpoint  # noqa: PLC0415

    try:
        checkpoint = open_checkpoint(path)
    except CheckpointError as err:
        return Finding("model", "fail", str(err), "fetch the file again, or take it out of the models folder")
    except OSError as err:
        reason = err.strerror or err
        return Finding(
            *("model", "fail", f"{path} cannot be read ({reason})"),
            "let the server's user read it: chmod a+r, and chmod a+x its folders",
        )
    return Finding("model", "ok", f"{path} can be opened ({megabytes(checkpoint.size)})")


def _folder(check: str, option: str, path: Path, needed: int) -> Finding:
    """needed: bytes that should be free."""
    nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        return Finding(
            *(check, "fail", f"{path} cannot be written"), f"set {option} to a folder of the server's user"
        )
    free = shutil.disk_usage(nearest).free
    told = f"{path} has {megabytes(free)} free"
    if free >= needed:
        return Finding(check, "ok", told)
    state: State = "fail" if free < _LEAST_FREE else "warn"
    return Finding(check, state, told, f"make room: {megabytes(needed)} are wanted there")
