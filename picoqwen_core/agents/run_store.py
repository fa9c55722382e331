"""Runs of flows on disk: how they ended, and for one that was broken off, where it can go on."""

import json
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picoqwen_core.errors import ConfigError, RequestError

_TABLE = """CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, number INTEGER UNIQUE, owner TEXT NOT NULL, state TEXT NOT NULL, started REAL NOT
    NULL, result TEXT NOT NULL, checkpoint TEXT
)"""
_KEPT, _WAIT_SECONDS = 500, 5.0


class RunStore:
    """One file; opened once. Every method waits for the disk, so it is called off the event loop."""

    def __init__(self, path: Path | None) -> None:
        """path: None keeps runs in memory. What ran when the process ended is "interrupted" from now on.

        Raises ConfigError where the file cannot be had.
        """
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path or ":memory:", timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._db.execute(_TABLE)
            self._db.execute("UPDATE runs SET state = 'interrupted' WHERE state = 'running'")
        except (sqlite3.Error, OSError) as err:
            raise ConfigError(f"{path}: the runs cannot be opened: {err}") from err

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def save(self, run: Mapping[str, Any], owner: str, checkpoint: Mapping[str, Any] | None) -> None:
        """Write a run's result so far, and where it can go on; the oldest runs are dropped."""
        values = (json.dumps(run), None if checkpoint is None else json.dumps(checkpoint))
        with self._lock:
            self._db.execute(
                "INSERT INTO runs VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM runs), ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET state = excluded.state, result = excluded.result,"
                " checkpoint = excluded.checkpoint",
                (run["id"], owner, run["state"], run["started"], *values),
            )
            self._db.execute("DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", (_KEPT,))

    def newest(self, owner: str, limit: int) -> list[dict[str, Any]]:
        """The last runs of an owner, the newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT result, state FROM runs WHERE owner = ? ORDER BY number DESC LIMIT ?", (owner, limit)
            ).fetchall()
        return [{**json.loads(result), "state": state} for result, state in rows]

    def one(self, id_: str, owner: str) -> dict[str, Any]:
        """A run. Raises RequestError where the owner has none of that id."""
        return self._row(id_, owner)[0]

    def checkpoint(self, id_: str, owner: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """A run that was broken off, and where it goes on. Raises RequestError where it was not."""
        run, checkpoint = self._row(id_, owner)
        if run["state"] != "interrupted" or checkpoint is None:
            raise RequestError(f"run {id_[:40]!r} is {run['state']}; only an interrupted one goes on")
        return run, checkpoint

    def _row(self, id_: str, owner: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
        with self._lock:
            row = self._db.execute(
                "SELECT result, state, checkpoint FROM runs WHERE id = ? AND owner = ?", (id_, owner)
            ).fetchone()
        if row is None:
            raise RequestError(f"there is no run {id_[:40]!r}")
        return {**json.loads(row[0]), "state": row[1]}, None if row[2] is None else json.loads(row[2])
