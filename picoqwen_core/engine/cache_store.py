"""Prefixes on disk: the tree of blocks is written when there is something new, and read at the next start.

A file belongs to one model, one kind of cache and one layout of the kernels; any other is ignored, as is one
that is damaged. It begins with a line of JSON (what it belongs to, the nodes, checksums); the blocks follow.
"""

import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from picoqwen_core.engine.prefix_cache import Node, PrefixCache

_LOGGER = logging.getLogger(__name__)

VERSION = 1
# What conversations add is written at most so often, for the sake of flash memory; what was primed, at once.
INTERVAL_SECONDS = 600.0
_MOST_HEADER_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A node as it is written: `parent` is the place of the one above it, which comes before it."""

    parent: int | None
    ids: tuple[int, ...]
    exact: int
    block: Any


@dataclass(frozen=True, slots=True)
class CacheStore:
    """One file; owner: what its content belongs to; most_bytes: how large it may become."""

    path: Path
    owner: str
    block_bytes: int
    most_bytes: int

    @property
    def most_blocks(self) -> int:
        """How many blocks may be written."""
        return self.most_bytes // self.block_bytes

    def save(self, entries: list[Entry]) -> None:
        """Write in one step: a reader sees the old file or the new.

        A full disk or a folder that cannot be written is logged, and leaves nothing behind.
        """
        scratch = self.path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with scratch.open("wb") as file:
                self._write(file, entries)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self.path)
        except OSError as err:
            _LOGGER.warning("The prefix cache cannot be written to %s: %s", self.path, err)
            scratch.unlink(missing_ok=True)

    def load(self, cache: PrefixCache[Any], new_block: Callable[[], Any], most_blocks: int) -> int:
        """Put back what was saved, up to a number of blocks; returns how many.

        A file that is of no use costs one line in the log.
        """
        try:
            with self.path.open("rb") as file:
                return self._read(file, cache, new_block, most_blocks)
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError, IndexError) as err:
            _LOGGER.warning("The prefix cache %s is ignored: %s", self.path, err)
            cache.clear()
            return 0

    def _write(self, file: IO[bytes], entries: list[Entry]) -> None:
        described = [
            {"parent": each.parent, "ids": each.ids, "exact": each.exact, "crc": zlib.crc32(each.block.data)}
            for each in entries
        ]
        header = {"version": VERSION, "owner": self.owner, "nodes": described}
        file.write(json.dumps(header).encode() + b"\n")
        for each in entries:
            file.write(each.block.data)

    def _read(
        self, file: IO[bytes], cache: PrefixCache[Any], new_block: Callable[[], Any], most_blocks: int
    ) -> int:
        header = json.loads(file.readline(_MOST_HEADER_BYTES))
        if header["version"] != VERSION or header["owner"] != self.owner:
            raise ValueError("it belongs to another model, kind of cache or version")
        nodes: list[Node[Any]] = []
        for each in header["nodes"][:most_blocks]:
            ids, exact, parent = tuple(each["ids"]), each["exact"], each["parent"]
            whole = parent is None or len(nodes[parent].ids) == cache.block_tokens
            if not 0 < len(ids) <= cache.block_tokens or not 0 <= exact <= len(ids) or not whole:
                raise ValueError("its nodes make no sense")
            block = new_block()
            if file.readinto(memoryview(block.data)) != self.block_bytes:  # type: ignore[attr-defined]
                raise ValueError("it is too short")
            if zlib.crc32(block.data) != each["crc"]:
                raise ValueError("a block is damaged")
            above = nodes[parent] if parent is not None else None
            # What comes first was used last.
            nodes.append(cache.restore(above, ids, block, exact, used=len(header["nodes"]) - len(nodes)))
        return len(nodes)


class Saver:
    """Decides when to write; a thread of its own does, so that no request waits."""

    def __init__(
        self,
        store: CacheStore,
        cache: PrefixCache[Any],
        *,
        interval: float = INTERVAL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """cache: as it was loaded from the store."""
        self._store = store
        self._cache = cache
        self._interval = interval
        self._clock = clock
        self._saved_version = cache.version
        self._saved_at = -interval
        self._urgent = False
        self._thread: threading.Thread | None = None

    def hurry(self) -> None:
        """Something was read ahead, which is worth keeping."""
        self._urgent = True

    def idle(self) -> None:
        """Called when there is nothing to do: write what is new, if it is time."""
        if self._cache.version == self._saved_version or (self._thread and self._thread.is_alive()):
            return
        if not self._urgent and self._clock() - self._saved_at < self._interval:
            return
        self._urgent, self._saved_at, self._saved_version = False, self._clock(), self._cache.version
        # The tree changes on this thread only; blocks in it are never written to.
        entries = most_recent(list(self._cache.nodes()), self._store.most_blocks)
        self._thread = threading.Thread(
            target=self._store.save, args=(entries,), name="prefixes", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Until what is being written is written."""
        if self._thread is not None:
            self._thread.join()


def most_recent(nodes: list[Node[Any]], count: int) -> list[Entry]:
    """The most recently used nodes, first those used last, but each behind its parent.

    A parent was used at least as recently as its children.
    """
    depths: dict[Node[Any], int] = {}
    for node in nodes:
        depths[node] = 0 if node.parent is None else depths[node.parent] + 1
    places: dict[Node[Any], int] = {}
    for node in sorted(nodes, key=lambda node: (-node.used, depths[node]))[:count]:
        places[node] = len(places)
    return [
        Entry(places[node.parent] if node.parent is not None else None, node.ids, node.exact, node.block)
        for node in places
    ]
