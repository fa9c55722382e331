"""What may be spent, over restarts and from several threads."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from picoqwen_core.budget import Budget
from picoqwen_core.errors import BudgetExceeded
from picoqwen_core.messages import Usage
from picoqwen_core.prices import Price

CENT = 10_000_000
USAGE = Usage(100, 20)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_prices_are_exact_sums_of_whole_numbers():
    assert Price(0.25, 2.0).nanos(1000, 100) == 1000 * 250 + 100 * 2000


def test_what_may_not_fit_is_refused_naming_the_cap(tmp_path: Path):
    budget = Budget(tmp_path / "b.db", per_day=0.05)
    number = budget.reserve("a", "m", 4 * CENT)
    with pytest.raises(BudgetExceeded, match=r"budget_per_day is 0.05 dollars, 0.0400 of it are spent"):
        budget.reserve("a", "m", 2 * CENT)
    budget.settle(number, CENT, USAGE)
    budget.reserve("a", "m", 2 * CENT)


def test_a_new_day_is_free_but_the_month_counts_on(tmp_path: Path):
    now = [at("2026-11-29T23:00")]
    budget = Budget(tmp_path / "b.db", per_day=0.02, per_month=0.03, now=lambda: now[0])
    budget.reserve("a", "m", 2 * CENT)
    now[0] = at("2026-11-30T01:00")
    budget.reserve("a", "m", CENT)
    with pytest.raises(BudgetExceeded, match="budget_per_month"):
        budget.reserve("a", "m", CENT)
    now[0] = at("2026-12-01T00:01")
    budget.reserve("a", "m", CENT)
    assert budget.spent().month == 0.01


def test_a_clock_that_is_put_back_gives_no_money_back(tmp_path: Path):
    now = [at("2031-01-05T12:00")]
    budget = Budget(tmp_path / "b.db", per_day=0.02, per_month=0.03, now=lambda: now[0])
    budget.reserve("a", "m", 2 * CENT)
    now[0] = at("2026-11-27T12:00")
    assert budget.spent().day == 0.02
    with pytest.raises(BudgetExceeded, match="budget_per_day"):
        budget.reserve("a", "m", CENT)


def test_what_a_clock_that_was_ahead_has_booked_does_not_block_the_days_to_come(tmp_path: Path):
    now = [at("2031-01-05T12:00")]
    budget = Budget(tmp_path / "b.db", per_day=0.02, now=lambda: now[0])
    budget.reserve("a", "m", 2 * CENT)
    now[0] = at("2026-11-27T12:00")
    with pytest.raises(BudgetExceeded):
        budget.reserve("a", "m", CENT)
    now[0] = at("2026-11-28T12:00")
    budget.reserve("a", "m", CENT)
    assert budget.spent().day == 0.01


def test_what_was_spent_outlasts_a_restart_even_in_the_middle_of_an_answer(tmp_path: Path):
    budget = Budget(tmp_path / "b.db", per_day=0.05)
    budget.settle(budget.reserve("a", "m", 3 * CENT), 2 * CENT, USAGE)
    budget.reserve("a", "m", 3 * CENT)  # never settled: the process died
    again = Budget(tmp_path / "b.db", per_day=0.05)
    assert again.spent().day == 0.05
    with pytest.raises(BudgetExceeded):
        again.reserve("a", "m", 1)


def test_many_at_once_never_pass_the_cap(tmp_path: Path):
    budgets = [Budget(tmp_path / "b.db", per_day=0.10) for _ in range(2)]

    def spend(index: int) -> int:
        try:
            budgets[index % 2].reserve("a", "m", CENT)
        except BudgetExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        booked = sum(threads.map(spend, range(40)))
    assert booked == 10
    assert budgets[0].spent().day == pytest.approx(0.10)


def test_it_is_kept_in_the_mode_that_survives_a_crash(tmp_path: Path):
    Budget(tmp_path / "deep" / "b.db")
    assert sqlite3.connect(tmp_path / "deep" / "b.db").execute("PRAGMA journal_mode").fetchone() == ("wal",)
