import threading

import pytest

from picoqwen_core.engine.jobs import Job, JobQueue
from picoqwen_core.errors import BusyError


def job(number: int) -> Job:
    return Job(number, "chat", {})


def test_jobs_are_taken_in_the_order_they_came():
    queue = JobQueue(3)
    for number in (1, 2, 3):
        queue.add(job(number))
    assert [queue.take().id for _ in range(3)] == [1, 2, 3]


def test_a_full_queue_refuses_with_its_length_and_the_active_job_does_not_count():
    queue = JobQueue(1)
    queue.add(job(1))
    queue.take()
    queue.add(job(2))
    with pytest.raises(BusyError, match="1 requests are waiting"):
        queue.add(job(3))
    assert queue.counts() == (True, 1)


def test_a_waiting_job_that_is_cancelled_is_never_taken_and_frees_its_place():
    queue = JobQueue(2)
    queue.add(job(1))
    queue.add(job(2))
    queue.cancel(1)
    queue.add(job(3))
    assert [queue.take().id, queue.take().id] == [2, 3]


def test_the_most_urgent_come_first_and_equals_in_the_order_they_came():
    queue = JobQueue(9)
    for number, priority in enumerate(["background", "chat", "voice", "chat", "voice"]):
        queue.add(Job(number, "chat", {"priority": priority}))
    assert [queue.take().id for _ in range(5)] == [2, 4, 1, 3, 0]


def test_a_job_is_active_until_it_is_done():
    queue = JobQueue(1)
    queue.add(job(1))
    active = queue.take()
    assert queue.counts() == (True, 0)
    queue.done(active)
    assert queue.counts() == (False, 0)


def test_cancelling_tells_the_active_job_and_no_other():
    queue = JobQueue(2)
    queue.add(job(1))
    queue.add(job(2))
    active = queue.take()
    queue.cancel(1)
    assert active.cancelled.is_set()
    assert not queue.take().cancelled.is_set()
    queue.cancel(1)


def test_taking_waits_for_a_job():
    queue = JobQueue(1)
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take().id))
    thread.start()
    queue.add(job(7))
    thread.join(5)
    assert taken == [7]
