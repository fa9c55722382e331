"""Threads that wait for each other inside compiled code."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from picoqwen_core.kernels import barrier
from picoqwen_core.kernels.compiled import entry

THREADS, ROUNDS = 4, 3000
# The kernel as Python can call it.
wait = entry(barrier.wait.py_func)


def test_nobody_leaves_before_everybody_has_come():
    sync, came = np.zeros(16, np.int64), np.zeros(THREADS, np.int64)

    def run(thread: int) -> bool:
        complete = True
        for number in range(1, ROUNDS + 1):
            # Late now and then, so that the others fall asleep and have to be woken.
            if number % 500 == 0 and thread == number // 500 % THREADS:
                time.sleep(0.005)
            came[thread] = number
            wait(THREADS, sync.ctypes.data)
            complete &= bool((came >= number).all())
            wait(THREADS, sync.ctypes.data)
        return complete

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(run, range(THREADS))) == [True] * THREADS
    assert not sync[:2].any()


def test_who_waits_long_sleeps_instead_of_using_the_core():
    sync, used = np.zeros(16, np.int64), []
    wait(1, sync.ctypes.data)  # compiled, before time is taken

    def waiting() -> None:
        start = time.thread_time()
        wait(2, sync.ctypes.data)
        used.append(time.thread_time() - start)

    thread = threading.Thread(target=waiting)
    thread.start()
    time.sleep(1)
    wait(2, sync.ctypes.data)
    thread.join(20)
    assert used == [pytest.approx(0, abs=0.3)]
