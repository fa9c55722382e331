"""How a provider's health follows from what it did."""

import random

from picoqwen_core.health import FIRST_PAUSE, JITTER, LONGEST_PAUSE, Vitals


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[Vitals, Clock]:
    clock = Clock()
    return Vitals(clock, random.Random(1)), clock


def test_one_failure_degrades_and_a_second_in_a_row_opens_the_breaker():
    vitals, _ = watched()
    vitals.failed("it broke")
    assert (vitals.condition, vitals.may_try()) == ("degraded", True)
    vitals.failed("it broke again")
    assert (vitals.condition, vitals.may_try(), vitals.error) == ("unavailable", False, "it broke again")


def test_after_a_pause_one_trial_is_let_through_and_its_success_closes_the_breaker():
    vitals, clock = watched()
    vitals.failed("no", final=True)
    clock.now += FIRST_PAUSE * (1 + JITTER)
    assert vitals.may_try()
    vitals.begin()
    assert not vitals.may_try()
    vitals.succeeded(0.1)
    assert vitals.may_try()
    assert vitals.error is None


def test_a_trial_that_nobody_waited_for_leaves_the_next_one_free():
    vitals, clock = watched()
    vitals.failed("no", final=True)
    clock.now += FIRST_PAUSE * (1 + JITTER)
    vitals.begin()
    vitals.left()
    assert vitals.may_try()


def test_pauses_double_up_to_a_limit_and_differ():
    vitals, clock = watched()
    pauses = []
    for _ in range(12):
        vitals.failed("no", final=True)
        start = clock.now
        while not vitals.may_try():
            clock.now += 0.5
        pauses.append(clock.now - start)
    assert 0.7 * FIRST_PAUSE < pauses[0] < pauses[2] < pauses[4]
    assert pauses[-1] <= LONGEST_PAUSE * (1 + JITTER) + 0.5
    assert len(set(pauses[-4:])) > 1


def test_retry_after_is_respected_and_forgotten_after_it():
    vitals, clock = watched()
    vitals.failed("slow down", retry_after=30)
    assert (vitals.condition, vitals.may_try(), vitals.banned_seconds) == ("unavailable", False, 30)
    clock.now += 31
    assert vitals.may_try()


def test_a_probe_that_succeeds_ends_the_pause_but_proves_nothing_yet():
    vitals, _ = watched()
    vitals.failed("no", final=True)
    vitals.probed(None)
    assert (vitals.condition, vitals.may_try()) == ("unavailable", True)


def test_latency_fades_towards_the_newest_and_p95_knows_the_slow_ones():
    vitals, _ = watched()
    vitals.succeeded(3.0)
    vitals.succeeded(0.1)
    assert vitals.p95 == 3.0
    vitals, _ = watched()
    for _ in range(95):
        vitals.succeeded(0.1)
    for _ in range(5):
        vitals.succeeded(2.0)
    assert 0.1 < vitals.latency < 2.0
    assert vitals.p95 == 0.1
    vitals.succeeded(2.0)
    assert vitals.p95 == 2.0
    assert vitals.as_json()["latency_p95_ms"] == 2000
