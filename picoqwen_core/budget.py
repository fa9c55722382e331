"""What was spent on answers, and whether there is room for one more; kept in SQLite over restarts.

Called from threads, never from the event loop. Amounts are billionths of a dollar, whole numbers.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from picoqwen_core.errors import BudgetExceeded
from picoqwen_core.messages import Usage

_DOLLAR = 1_000_000_000
_WAIT_SECONDS = 2.0
_TABLE = """
CREATE TABLE IF NOT EXISTS spending (
  id INTEGER PRIMARY KEY, day TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
  nanos INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
  settled INTEGER NOT NULL)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS spending_by_day ON spending (day)"


@dataclass(frozen=True, slots=True)
class Spent:
    """Dollars, of today and of this month; both count what answers in flight may cost."""

    day: float
    month: float


class Budget:
    """Books what answers cost: what one may cost before it begins, what it did cost afterwards.

    An answer that never ended, because the machine lost its power, stays booked at what it might have cost.
    What a clock that was ahead has booked on days to come counts as spent today.
    """

    def __init__(
        self,
        path: Path,
        *,
        per_day: float | None = None,
        per_month: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """per_day, per_month: caps in dollars; now: seconds since 1970; days are those of the machine's zone.

        Raises sqlite3.Error or OSError where the file cannot be had.
        """
        self.per_day, self.per_month = per_day, per_month
        self._now = now
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # Money that is booked stays booked, whatever happens to the power.
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(_TABLE)
        self._db.execute(_INDEX)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def spent(self) -> Spent:
        """What is booked."""
        with self._lock:
            return self._spent(self._today())

    def reserve(self, provider: str, model: str, nanos: int) -> int:
        """Book what an answer may cost; its number for settle(). Raises BudgetExceeded naming the cap."""
        today = self._today()
        with self._lock, closing(self._db.cursor()) as cursor:
            # A clock that was ahead booked on days to come; it was spent today at the latest.
            cursor.execute("UPDATE spending SET day = ? WHERE day > ?", (today, today))
            cursor.execute("BEGIN IMMEDIATE")
            try:
                self._check(self._spent(today), nanos)
                cursor.execute(
                    "INSERT INTO spending VALUES (NULL, ?, ?, ?, ?, 0, 0, 0)", (today, provider, model, nanos)
                )
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
            return int(cursor.lastrowid or 0)

    def settle(self, number: int, nanos: int, usage: Usage) -> Spent:
        """Book what it did cost; what is spent then."""
        with self._lock:
            self._db.execute(
                "UPDATE spending SET nanos = ?, prompt_tokens = ?, completion_tokens = ?, settled = 1"
                " WHERE id = ?",
                (nanos, usage.prompt_tokens, usage.completion_tokens, number),
            )
            return self._spent(self._today())

    def _check(self, spent: Spent, nanos: int) -> None:
        may_cost = nanos / _DOLLAR
        for cap, so_far, name in (
            (self.per_day, spent.day, "budget_per_day"),
            (self.per_month, spent.month, "budget_per_month"),
        ):
            if cap is not None and so_far + may_cost > cap:
                raise BudgetExceeded(
                    f"{name} is {cap:g} dollars, {so_far:.4f} of it are spent, and the answer may cost "
                    f"{may_cost:.4f}"
                )

    def _spent(self, today: str) -> Spent:
        query = "SELECT coalesce(sum(nanos), 0) FROM spending WHERE day >= ?"
        day, month = (
            self._db.execute(query, (first,)).fetchone()[0] / _DOLLAR for first in (today, f"{today[:7]}-01")
        )
        return Spent(day, month)

    def _today(self) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(self._now()))
