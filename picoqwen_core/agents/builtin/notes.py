"""notes: what a model is told to remember, kept in SQLite for each key that calls.

A note written after untrusted text was read stays untrusted for ever: reading it taints the later run too.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from picoqwen_core.agents.tool import Annotations, Described, ToolContext, ToolResult
from picoqwen_core.agents.toolbox import Toolbox
from picoqwen_core.errors import ToolError

_MOST_NOTES, _MOST_CHARACTERS, _MOST_FOUND = 1000, 1000, 10
_WAIT_SECONDS = 5.0
_TABLE = """CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, text TEXT NOT NULL, untrusted INTEGER NOT NULL, made REAL
    NOT NULL
)"""


class NoteFile:
    """The notes of all owners."""

    def __init__(self, path: Path | None) -> None:
        """path: None keeps them in memory. Raises ToolError where the file cannot be had."""
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path or ":memory:", timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._db.execute(_TABLE)
        except (sqlite3.Error, OSError) as err:
            raise ToolError(f"the notes cannot be opened: {err}") from err
        self._lock = threading.Lock()

    def add(self, owner: str, text: str, *, untrusted: bool, now: float) -> int:
        """Keep a note; its number. Raises ToolError where there are too many."""
        with self._lock:
            count = self._db.execute("SELECT count(*) FROM notes WHERE owner = ?", (owner,)).fetchone()[0]
            if count >= _MOST_NOTES:
                raise ToolError(f"there are {_MOST_NOTES} notes already; forget some first")
            values = (owner, text, untrusted, now)
            cursor = self._db.execute(
                "INSERT INTO notes (owner, text, untrusted, made) VALUES (?, ?, ?, ?)", values
            )
            return int(cursor.lastrowid or 0)

    def find(self, owner: str, words: str) -> list[tuple[int, str, bool]]:
        """The newest notes that hold any of the words; all where there are none."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, text, untrusted FROM notes WHERE owner = ? ORDER BY id DESC", (owner,)
            ).fetchall()
        wanted = words.casefold().split()
        fitting = [row for row in rows if not wanted or any(word in row[1].casefold() for word in wanted)]
        return [(number, text, bool(untrusted)) for number, text, untrusted in fitting[:_MOST_FOUND]]

    def remove(self, owner: str, number: int) -> bool:
        """Forget a note; whether there was one."""
        with self._lock:
            cursor = self._db.execute("DELETE FROM notes WHERE owner = ? AND id = ?", (owner, number))
            return cursor.rowcount > 0


@dataclass(frozen=True, slots=True)
class _Notes(Described):
    file: NoteFile = field(default_factory=lambda: NoteFile(None))
    box: Toolbox = field(default_factory=Toolbox)

    async def execute(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Remember, recall or forget, off the event loop: SQLite waits for the disk."""
        return await asyncio.to_thread(self._act, arguments, context)

    def _act(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        action, text = arguments["action"], arguments.get("text", "").strip()
        if action == "recall":
            found = self.file.find(context.owner, text)
            lines = [f"{number}: {note}" for number, note, _ in found]
            return ToolResult("\n".join(lines) or "no notes", untrusted=any(each[2] for each in found))
        if action == "forget":
            # What is forgotten cannot be had back, and nobody is asked here.
            if context.tainted:
                raise ToolError("after text that others wrote was read, no note is forgotten; ask anew")
            number = arguments.get("number", 0)
            if not self.file.remove(context.owner, number):
                raise ToolError(f"there is no note {number}")
            return ToolResult(f"note {number} is forgotten", untrusted=False)
        if not text:
            raise ToolError("text: say what to remember")
        number = self.file.add(context.owner, text, untrusted=context.tainted, now=self.box.now())
        return ToolResult(f"note {number} is kept", untrusted=False)


def make(box: Toolbox) -> _Notes:
    """The tool."""
    return _Notes(
        "notes",
        "Remember a short note for later, recall notes by words, or forget one by its number.",
        {
            "type": "object",
            "properties": {
                "action": {"enum": ["remember", "recall", "forget"]},
                "text": {"type": "string", "maxLength": _MOST_CHARACTERS},
                "number": {"type": "integer", "minimum": 1},
            },
            "required": ["action"],
            "additionalProperties": False,
        },
        Annotations(destructive=False, open_world=False),
        file=NoteFile(box.notes),
        box=box,
    )
