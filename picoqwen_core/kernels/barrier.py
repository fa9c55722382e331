"""A barrier for threads that run the same compiled function: spin a little, then yield the core."""

import numpy as np
from numba import types

from picoqwen_core.kernels.compiled import kernel
from picoqwen_core.kernels.simd import atomic_add, atomic_load

SPINS_BEFORE_YIELD = 2000
_sched_yield = types.ExternalFunction("sched_yield", types.int32())


@kernel
def wait(threads, sync):
    """Return once all `threads` have come here.

    sync: address of int64 (16,): [0] counts arrivals and [8] rounds, a cache line apart.
    """
    if threads == 1:
        return
    arrivals, rounds = sync, sync + 64
    seen = atomic_load(rounds)
    if atomic_add(arrivals, np.int64(1)) == threads - 1:
        atomic_add(arrivals, np.int64(-threads))
        atomic_add(rounds, np.int64(1))
        return
    spins = 0
    while atomic_load(rounds) == seen:
        spins += 1
        if spins > SPINS_BEFORE_YIELD:
            _sched_yield()
