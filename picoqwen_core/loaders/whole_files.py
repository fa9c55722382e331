"""Writes files whole or not at all, several together where they belong together."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from picoqwen_core.errors import CheckpointError

# The disk is full, the user's share of it is used up, or the file is larger than is allowed.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MODE = 0o644


@contextmanager
def whole_files(paths: Sequence[Path], needed: int = 0) -> Iterator[list[IO[bytes]]]:
    """Files to write to, in binary, that take their names together at the end of the block, or leave nothing.

    paths: all in one folder, replaced if they exist; needed: bytes that will be written to all of them.
    Raises CheckpointError when the disk does not take them, saying how much room is missing; if `needed` is
    right, before anything is written.
    """
    _refuse_impossible(paths, needed)
    files: list[IO[bytes]] = []
    try:
        try:
            files.extend(_temporary(path) for path in paths)
            yield files
            for file in files:
                file.flush()
                os.fsync(file.fileno())
            for file, path in zip(files, paths, strict=True):
                Path(file.name).chmod(_MODE)
                Path(file.name).replace(path)
            _sync_folder(paths[0].parent)
        except OSError as err:
            raise _translated(err, paths[0], files, needed) from err
    finally:
        for file in files:
            # Closing writes what is still buffered, which fails again on a full disk.
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                Path(file.name).unlink(missing_ok=True)


def _refuse_impossible(paths: Sequence[Path], needed: int) -> None:
    for path in paths:
        if path.is_dir():
            raise CheckpointError(f"{path}: is a folder; a file is to be written there")
    folder = paths[0].parent
    if not folder.is_dir():
        raise CheckpointError(f"{paths[0]}: cannot be written: there is no folder {folder}")
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(f"{paths[0]}: {_shortage(needed, free)}")


def _temporary(path: Path) -> IO[bytes]:
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)


def _translated(err: OSError, path: Path, files: Sequence[IO[bytes]], needed: int) -> CheckpointError:
    if err.errno not in _FULL:
        return CheckpointError(f"{path}: cannot be written: {err}")
    written = sum(Path(file.name).stat().st_size for file in files)
    available = written + shutil.disk_usage(path.parent).free
    if err.errno == errno.EFBIG or available >= needed:
        # A quota or a limit on the size of a file, which the free space does not show.
        available = written
    return CheckpointError(f"{path}: {_shortage(max(needed, available), available)} ({err.strerror})")


def _shortage(needed: int, free: int) -> str:
    missing = needed - free
    return (
        f"the disk has no room for it: {needed / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free, "
        f"{missing / 1e6:,.1f} MB are missing; nothing was kept"
    )


def _sync_folder(folder: Path) -> None:
    """The new names last only when the folder is written too; some file systems cannot, and need not."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
