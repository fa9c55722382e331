"""One file from the hub to the disk: resumed, checked, and nothing more than was promised."""

import asyncio
import errno
import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import aiohttp

from picoqwen_core.errors import DiskFull, DownloadError, HubUnreachable
from picoqwen_core.hub.client import Hub, RemoteFile

_LOGGER = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
# Without a byte for so long, the transfer is begun again from where it stands.
STALL_SECONDS = 30.0
# Attempts in a row that bring nothing new.
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.5

type Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Brings `file` to `target`, going on with what is there; progress(bytes) tells how much there is."""

    hub: Hub
    repository: str
    file: RemoteFile
    target: Path
    progress: Progress
    stall_seconds: float = STALL_SECONDS

    async def run(self) -> None:
        """Fetch it whole.

        Raises DownloadError where it does not come whole or is not what the hub promised, DiskFull,
        HubUnreachable.
        """
        fruitless = 0
        while True:
            digest, have = await asyncio.to_thread(_begin, self.file, self.target)
            self.progress(have)
            try:
                if have < self.file.size:
                    await self._append(digest, have)
                break
            except (HubUnreachable, aiohttp.ClientError, OSError, TimeoutError) as err:
                _raise_if_full(err, self.file)
                now = await asyncio.to_thread(_length, self.target)
                fruitless = 0 if now > have else fruitless + 1
                if fruitless >= _ATTEMPTS:
                    raise _given_up(err, self.file) from err
                _LOGGER.info("Fetching %s again from byte %d: %r", self.file.path, now, err)
                await asyncio.sleep(_PAUSE_SECONDS * (fruitless + 1))
        if not _is_right(self.file, digest):
            await asyncio.to_thread(self.target.unlink)
            raise DownloadError(f"{self.file.path} arrived damaged: its checksum is not the promised one")

    async def _append(self, digest: Any, have: int) -> None:
        """Read to the end. Raises what the connection raises; TimeoutError where nothing comes."""
        async with self.hub.open(self.repository, self.file.path, have) as response:
            if have and response.status != 206:
                # It cannot begin in the middle: what is there is dropped, and the next attempt starts at 0.
                await asyncio.to_thread(self.target.unlink)
                raise ConnectionResetError("the hub cannot go on in the middle")
            with closing(await asyncio.to_thread(self.target.open, "ab")) as out:
                while have < self.file.size:
                    async with asyncio.timeout(self.stall_seconds):
                        piece = await response.content.read(CHUNK_BYTES)
                    if not piece:
                        raise ConnectionResetError(f"it ended after {have} of {self.file.size} bytes")
                    have += len(piece)
                    if have > self.file.size:
                        await asyncio.to_thread(self.target.unlink)
                        raise DownloadError(
                            f"{self.file.path} is larger than the promised {self.file.size} bytes"
                        )
                    await asyncio.to_thread(_write, out, piece, digest)
                    self.progress(have)


def _begin(file: RemoteFile, target: Path) -> tuple[Any, int]:
    """A digest over what is on the disk already, and how much that is; a file too large is dropped."""
    digest = hashlib.sha256()
    if file.sha256 is None:
        # What git calls a file's id: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    if _length(target) > file.size:
        target.unlink()
    have = 0
    if target.exists():
        with target.open("rb") as there:
            while piece := there.read(CHUNK_BYTES):
                digest.update(piece)
                have += len(piece)
    return digest, have


def _write(out: IO[bytes], piece: bytes, digest: Any) -> None:
    out.write(piece)
    out.flush()
    digest.update(piece)


def _length(target: Path) -> int:
    try:
        return target.stat().st_size
    except FileNotFoundError:
        return 0


def _is_right(file: RemoteFile, digest: Any) -> bool:
    wanted = file.sha256 or file.blob
    return wanted is None or bool(digest.hexdigest() == wanted)


def _raise_if_full(error: Exception, file: RemoteFile) -> None:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise DiskFull(f"the disk is full: {file.path} needs {file.size} bytes") from error


def _given_up(error: Exception, file: RemoteFile) -> DownloadError:
    if isinstance(error, HubUnreachable):
        return error
    reason = str(error) or "nothing more came"
    return DownloadError(f"{file.path} did not come whole after {_ATTEMPTS} attempts: {reason}")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
