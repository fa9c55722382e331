"""A barrier for threads that run the same compiled function: spin for a while, then sleep until woken.

Sleeping is a futex's. Giving the core away by sched_yield instead is ruinous beside other busy processes:
on recent kernels it forfeits the rest of the thread's share. With 80 microseconds of work between barriers,
two threads on two cores that others kept busy too were 20 to 80 times slower than alone with it, and 6 times
with the futex.
"""

import platform
import sys

import numpy as np
from numba import types

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.simd import atomic_add, atomic_load, pause

# 50 to 100 microseconds: as long as it takes to fall asleep and to be woken in a virtual machine, so that at
# worst waiting costs twice what it had to. With 5 microseconds decoding was 40 % slower.
SPINS_BEFORE_SLEEP = 2_000
# linux/futex.h: wait and wake, both within one process.
_WAIT, _WAKE = 128 | 0, 128 | 1
_EVERYBODY = 1 << 30
# The number of the futex call; 64-bit Arm and everything newer share one table of numbers.
_FUTEX = (
    {"x86_64": 202, "aarch64": 98, "riscv64": 98}.get(platform.machine()) if sys.platform == "linux" else None
)
_syscall = types.ExternalFunction("syscall", types.int64(*[types.int64] * 7))
_sched_yield = types.ExternalFunction("sched_yield", types.int32())

if _FUTEX is None:

    @kernel
    def _sleep(word, value):
        _sched_yield()

    @kernel
    def _wake(word):
        pass

else:

    @kernel
    def _sleep(word, value):
        """Until woken, or at once where the 32 bits at `word` are no longer `value`'s."""
        _syscall(_FUTEX, word, _WAIT, value & 0xFFFFFFFF, 0, 0, 0)

    @kernel
    def _wake(word):
        _syscall(_FUTEX, word, _WAKE, _EVERYBODY, 0, 0, 0)


@kernel
def wait(threads, sync):
    """Return once all `threads` have come here.

    sync: address of int64 (16,): [0] counts arrivals, [1] sleepers and [8], a cache line apart, rounds, whose
    low half is the futex.
    """
    if threads == 1:
        return
    arrivals, sleepers, rounds = sync, sync + 8, sync + 64
    seen = atomic_load(rounds)
    if atomic_add(arrivals, np.int64(1)) == threads - 1:
        atomic_add(arrivals, np.int64(-threads))
        atomic_add(rounds, np.int64(1))
        # Read by an addition, which no CPU moves before the one above: whoever counts as a sleeper only later
        # sees the new round and does not fall asleep.
        if atomic_add(sleepers, np.int64(0)) > 0:
            _wake(rounds)
        return
    for _ in range(SPINS_BEFORE_SLEEP):
        if atomic_load(rounds) != seen:
            return
        pause()
    atomic_add(sleepers, np.int64(1))
    while atomic_load(rounds) == seen:
        _sleep(rounds, seen)
    atomic_add(sleepers, np.int64(-1))
